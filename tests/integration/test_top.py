"""`memmux top` in a process of its own: once, for scripts, and live on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

from memmux import Client
from memmux.config.loader import load
from tests import commands
from tests.bounds import BOUND_S
from tests.integration.helpers import complete, gone, status_until

MEMMUX = [*commands.MEMMUX, "top"]


def _top(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return commands.run(["top", *arguments], env)


def test_once_as_a_document_and_as_a_page(client: Client, settings_env: dict[str, str]) -> None:
    status_until(client, complete)
    client.store("something")
    client.search("something")
    ended = _top(settings_env, "--once", "--json")
    assert ended.returncode == 0, ended.stderr
    view: dict[str, Any] = json.loads(ended.stdout)
    assert [one["name"] for one in view["clients"]] == ["test"]  # it does not count itself
    assert {worker["kind"] for worker in view["workers"]} == {"embed", "read", "write"}
    assert {"memory.store", "memory.search"} <= {row["operation"] for row in view["operations"]}
    assert view["storage"]["memories"] == 1
    assert view["embedder"]["batch_size"] == 1.0
    page = _top(settings_env).stdout.decode()  # where there is no terminal
    assert "memory.search" in page
    assert "\x1b" not in page


def test_without_a_cluster_once_ends_with_three_and_starts_none(settings_env: dict[str, str]) -> None:
    ended = _top(settings_env, "--once", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["state"]) == (3, "stopped")
    assert b"no cluster runs" in _top(settings_env, "--once").stdout


class _Terminal:
    """A terminal on which it runs."""

    def __init__(self, env: dict[str, str], *arguments: str, term: str = "xterm-256color") -> None:
        self.here, there = pty.openpty()
        self.resize(40, 150)
        inherited = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
        environment = {**inherited, "TERM": term}  # the size is that of the terminal
        self.process = subprocess.Popen([*MEMMUX, *arguments], env=environment, stdin=there, stdout=there, stderr=there)
        os.close(there)
        self.seen = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.here, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text: bytes) -> None:
        """Read until the text was written; fail after a bound."""
        until = time.monotonic() + BOUND_S
        while text not in self.seen:
            readable, _, _ = select.select([self.here], [], [], max(0.0, until - time.monotonic()))
            assert readable, self.seen[-2000:]
            self.seen += os.read(self.here, 65536)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.here)


@pytest.fixture
def terminal(settings_env: dict[str, str]) -> Iterator[_Terminal]:
    made = _Terminal(settings_env, "--interval", "0.2")
    yield made
    made.close()


def test_it_waits_for_a_cluster_shows_it_and_sees_it_go(terminal: _Terminal, client: Client) -> None:
    terminal.until(b"no cluster runs")
    client.store("something")
    terminal.until(b"memory.store")
    terminal.seen = b""
    client.stop()
    terminal.until(b"no cluster runs")
    os.write(terminal.here, b"q")
    assert terminal.process.wait(BOUND_S) == 0


def test_ctrl_c_ends_it_and_a_resized_window_is_drawn_anew(settings_env: dict[str, str]) -> None:
    terminal = _Terminal(settings_env, "--interval", "3600")
    try:
        terminal.until(b"no cluster runs")
        terminal.seen = b""
        terminal.resize(30, 100)
        terminal.process.send_signal(signal.SIGWINCH)  # what a terminal of its own session would be sent
        terminal.until(b"no cluster runs")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(BOUND_S) == 0
    finally:
        terminal.close()


def test_a_cluster_that_is_only_looked_at_ends_when_it_is_idle(settings_env: dict[str, str]) -> None:
    env = {**settings_env, "MEMMUX_IDLE_EXIT_S": "1"}
    terminal = None
    try:
        with Client(settings=load(environment=env), name="test") as client:
            client.store("something")
            pid = client.status().pid
            terminal = _Terminal(env, "--interval", "0.1")
            terminal.until(b"memory.store")
        gone([pid])
        terminal.until(b"no cluster runs")
    finally:
        if terminal is not None:
            terminal.close()


def test_keys_scroll_and_explain_the_page(terminal: _Terminal, client: Client) -> None:
    client.store("something")
    terminal.resize(8, 80)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.until(b"lines 1 to 7 of")
    os.write(terminal.here, b"\x1b[B")
    terminal.until(b"lines 2 to 8 of")
    os.write(terminal.here, b"?")
    terminal.until(b"what the cluster does without")
    os.write(terminal.here, b"?q")
    assert terminal.process.wait(BOUND_S) == 0


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_draw_nothing_anew_gets_the_page_once_and_is_told(
    settings_env: dict[str, str], client: Client, term: str
) -> None:
    client.store("something")
    terminal = _Terminal(settings_env, term=term)
    try:
        terminal.until(b"printed once")
        terminal.until(b"memory.store")
        assert terminal.process.wait(BOUND_S) == 0
        assert b"\x1b" not in terminal.seen
    finally:
        terminal.close()
