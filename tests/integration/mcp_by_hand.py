"""An MCP server on stdio, spoken to line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Self

from tests.bounds import BOUND_S


class McpByHand:
    """A `memmux mcp` process with this environment, and a client called `by-hand`."""

    def __init__(self, env: dict[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "memmux", "mcp"]
        self._process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._number = 0

    def __enter__(self) -> Self:
        client = {"name": "by-hand", "version": "1"}
        self._ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client})
        self._send({"method": "notifications/initialized"})
        return self

    def __exit__(self, *exception: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(BOUND_S)

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool and return its result."""
        return self._ask("tools/call", {"name": tool, "arguments": arguments})

    def _ask(self, method: str, params: dict[str, object]) -> dict[str, Any]:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline()
            assert line, "the server ended"
            message = json.loads(line)
            if message.get("id") == self._number:
                result: dict[str, Any] = message["result"]
                return result

    def _send(self, message: dict[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._process.stdin.flush()
