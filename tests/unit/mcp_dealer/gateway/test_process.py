"""The process of a gateway: what it leaves."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from tests.bounds import BOUND_S


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
