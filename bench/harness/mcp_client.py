"""An MCP client of the smallest kind: it starts the server and says `initialize`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import orjson

from memmux.config.settings import Settings

_CONSOLE = "from memmux.__main__ import main; main()"  # as the console script does it; -m costs 20 ms more
_CPUCLOCK_SCHED = 2  # of what clock_getcpuclockid(3) gives: the scheduler's nanoseconds, of a whole process


def _hello(name: str) -> dict[str, object]:
    about = {"name": name, "version": "1"}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has answered; seconds: from its start to the answer."""

    pid: int
    seconds: float


@contextmanager
def initialized(settings: Settings) -> Iterator[Server]:
    """Run `memmux mcp` and give it once it has answered; it ends with the block."""
    command = [sys.executable, "-P", "-m", "memmux", *settings.flags(), "mcp"]
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(orjson.dumps(_hello("bench")) + b"\n")
        server.stdin.flush()
        orjson.loads(server.stdout.readline())
        yield Server(server.pid, time.monotonic() - began)
        server.stdin.close()


class Host:
    """An MCP host with one server, which it asks one thing after the other; a context manager that ends it."""

    def __init__(self, settings: Settings, name: str = "bench") -> None:
        """Start the server; `initialize` is still to be said."""
        command = [sys.executable, "-P", "-c", _CONSOLE, *settings.flags(), "mcp"]
        self._name = name
        self._number = 1
        self.cpu_ms = 0.0
        """The processor time of the server's process until its first answer was there."""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def initialize(self) -> None:
        """Do the handshake; raise ServerGoneError."""
        self._write(_hello(self._name))
        self._answer()
        self.cpu_ms = own_cpu_ms(self.process.pid)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __enter__(self) -> Self:
        self.initialize()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Say nothing more, and wait for the server's end."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        self.process.wait()

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool, and return the structured part of its answer; raise ToolFailedError or ServerGoneError."""
        self._number += 1
        params = {"name": tool, "arguments": arguments}
        self._write({"jsonrpc": "2.0", "id": self._number, "method": "tools/call", "params": params})
        answer = self._answer()
        if "result" not in answer:
            raise ToolFailedError(str(answer["error"]["message"]))
        if answer["result"].get("isError"):
            raise ToolFailedError(str(answer["result"]["content"][0]["text"]))
        return dict(answer["result"]["structuredContent"])

    def _write(self, message: dict[str, object]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(orjson.dumps(message) + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise ServerGoneError from error

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise ServerGoneError
        answer: dict[str, Any] = orjson.loads(line)
        return answer


class ToolFailedError(Exception):
    """Raised when a tool answers that it could not do what was asked; its text is `code: sentence`."""


class ServerGoneError(Exception):
    """Raised when the server's process is gone."""


def own_cpu_ms(pid: int) -> float:
    """Return the processor time of all threads of a process, also those that ended, in milliseconds, finely (Linux)."""
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED) * 1000
