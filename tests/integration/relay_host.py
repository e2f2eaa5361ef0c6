"""An MCP host that sends many lines at once through `memmux mcp`, and keeps every answer that ever came."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Self

from tests.bounds import BOUND_S

HANDSHAKE = 1_000_000  # the number of its request
COMMAND = [sys.executable, "-P", "-m", "memmux", "mcp"]


class RelayHost:
    """A host with one server. answers: what came for each id, in order; lines: everything that came."""

    def __init__(self, env: dict[str, str], name: str = "host", *, begin: bool = True, by: Sequence[str] = ()) -> None:
        """Start it; begin: shake hands as soon as the block begins; by: the command that starts the server's."""
        self._begin = begin
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*by, *COMMAND], env=env, stdin=pipe, stdout=pipe, stderr=pipe)
        self.lines: list[bytes] = []
        self.answers: dict[int, list[dict[str, Any]]] = {}
        self._name = name
        self._came: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        if self._begin:
            self.begin()
            self.answer(HANDSHAKE)
        return self

    def begin(self) -> None:
        """Shake hands, without waiting for the answer."""
        client = {"name": self._name, "version": "1"}
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        self.send("initialize", about, number=HANDSHAKE)
        self.send("notifications/initialized")

    def __exit__(self, *exception: object) -> None:
        with self.process:
            if self.process.poll() is None:
                self.close_input()
                try:
                    self.process.wait(BOUND_S)
                finally:
                    self.process.kill()
            self._reader.join(BOUND_S)  # before the pipe is closed: what was written is still in it

    def close_input(self) -> None:
        """Write nothing more."""
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()

    def send(self, method: str, params: dict[str, Any] | None = None, number: int | None = None) -> None:
        """Write a request, or a notification if it has no number."""
        said = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        self.write(json.dumps(said if number is None else said | {"id": number}).encode())

    def write(self, line: bytes) -> None:
        """Write a line as it is."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def call(self, number: int, tool: str, **arguments: object) -> None:
        """Call a tool; the answer comes when it comes."""
        self.send("tools/call", {"name": tool, "arguments": arguments}, number)

    def answer(self, number: int) -> dict[str, Any]:
        """Wait for the answer to a request."""
        until = time.monotonic() + BOUND_S
        while number not in self.answers:
            self._came.get(timeout=max(0.01, until - time.monotonic()))
        return self.answers[number][0]

    def result(self, number: int) -> dict[str, Any]:
        """Wait for the result of a tool that succeeds."""
        result: dict[str, Any] = self.answer(number)["result"]
        assert not result.get("isError"), result
        return dict(result["structuredContent"])

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            message = json.loads(line)
            if "method" not in message:
                self.answers.setdefault(message.get("id"), []).append(message)
            self._came.put(None)
