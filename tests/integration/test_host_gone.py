"""An MCP server whose host is gone, or hears it no more, leaves within seconds and without a crash."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import termios
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.processes import alive
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import lines_of

SERVER = [sys.executable, "-P", "-m", "memmux", "mcp"]
# A host that starts a server, says its pid, and is gone when a pipe tells it; the pipes of the server stay open.
HOST = """
import os, subprocess, sys
leave, *command = sys.argv[1:]
print(subprocess.Popen(command).pid, file=sys.stderr, flush=True)
open(leave).close()
os._exit(0)
"""


def _line(method: str, number: int | None = None, **params: object) -> bytes:
    numbered = {} if number is None else {"id": number}
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **numbered}).encode() + b"\n"


def _begin(process: subprocess.Popen[bytes]) -> None:
    """Say what a client says first."""
    assert process.stdin is not None
    assert process.stdout is not None
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
    process.stdin.write(_line("initialize", 1, **about) + _line("notifications/initialized"))
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == 1


@pytest.fixture
def server(settings_env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with _begun(settings_env) as process:
        yield process


@contextmanager
def _begun(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(SERVER, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            _begin(process)
            yield process
        finally:
            process.kill()


def _readable(pipe: IO[bytes]) -> int:
    """Return how many bytes are in a pipe."""
    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def _said(settings: Settings) -> list[str]:
    logs = sorted(Places(settings).logs.glob("mcp*.jsonl"))
    return [line["event"] for log in logs for line in lines_of(log)]


def _said_until(settings: Settings, event: str) -> list[str]:
    """What was said, once the gateway has said that, which outlives the host's own process."""
    until = time.monotonic() + BOUND_S
    while event not in (said := _said(settings)):
        assert time.monotonic() < until, said
        pause()
    return said


def _left(process: subprocess.Popen[bytes], *, pending: bool) -> None:
    """Wait for the end; with a line pending it may say that nobody read the answer, unless that was written before."""
    code = process.wait(BOUND_S)
    assert process.stderr is not None
    said = process.stderr.read()
    unheard = pending and code == 1 and said.endswith(b"standard output was closed before every line was answered\n")
    assert unheard or (code, said) == (0, b"")


def _left_in_good_order(process: subprocess.Popen[bytes], settings: Settings, *, pending: bool = False) -> None:
    _left(process, pending=pending)
    events = _said_until(settings, "mcp_stopped")
    assert "host_gone" in events
    assert not [event for event in events if "crash" in event]


@pytest.mark.parametrize("pending", [True, False])
def test_server_whose_output_is_closed_leaves(
    server: subprocess.Popen[bytes], settings: Settings, pending: bool
) -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    if pending:  # before, as it may have left the moment after
        server.stdin.write(_line("tools/list", 2))
        server.stdin.flush()
    server.stdout.close()
    _left_in_good_order(server, settings, pending=pending)


def test_server_whose_host_died_while_an_answer_was_pending_leaves(
    server: subprocess.Popen[bytes], settings: Settings
) -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(_line("tools/list", 2) * 3)
    server.stdin.flush()
    server.stdin.close()
    server.stdout.close()
    _left(server, pending=True)
    assert not [event for event in _said(settings) if "crash" in event]


def test_server_whose_output_is_full_when_its_input_ends_leaves(
    settings_env: dict[str, str], settings: Settings
) -> None:
    until = time.monotonic() + BOUND_S
    # The gateway has answered everything, and says so, unless it is too busy for that as long as the server waits.
    while (left := _left_with_full_output(settings_env)) != (0, b""):
        code, said = left
        assert code == 1
        assert said.endswith(b"and not every answer is written\n")
        assert time.monotonic() < until, said
    assert not [event for event in _said_until(settings, "mcp_stopped") if "crash" in event]


def _left_with_full_output(env: dict[str, str]) -> tuple[int, bytes]:
    """Have a server's input end while nobody reads what it writes; return its exit code and what it said of that."""
    with _begun(env) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        for number in range(2, 40):  # more than a pipe holds
            server.stdin.write(_line("tools/list", number))
        server.stdin.flush()
        until = time.monotonic() + BOUND_S
        while _readable(server.stdout) < 40_000:  # pages of a pipe need not be full
            assert time.monotonic() < until
            pause()
        server.stdin.close()
        return server.wait(BOUND_S), server.stderr.read()


def test_server_whose_parent_is_gone_leaves_though_somebody_holds_its_pipes(
    settings_env: dict[str, str], settings: Settings, short_tmp: Path
) -> None:
    reads, writes = os.pipe()
    answers, answered = os.pipe()
    told, leave = short_tmp / "told", short_tmp / "leave"
    os.mkfifo(leave)
    until = time.monotonic() + BOUND_S
    command = [sys.executable, "-c", HOST, str(leave), *SERVER]
    try:
        with (
            told.open("wb") as file,
            subprocess.Popen(command, env=settings_env, stdin=reads, stdout=answered, stderr=file),
        ):
            try:
                while "mcp_started" not in _said(settings):
                    assert time.monotonic() < until
                    pause()
            finally:
                leave.open("w").close()
        pid = int(told.read_text().split()[0])
        while alive(pid):
            assert time.monotonic() < until, "the server stays though its parent is gone"
            pause()
    finally:
        for descriptor in (reads, writes, answers, answered):
            os.close(descriptor)
    assert "host_gone" in _said_until(settings, "mcp_stopped")
