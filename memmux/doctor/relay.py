"""The trial of a relay: `memmux mcp` with these settings, and a handshake through it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import orjson

from memmux.config.settings import Settings
from memmux.doctor import silent
from memmux.doctor.finding import Finding, error, ok
from memmux.version import __version__

BOUND_S = 60.0  # for the answer; hosts wait for 5 to 60
_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "memmux doctor", "version": __version__},
    },
}


def of_relay(settings: Settings) -> Iterator[Finding]:
    """Say hello as a host does, and yield how that went; it comes after the round trip, which waits for a cluster."""
    if (held := silent.holder(settings)) is not None:
        yield error("mcp", f"`memmux mcp` was not tried: {held.silence}")
        return
    command = [sys.executable, "-P", "-m", "memmux", *settings.flags(), "mcp"]
    began = time.monotonic()
    try:
        ended = subprocess.run(
            command, input=orjson.dumps(_HELLO) + b"\n", capture_output=True, timeout=BOUND_S, check=False
        )
        answer = orjson.loads(ended.stdout)
        server = answer["result"]["serverInfo"]
    except subprocess.TimeoutExpired:
        yield error("mcp", f"`memmux mcp` said nothing for {BOUND_S:.0f} s; see `memmux tail` and `router.err`")
    except OSError as failure:
        yield error("mcp", f"`memmux mcp` can't be started: {failure.strerror}; install memmux again")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
        yield error("mcp", f"`memmux mcp` did not answer{': ' if last else ''}{''.join(last)}; see `memmux tail`")
    else:
        ms = (time.monotonic() - began) * 1000
        yield ok("mcp", f"version {server['version']} answered a host's hello in {ms:.0f} ms")
