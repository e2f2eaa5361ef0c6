"""Gateways of a relay's own: where the cluster's die or say nothing, and the way back to that one."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from memmux.relay.frames import HELLO, PIN, SETTLED, Frame, FrameReader
from memmux.relay.route import PRIVATE, SHARED
from memmux.relay.way import ALONE, AT_ONCE, FAILURES, PATIENCE_S, RETURN_S
from tests.unit.memmux.relay.ways import die, heard, way_of


def test_a_host_that_gateways_die_of_has_one_of_its_own_so_that_others_keep_theirs(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way, now = way_of(short_tmp), 0.0
    for _ in range(ALONE):
        assert spawned == []
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        log = heard(Frame(SETTLED))
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


def test_a_host_that_gateways_hang_of_until_they_are_killed_has_one_of_its_own_too(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way = way_of(short_tmp, SHARED, "--stall-s=30.0")
    die(way, ALONE, after=32.0)
    own = way.step(200.0, search=True)
    assert own is not None
    own.close()
    assert spawned[-1][3] == "mcp_dealer"
    listener.close()
    way.close()


def test_one_relay_at_a_time_starts_a_gateway_of_its_own_when_gatewaysdie(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    first, second = way_of(short_tmp), way_of(short_tmp)
    for way in (first, second):
        die(way, ALONE)
    own = first.step(100.0, search=True)
    assert own is not None
    assert len(spawned) == 1
    die(second, AT_ONCE - ALONE, 100.0)
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
    waiting = [way_of(short_tmp) for _ in range(4)]
    connected = []
    for way in waiting:
        for number in range(FAILURES):
            silent = way.step(10.0 * number, search=True)
            assert silent is not None
            silent.close()
            way.lost(10.0 * number + 1, heard())
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
    first, second = way_of(short_tmp), way_of(short_tmp)
    for way in (first, second):
        die(way, ALONE)
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


def test_a_line_that_waits_all_the_time_is_not_what_gateways_die_of(
    listener: socket.socket, short_tmp: Path, spawned: list[list[str]]
) -> None:
    way, now = way_of(short_tmp), 0.0
    for _ in range(2 * ALONE):
        connected = way.step(now, search=True)
        assert connected is not None
        connected.close()
        log = heard(Frame(SETTLED))
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
    way = way_of(short_tmp, mode)
    way._failures = FAILURES
    own = way.step(0.0, search=True)
    assert own is not None
    assert way.stopgap == (mode == SHARED)
    if mode == PRIVATE:  # as the settings say
        own.close()
        return
    log, now = heard(Frame(SETTLED)), RETURN_S
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
    way = way_of(short_tmp)
    way._failures = FAILURES
    own = way.step(0.0, search=True)
    assert own is not None
    log = heard(Frame(SETTLED))
    assert not way.better(RETURN_S, log)
    assert way.wait_s(RETURN_S) == 2 * RETURN_S
    own.close()
    way.close()
    assert len(spawned) == 1
