"""An MCP client of the smallest kind: it starts the server and says `initialize`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from memmux.config.settings import Settings

_HELLO = {
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
