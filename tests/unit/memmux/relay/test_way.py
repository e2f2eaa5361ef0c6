"""The way to a gateway: along the route, else by a child, else to a gateway of the relay's own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memmux.relay import children
from memmux.relay import way as ways
from memmux.relay.frames import GO, SETTLED, Frame, unpack_fields
from memmux.relay.line_log import LineLog
from memmux.relay.relay import LeaveError
from memmux.relay.route import PRIVATE
from memmux.relay.search import MOST_S
from memmux.relay.way import (
    ALONE,
    FAILURES,
    PATIENCE_S,
    PRIVATE_FAILURES,
    SEARCHES,
    UNREACHABLE,
    ClusterWay,
)
from tests.bounds import BOUND_S, pause
from tests.unit.memmux.relay.ways import heard, way_of


def test_a_route_leads_to_the_gateway_without_any_child(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way = way_of(short_tmp)
    connected = way.step(0.0, search=True)
    assert connected is not None
    connected.close()
    said = unpack_fields(way.hello(LineLog()))
    assert ("flag", "--tools=full") in said
    assert dict(said)["folder"] == "/here"
    assert spawned == []
    listener.close()


def test_where_nobody_listens_a_child_looks_and_an_idle_host_has_none(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    listener.close()
    way = way_of(short_tmp)
    assert way.step(0.0, search=False) is None
    assert spawned == []
    assert way.step(0.1, search=True) is None
    assert way.step(0.2, search=True) is None
    assert [command[3] for command in spawned] == ["memmux.cli.launch"]
    way.close()


def test_one_relay_at_a_time_has_a_child(listener: socket.socket, short_tmp: Path, spawned: list[list[str]]) -> None:
    listener.close()
    waiting = [way_of(short_tmp) for _ in range(3)]
    for way in waiting:
        assert way.step(0.0, search=True) is None
    assert len(spawned) == 1
    for way in waiting:
        way.close()


def test_a_relay_that_finds_nobody_for_long_has_a_gateway_of_its_own(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    listener.close()
    way = way_of(short_tmp)
    assert way.step(0.0, search=True) is None
    own = way.step(PATIENCE_S, search=True)
    assert own is not None
    own.close()
    way.close()
    assert spawned[-1][3:4] == ["mcp_dealer"]
    assert spawned[-1][-1] == "--tools=full"


def test_a_relay_that_waits_for_the_search_of_another_one_has_no_gateway_of_its_own(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    listener.close()
    looking, waiting = way_of(short_tmp), way_of(short_tmp)
    assert looking.step(0.0, search=True) is None
    for half in range(6):
        assert waiting.step(half * PATIENCE_S / 2, search=True) is None
    assert len(spawned) == 1
    looking.close()
    assert waiting.step(3 * PATIENCE_S, search=True) is None
    own = waiting.step(4 * PATIENCE_S, search=True)
    assert own is not None
    own.close()
    waiting.close()
    assert [command[3] for command in spawned] == ["memmux.cli.launch", "memmux.cli.launch", "mcp_dealer"]


def test_a_gateway_that_never_says_a_word_is_done_without(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way, now = way_of(short_tmp), 0.0
    for _ in range(FAILURES):
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        way.lost(now, heard())
        now += 60
    assert spawned == []
    own = way.step(now, search=True)
    assert own is not None
    own.close()
    assert len(spawned) == 1
    listener.close()


def test_a_gateway_of_another_cluster_is_not_asked_for_ever(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way, now = way_of(short_tmp), 0.0
    for _ in range(FAILURES):
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        way.lost(now, heard(Frame(GO, 0, b"seek")))
        now += 60
    own = way.step(now, search=True)
    assert own is not None
    own.close()
    assert spawned[-1][3] == "mcp_dealer"
    listener.close()


def test_gateways_of_its_own_that_never_say_a_word_are_given_up(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    listener.close()
    way, now = way_of(short_tmp, PRIVATE), 0.0
    for _ in range(PRIVATE_FAILURES):
        own = way.step(now, search=True)
        assert own is not None
        own.close()
        way.lost(now, heard())
        now += 60
    with pytest.raises(LeaveError):
        way.step(now, search=True)
    assert len(spawned) == PRIVATE_FAILURES


def test_gateways_that_end_soon_are_counted_for_the_next_one(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    del spawned
    way, now = way_of(short_tmp), 0.0
    for deaths in range(ALONE):
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        assert ("deaths", str(deaths)) in unpack_fields(way.hello(LineLog()))
        log = heard(Frame(SETTLED))
        way.heard(now)
        log.read(b"the line that they die of\n", 0)
        way.lost(now + 1, log)
        now += 2
    for settled, deaths in ((1, 1), (0, 0)):  # another line is the oldest now, or there is none
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        log = heard(Frame(SETTLED))
        way.heard(now)
        log.read(b"one\ntwo\n" if settled else b"", 0)
        log.receive(Frame(SETTLED, settled).pack())
        way.lost(now + 1, log)
        assert ("deaths", str(deaths)) in unpack_fields(way.hello(LineLog()))
        now += 2
    listener.close()


def test_what_a_child_ends_with_is_heeded(listener: socket.socket, short_tmp: Path, spawned: list[list[str]]) -> None:
    listener.close()
    way = way_of(short_tmp)
    way._code = UNREACHABLE
    own = way.step(0.0, search=True)
    assert own is not None
    own.close()
    assert spawned[-1][3] == "mcp_dealer"
    way._code = 2
    with pytest.raises(LeaveError) as left:
        way.step(1.0, search=True)
    assert left.value.code == 2


@pytest.mark.parametrize(("code", "elsewhere"), [(0, True), (UNREACHABLE, False)])
def test_the_route_that_a_search_leaves_once_the_cluster_is_there_counts(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch, code: int, elsewhere: bool
) -> None:
    monkeypatch.setenv("MEMMUX_RUNTIME_DIR", str(short_tmp))

    def spawn(command: list[str], ours: socket.socket, theirs: socket.socket) -> int:
        del command, ours
        theirs.close()
        return os.posix_spawn(sys.executable, [sys.executable, "-c", f"raise SystemExit({code})"], os.environ)

    monkeypatch.setattr(children, "spawn", spawn)
    way = way_of(short_tmp)
    assert way.step(0.0, search=True) is None
    way_of(short_tmp / "elsewhere")  # writes the file that the first one has read
    until = time.monotonic() + BOUND_S
    while way.busy:
        assert time.monotonic() < until
        way.tend(0.1)
        pause()
    assert way.route is not None
    assert (Path(way.route.socket).parent.name == "elsewhere") == elsewhere


def test_a_search_that_is_killed_is_begun_anew_and_given_up_in_words(
    short_tmp: Path, spawned: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMMUX_RUNTIME_DIR", str(short_tmp))
    way = ClusterWay(["mcp"], "/here")
    now = 0.0
    for searches in range(1, SEARCHES + 1):
        assert way.step(now, search=True) is None
        assert len(spawned) == searches
        way._search.close()  # type: ignore[union-attr]
        way._search, way._found_at, way._code = None, now, -signal.SIGKILL
        now += 60.0
    with pytest.raises(LeaveError) as left:
        way.step(now, search=True)
    assert (left.value.code, b"killed, last by signal 9" in left.value.words) == (1, True)


def test_a_search_that_hangs_is_killed(
    listener: socket.socket, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.close()
    hung = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])

    def spawn(command: list[str], ours: socket.socket, theirs: socket.socket) -> int:
        del command, ours
        theirs.close()
        return hung.pid

    monkeypatch.setattr(children, "spawn", spawn)
    way = way_of(short_tmp)
    assert way.step(0.0, search=True) is None
    way.tend(MOST_S - 1)
    assert hung.poll() is None
    way.tend(MOST_S)
    until = time.monotonic() + BOUND_S
    while way.busy and time.monotonic() < until:
        way.tend(MOST_S + 1)
        pause()
    assert way._code == -signal.SIGKILL
    hung.returncode = way._code  # which the relay has been told
    way.close()


def test_a_shortage_of_processes_is_waited_for_and_then_said(
    listener: socket.socket, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawn(*command: object, **actions: object) -> int:
        raise OSError(24, "Too many open files", str((command, actions)))

    monkeypatch.setattr(os, "posix_spawn", spawn)
    listener.close()
    way = way_of(short_tmp)
    now = 0.0
    for _ in range(ways.SHORTAGES - 1):
        assert way.step(now, search=True) is None
        now += 60.0
    with pytest.raises(LeaveError) as left:
        way.step(now, search=True)
    assert (left.value.code, b"Too many open files" in left.value.words) == (1, True)
    way.close()
