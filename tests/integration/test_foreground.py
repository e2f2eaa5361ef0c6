"""A cluster and an MCP server in the foreground of a terminal: what they say of themselves, and their logs."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux import Client
from memmux.cluster.holder import Holder
from memmux.config.loader import load
from memmux.config.paths import Places
from tests import commands, legacy_files
from tests.bounds import BOUND_S, pause
from tests.commands import MEMMUX


class _Foreground:
    """A command on a terminal of its own."""

    def __init__(self, env: dict[str, str], *arguments: str) -> None:
        self.here, there = pty.openpty()
        self.process = subprocess.Popen([*MEMMUX, *arguments], env=env, stdin=there, stdout=there, stderr=there)
        os.close(there)
        self.seen = ""

    def until(self, text: str) -> None:
        """Read until the text was written; fail after a bound, or at the end."""
        until = time.monotonic() + BOUND_S
        while text not in self.seen:
            readable, _, _ = select.select([self.here], [], [], max(0.0, until - time.monotonic()))
            assert readable, self.seen
            self.seen += os.read(self.here, 65536).decode()

    def rest(self) -> str:
        """End it as Ctrl-C does, and return everything."""
        self.process.send_signal(signal.SIGINT)
        try:
            while part := os.read(self.here, 65536):
                self.seen += part.decode()
        except OSError:  # the other end is closed
            pass
        self.process.wait(BOUND_S)
        return self.seen


@pytest.fixture
def foreground() -> Iterator[list[_Foreground]]:
    started: list[_Foreground] = []
    yield started
    for one in started:
        one.process.kill()
        one.process.wait()
        os.close(one.here)


def test_a_cluster_says_where_it_serves_and_logs_for_people(
    settings_env: dict[str, str], foreground: list[_Foreground]
) -> None:
    served = _Foreground(settings_env, "serve", "--log-level", "debug")
    foreground.append(served)
    served.until("Ctrl-C stops it")
    with Client(settings=load(environment=settings_env), name="somebody") as client:
        client.store("one")
    served.until("session_opened")
    told = served.rest()
    assert f"memmux serves {settings_env['MEMMUX_DATABASE']} at " in told
    (line,) = [line for line in told.splitlines() if "session_opened" in line and "somebody" in line]
    assert "router[" in line
    assert not line.startswith("{")
    assert "cluster_stopped" in told


def test_the_level_says_what_is_logged(settings_env: dict[str, str], foreground: list[_Foreground]) -> None:
    served = _Foreground(settings_env, "serve", "--log-level", "error")
    foreground.append(served)
    served.until("Ctrl-C stops it")
    assert "cluster_stopped" not in served.rest()


def test_where_there_is_no_terminal_nothing_is_logged_beside_the_file(settings_env: dict[str, str]) -> None:
    with subprocess.Popen([*MEMMUX, "serve"], env=settings_env, stderr=subprocess.PIPE) as server:
        places, until = Places(load({}, settings_env)), time.monotonic() + BOUND_S
        while (holder := Holder.of(places)) is None or not holder.listening:
            assert server.poll() is None
            assert time.monotonic() < until
            pause()
        assert commands.run(["store", "one"], settings_env).returncode == 0
        server.send_signal(signal.SIGINT)
        assert server.communicate(timeout=BOUND_S)[1] == b""


def test_an_mcp_server_says_what_it_is_and_where_its_log_is(
    settings_env: dict[str, str], foreground: list[_Foreground]
) -> None:
    server = _Foreground(settings_env, "mcp")
    foreground.append(server)
    server.until("Ctrl-D ends it")
    assert "this speaks MCP with the client that starts it" in server.seen
    assert "`memmux tail -f` shows what is logged" in server.seen


def test_whoever_starts_the_first_cluster_is_told_what_was_adopted(
    settings_env: dict[str, str], short_tmp: Path, foreground: list[_Foreground]
) -> None:
    theirs = legacy_files.unpacked("12.4.0", short_tmp)
    env = {**settings_env, "MEMMUX_ADOPT_FROM": str(theirs)}
    first = commands.text(commands.run(["list", "--limit", "1", "--json"], env))
    assert first.returncode == 0
    said = [line for line in first.stderr.splitlines() if "degraded" not in line]
    assert len(said) == 2
    assert said[0].startswith("memmux: adopted ")
    assert f" memories in {theirs} (" in said[0]
    assert " created" in said[1]
    again = commands.text(commands.run(["list", "--limit", "1", "--json"], env))
    assert "adopted" not in again.stderr
    served = _Foreground({**env, "MEMMUX_DATABASE": str(short_tmp / "other.db")}, "serve")
    foreground.append(served)
    served.until("Ctrl-C stops it")
    assert served.rest().count("memmux: adopted ") == 1


def test_words_for_a_time_say_which_time_was_taken(own_env: dict[str, str]) -> None:
    ended = commands.text(commands.run(["list", "--when", "november 2020"], {**own_env, "TZ": "UTC"}))
    (line,) = [line for line in ended.stderr.splitlines() if "--when" in line]
    assert line == "memmux: --when 'november 2020' is the time from 2020-11-01 00:00 to before 2020-12-01 00:00"
    assert "--when" not in commands.text(commands.run(["list", "--when", "yesterday", "--json"], own_env)).stderr
