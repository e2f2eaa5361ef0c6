"""The way to a gateway: along the route, else by a child, else to a gateway of the relay's own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux.relay import children
from memmux.relay import route as routes
from memmux.relay import way as ways
from memmux.relay.frames import GO, HELLO, PIN, SETTLED, Frame, FrameReader, unpack_fields
from memmux.relay.line_log import LineLog
from memmux.relay.relay import LeaveError
from memmux.relay.route import PRIVATE, SHARED, Route
from memmux.relay.search import MOST_S
from memmux.relay.way import (
    ALONE,
    AT_ONCE,
    FAILURES,
    PATIENCE_S,
    PRIVATE_FAILURES,
    RETURN_S,
    SEARCHES,
    UNREACHABLE,
    ClusterWay,
)
from tests.bounds import BOUND_S, pause


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of processes that would be started; a pid that is nobody's stands for each."""
    spawned: list[list[str]] = []

    def spawn(command: list[str], ours: socket.socket, theirs: socket.socket) -> int:
        del ours
        theirs.close()
        spawned.append(command)
        return 1 << 22

    monkeypatch.setattr(children, "spawn", spawn)
    return spawned


@pytest.fixture
def listener(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setenv("MEMMUX_RUNTIME_DIR", str(short_tmp))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_tmp / "mcp"))
        listener.listen(16)
        yield listener


def _way(short_tmp: Path, mode: str = routes.SHARED) -> ClusterWay:
    """A way whose route is known."""
    file = routes.path(["mcp"], os.environ, "/here")
    assert routes.make_folder(file)
    Path(file).write_bytes(Route(str(short_tmp / "mcp"), ("--tools=full",), mode).pack())
    Path(file).chmod(0o600)
    return ClusterWay(["mcp"], "/here")


def _heard(*said: Frame) -> LineLog:
    log = LineLog()
    log.connected(b"")
    for frame in said:
        log.receive(frame.pack())
    return log


