"""The process of a gateway: what it leaves."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from tests.bounds import BOUND_S, pause

HANGS = """
import asyncio, ctypes, os, sys
from pathlib import Path
from mcp_dealer.gateway import process
from memmux.config.settings import Settings

async def hang(gateway, connection):
    os.write(1, b"taken")
    ctypes.PyDLL(None).sleep(600)  # inside C, and with the interpreter's lock held

process.Gateway.take = lambda *of: asyncio.ensure_future(hang(*of))
process.LEAST_S = 0.1
folder = Path(sys.argv[2])
settings = Settings(database=folder / "m.db", runtime_dir=folder / "r", stall_s=1.0)
process.run(sys.argv[1], settings, int(sys.argv[3]))
"""


def test_a_gateway_that_has_moved_leaves_the_socket_to_the_next_one(short_tmp: Path) -> None:
    path = short_tmp / "mcp"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        number = listener.fileno()
        command = [sys.executable, "-P", "-m", "mcp_dealer", f"--listen-fd={number}", f"--database={short_tmp}/m.db"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, pass_fds=(number,), stdin=pipe, stdout=pipe) as gateway:
            assert gateway.stdin is not None
            assert gateway.stdout is not None
            assert gateway.stdout.read(1) == b"."
            gateway.stdin.write(b"move\n")
            gateway.stdin.flush()
            assert gateway.wait(BOUND_S) == 0
        with socket.socket(socket.AF_UNIX) as relay:
            relay.connect(str(path))


@pytest.mark.parametrize("how", ["--connection-fd", "--listen"])
def test_a_gateway_that_no_router_hears_ends_when_it_hangs(short_tmp: Path, how: str) -> None:
    path = Places(Settings(database=short_tmp / "m.db", runtime_dir=short_tmp / "r")).mcp_socket
    relay, theirs = socket.socketpair() if how == "--connection-fd" else (socket.socket(socket.AF_UNIX), None)
    number = -1 if theirs is None else theirs.fileno()
    command = [sys.executable, "-c", HANGS, how, str(short_tmp), str(number)]
    given = () if theirs is None else (number,)
    with subprocess.Popen(command, pass_fds=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as gateway, relay:
        until = time.monotonic() + BOUND_S
        while theirs is None and relay.connect_ex(str(path)) and time.monotonic() < until:
            pause()
        said, stack = gateway.communicate(timeout=BOUND_S)
    assert said == b"taken"
    assert gateway.returncode == 1
    assert b"in hang" in stack
    if theirs is not None:
        theirs.close()
