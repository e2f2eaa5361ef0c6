"""An MCP client of the smallest kind: it starts the server and says `initialize`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from memmux.config.settings import Settings

_CONSOLE = "from memmux.__main__ import main; main()"  # as the console script does it; -m costs 20 ms more
_HELLO: dict[str, object] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}


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
        server.stdin.write(orjson.dumps(_HELLO) + b"\n")
        server.stdin.flush()
        orjson.loads(server.stdout.readline())
        yield Server(server.pid, time.monotonic() - began)
        server.stdin.close()


class Host:
    """An MCP host with one server, which it asks one thing after the other; a context manager that ends it."""

    def __init__(self, settings: Settings) -> None:
        command = [sys.executable, "-P", "-c", _CONSOLE, *settings.flags(), "mcp"]
        self._number = 1
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._write(_HELLO)
        self._answer()
        self.cpu_ms = own_cpu_ms(self.process.pid)
        """The processor time of the server's process until its first answer was there."""
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool, and return the structured part of its answer; raise ToolFailedError if it fails."""
        self._number += 1
        params = {"name": tool, "arguments": arguments}
        self._write({"jsonrpc": "2.0", "id": self._number, "method": "tools/call", "params": params})
        answer = self._answer()
        if "result" not in answer or answer["result"].get("isError"):
            raise ToolFailedError(str(answer))
        return dict(answer["result"]["structuredContent"])

    def _write(self, message: dict[str, object]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps(message) + b"\n")
        self.process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = orjson.loads(self.process.stdout.readline())
        return answer


class ToolFailedError(Exception):
    """Raised when a tool answers that it could not do what was asked."""


def own_cpu_ms(pid: int) -> float:
    """Return the processor time of all threads of a process, in milliseconds, finely (Linux: from /proc)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6