def test_a_route_leads_to_the_gateway_without_any_child(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way = _way(short_tmp)
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
    way = _way(short_tmp)
    assert way.step(0.0, search=False) is None
    assert spawned == []
    assert way.step(0.1, search=True) is None
    assert way.step(0.2, search=True) is None
    assert [command[3] for command in spawned] == ["memmux.cli.launch"]
    way.close()


def test_one_relay_at_a_time_has_a_child(listener: socket.socket, short_tmp: Path, spawned: list[list[str]]) -> None:
    listener.close()
    waiting = [_way(short_tmp) for _ in range(3)]
    for way in waiting:
        assert way.step(0.0, search=True) is None
    assert len(spawned) == 1
    for way in waiting:
        way.close()


def test_a_relay_that_finds_nobody_for_long_has_a_gateway_of_its_own(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    listener.close()
    way = _way(short_tmp)
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
    looking, waiting = _way(short_tmp), _way(short_tmp)
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
    way, now = _way(short_tmp), 0.0
    for _ in range(FAILURES):
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        way.lost(now, _heard())
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
    way, now = _way(short_tmp), 0.0
    for _ in range(FAILURES):
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        way.lost(now, _heard(Frame(GO, 0, b"seek")))
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
    way, now = _way(short_tmp, PRIVATE), 0.0
    for _ in range(PRIVATE_FAILURES):
        own = way.step(now, search=True)
        assert own is not None
        own.close()
        way.lost(now, _heard())
        now += 60
    with pytest.raises(LeaveError):
        way.step(now, search=True)
    assert len(spawned) == PRIVATE_FAILURES


def test_gateways_that_end_soon_are_counted_for_the_next_one(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    del spawned
    way, now = _way(short_tmp), 0.0
    for deaths in range(ALONE):
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        assert ("deaths", str(deaths)) in unpack_fields(way.hello(LineLog()))
        log = _heard(Frame(SETTLED))
        way.heard(now)
        log.read(b"the line that they die of\n", 0)
        way.lost(now + 1, log)
        now += 2
    for settled, deaths in ((1, 1), (0, 0)):  # another line is the oldest now, or there is none
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        log = _heard(Frame(SETTLED))
        way.heard(now)
        log.read(b"one\ntwo\n" if settled else b"", 0)
        log.receive(Frame(SETTLED, settled).pack())
        way.lost(now + 1, log)
        assert ("deaths", str(deaths)) in unpack_fields(way.hello(LineLog()))
        now += 2
    listener.close()


def test_what_a_child_ends_with_is_heeded(listener: socket.socket, short_tmp: Path, spawned: list[list[str]]) -> None:
    listener.close()
    way = _way(short_tmp)
    way._code = UNREACHABLE
    own = way.step(0.0, search=True)
    assert own is not None
    own.close()
    assert spawned[-1][3] == "mcp_dealer"
    way._code = 2
    with pytest.raises(LeaveError) as left:
        way.step(1.0, search=True)
    assert left.value.code == 2


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
    way = _way(short_tmp)
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


def test_a_host_that_gateways_die_of_has_one_of_its_own_so_that_others_keep_theirs(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way, now = _way(short_tmp), 0.0
    for _ in range(ALONE):
        assert spawned == []
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        log = _heard(Frame(SETTLED))
        way.heard(now)
        log.read(b"the line that they die of\n", 0)
        way.lost(now + 1, log)
        now += 2
    own = way.step(now, search=True)
    assert own is not None
    own.close()
    assert spawned[-1][3] == "mcp_dealer"
    listener.close()
    way.close()


def test_one_relay_at_a_time_starts_a_gateway_of_its_own_when_gateways_die(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    first, second = _way(short_tmp), _way(short_tmp)
    for way in (first, second):
        _die(way, ALONE)
    own = first.step(100.0, search=True)
    assert own is not None
    assert len(spawned) == 1
    _die(second, AT_ONCE - ALONE, 100.0)
    assert len(spawned) == 1, "the common one is tried as long as another relay starts its own"
    at_once = second.step(200.0, search=True)
    assert at_once is not None
    assert len(spawned) == 2
    own.close()
    at_once.close()
    for way in (first, second):
        way.close()
    listener.close()


def test_relays_whose_gateways_say_nothing_do_without_one_after_the_other_and_all_of_them_after_a_while(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    waiting = [_way(short_tmp) for _ in range(4)]
    connected = []
    for way in waiting:
        for number in range(FAILURES):
            silent = way.step(10.0 * number, search=True)
            assert silent is not None
            silent.close()
            way.lost(10.0 * number + 1, _heard())
        connected.append(way.step(100.0, search=True))
    assert len(spawned) == 1
    assert all(connected), "those without a turn wait at the cluster's socket"
    waiting[0].heard(101.0)
    connected.append(waiting[1].step(101.0, search=True))
    assert len(spawned) == 2
    connected += [way.step(100.0 + PATIENCE_S, search=True) for way in waiting[2:]]
    assert len(spawned) == 4
    for one in connected:
        assert one is not None
        one.close()
    for way in waiting:
        way.close()
    listener.close()


def test_the_next_relay_starts_a_gateway_of_its_own_once_that_of_the_first_has_said_a_word(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    first, second = _way(short_tmp), _way(short_tmp)
    for way in (first, second):
        _die(way, ALONE)
    own = first.step(100.0, search=True)
    first.heard(101.0)
    other = second.step(102.0, search=True)
    assert own is not None
    assert other is not None
    assert len(spawned) == 2
    own.close()
    other.close()
    for way in (first, second):
        way.close()
    listener.close()


def _die(way: ClusterWay, times: int, now: float = 0.0) -> None:
    """Have so many gateways die soon after they got the same line."""
    for number in range(times):
        connected = way.step(now + 2 * number, search=True)
        assert connected is not None
        connected.close()
        log = _heard(Frame(SETTLED))
        way.heard(now + 2 * number)
        log.read(b"the line that they die of\n", 0)
        way.lost(now + 2 * number + 1, log)


def test_a_line_that_waits_all_the_time_is_not_what_gateways_die_of(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way, now = _way(short_tmp), 0.0
    for _ in range(2 * ALONE):
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        log = _heard(Frame(SETTLED))
        log.read(b"tell me of changes\n", 0)
        log.receive(Frame(PIN, 1, at=1).pack())
        way.lost(now + 1, log)
        now += 2
    assert spawned == []
    listener.close()
    way.close()


@pytest.mark.parametrize("mode", [SHARED, PRIVATE])
def test_a_relay_with_a_gateway_of_its_own_goes_back_once_the_clusters_serves(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]], mode: str
) -> None:
    way = _way(short_tmp, mode)
    way._failures = FAILURES
    own = way.step(0.0, search=True)
    assert own is not None
    assert way.stopgap == (mode == SHARED)
    if mode == PRIVATE:  # as the settings say
        own.close()
        return
    log, now = _heard(Frame(SETTLED)), RETURN_S
    assert not way.better(now - 1, log)
    assert not way.better(now, log)
    silent, _ = listener.accept()
    silent.close()
    assert not way.better(now, log)
    assert now + way.wait_s(now) == now + 2 * RETURN_S
    now += 2 * RETURN_S
    assert not way.better(now, log)
    serving, _ = listener.accept()
    with serving:
        (hello,) = FrameReader().feed(serving.recv(1 << 16))
        assert hello.kind == HELLO
        serving.sendall(Frame(SETTLED).pack())
        assert way.better(now, log)
    way.lost(now, log)
    own.close()
    assert not way.stopgap
    connected = way.step(now, search=True)
    assert connected is not None
    connected.close()
    assert len(spawned) == 1
    way.close()


def test_a_relay_does_not_go_back_to_where_nobody_listens(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    listener.close()
    way = _way(short_tmp)
    way._failures = FAILURES
    own = way.step(0.0, search=True)
    assert own is not None
    log = _heard(Frame(SETTLED))
    assert not way.better(RETURN_S, log)
    assert way.wait_s(RETURN_S) == 2 * RETURN_S
    own.close()
    way.close()
    assert len(spawned) == 1


def test_a_shortage_of_processes_is_waited_for_and_then_said(
    listener: socket.socket, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawn(*command: object, **actions: object) -> int:
        raise OSError(24, "Too many open files", str((command, actions)))

    monkeypatch.setattr(os, "posix_spawn", spawn)
    listener.close()
    way = _way(short_tmp)
    now = 0.0
    for _ in range(ways.SHORTAGES - 1):
        assert way.step(now, search=True) is None
        now += 60.0
    with pytest.raises(LeaveError) as left:
        way.step(now, search=True)
    assert (left.value.code, b"Too many open files" in left.value.words) == (1, True)
    way.close()
