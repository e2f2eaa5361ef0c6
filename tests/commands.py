"""The commands that tests run, each to its end in a process of its own.

Starting Python and importing the command line costs several times what a command does. So the process is forked from
one that has done so (`command_server`), but has nothing else: no thread, no socket, no file. A test that is about how
a process starts, or about signals that it is sent, starts `MEMMUX` itself.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import forks
from tests.bounds import BOUND_S

MEMMUX = [sys.executable, "-P", "-m", "memmux"]
_MOST = 1 << 16  # bytes that are read at once

Ended = subprocess.CompletedProcess[bytes]


def run(arguments: Sequence[str], env: Mapping[str, str], *, cwd: Path | None = None, stdin: bytes = b"") -> Ended:
    """Run `memmux` with these arguments and this environment to its end."""
    if forks.of_start(env) != forks.at_start():
        command = [*MEMMUX, *arguments]
        return subprocess.run(
            command, env=dict(env), cwd=cwd, input=stdin, capture_output=True, timeout=BOUND_S, check=False
        )
    try:
        server = _idle.pop()
    except IndexError:
        server = _Server()
    ended = server.run(arguments, env, cwd or Path.cwd(), stdin)  # one that fails is not used again
    _idle.append(server)
    return ended


def text(ended: Ended) -> subprocess.CompletedProcess[str]:
    """Return what ended, with its output as text."""
    return subprocess.CompletedProcess(ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode())


class _Server:
    """A process that forks for each command, one at a time."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", str(Path(__file__).with_name("command_server.py")), str(theirs.fileno())]
            nothing = subprocess.DEVNULL
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=nothing, stdout=nothing)
        atexit.register(self._close)

    def run(self, arguments: Sequence[str], env: Mapping[str, str], cwd: Path, stdin: bytes) -> Ended:
        streams = [os.pipe() for _ in range(3)]
        (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err) = streams
        asked = json.dumps({"arguments": arguments, "env": dict(env), "cwd": str(cwd)}).encode() + b"\n"
        theirs = (theirs_in, theirs_out, theirs_err)
        sent = socket.send_fds(self._control, [asked], theirs)
        self._control.sendall(asked[sent:])
        for descriptor in theirs:
            os.close(descriptor)
        pid = self._number()
        try:
            read = _exchange({ours_out: bytearray(), ours_err: bytearray()}, ours_in, stdin)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired([*MEMMUX, *arguments], BOUND_S) from None
        return subprocess.CompletedProcess(
            [*MEMMUX, *arguments], self._number(), bytes(read[ours_out]), bytes(read[ours_err])
        )

    def _number(self) -> int:
        said = b""
        while not said.endswith(b"\n"):
            self._control.settimeout(BOUND_S)
            more = self._control.recv(1)
            assert more, "the process that runs commands has ended"
            said += more
        return int(said)

    def _close(self) -> None:
        self._control.close()
        self._process.wait(BOUND_S)


def _exchange(read: dict[int, bytearray], writing: int, data: bytes) -> dict[int, bytearray]:
    """Write `data` to one pipe and read the others to their ends; closes them all. Raises TimeoutError."""
    until = time.monotonic() + BOUND_S
    os.set_blocking(writing, False)
    readers, writers, rest = set(read), {writing}, memoryview(data)
    try:
        while readers or writers:
            if not rest and writers:
                os.close(writers.pop())
                continue
            readable, writable, _ = select.select(readers, writers, [], max(0.0, until - time.monotonic()))
            if not readable and not writable:
                raise TimeoutError
            for descriptor in readable:
                if part := os.read(descriptor, _MOST):
                    read[descriptor] += part
                else:
                    readers.remove(descriptor)
                    os.close(descriptor)
            for descriptor in writable:
                try:
                    rest = rest[os.write(descriptor, rest) :]
                except BrokenPipeError:  # nobody wants it
                    rest = rest[len(rest) :]
    finally:
        for descriptor in (*readers, *writers):
            with contextlib.suppress(OSError):
                os.close(descriptor)
    return read


_idle: list[_Server] = []
