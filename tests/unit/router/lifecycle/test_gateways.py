"""The gateway's slot with real processes: started when somebody waits, replaced when it dies, hangs or grows."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs import log
from memmux.processes import alive
from router.lifecycle.gateway_process import GatewayProcess
from router.lifecycle.gateways import FAILING, Gateways
from router.lifecycle.supervisor import DEGRADED_AFTER
from tests.bounds import BOUND_S, pause


@pytest.fixture
def place(settings: Settings) -> Path:
    settings.database.parent.mkdir()
    Places(settings).sockets()
    log.configure("router", settings)
    return Places(settings).mcp_socket


@pytest.fixture
def gateways(settings: Settings, place: Path) -> Iterator[Gateways]:
    gateways = Gateways(replace(settings, stall_s=3.0), place, successor=False)
    gateways.listen()
    yield gateways
    gateways.close()


def _relay(place: Path) -> socket.socket:
    relay = socket.socket(socket.AF_UNIX)
    relay.settimeout(BOUND_S)
    relay.connect(str(place))
    return relay


def _look_until(gateways: Gateways, true: Callable[[], object]) -> None:
    until = time.monotonic() + BOUND_S
    while not true():
        assert time.monotonic() < until
        gateways.look(time.monotonic())
        pause()


def _state(gateways: Gateways) -> object:
    status = gateways.status()
    return None if status is None else status["state"]


def _pid(gateways: Gateways) -> int:
    status = gateways.status()
    assert status is not None
    assert isinstance(status["pid"], int)
    return status["pid"]


def test_nobody_pays_for_a_gateway_until_a_relay_waits(gateways: Gateways, place: Path) -> None:
    waiting = gateways.polled(0.0)
    assert waiting is not None
    assert gateways.status() is None
    with _relay(place):
        assert select.select([waiting], [], [], BOUND_S)[0] == [waiting]


@pytest.mark.slow
def test_a_gateway_that_dies_is_replaced_when_a_relay_waits_and_refuses_nobody(gateways: Gateways, place: Path) -> None:
    gateways.start(time.monotonic())
    assert gateways.polled(time.monotonic()) is None
    _look_until(gateways, lambda: _state(gateways) == "ready")
    assert place.with_name("gateway").exists()
    os.kill(_pid(gateways), signal.SIGKILL)
    with _relay(place):
        _look_until(gateways, lambda: gateways.status() is None)
        assert gateways.polled(time.monotonic() + 60) is not None
        gateways.start(time.monotonic())
        _look_until(gateways, lambda: _state(gateways) == "ready")


@pytest.mark.slow
def test_relays_are_not_sent_away_because_gateways_that_served_are_killed(gateways: Gateways, place: Path) -> None:
    with _relay(place):
        for _ in range(DEGRADED_AFTER + 1):
            gateways.start(time.monotonic())
            _look_until(gateways, lambda: _state(gateways) == "ready")
            os.kill(_pid(gateways), signal.SIGKILL)
            _look_until(gateways, lambda: gateways.status() is None)
            assert gateways.troubles() == []
            assert gateways.polled(time.monotonic() + 1.0) is not None


@pytest.mark.slow
def test_a_gateway_that_hangs_is_killed(gateways: Gateways) -> None:
    gateways.start(time.monotonic())
    _look_until(gateways, lambda: _state(gateways) == "ready")
    os.kill(_pid(gateways), signal.SIGSTOP)
    _look_until(gateways, lambda: gateways.status() is None)


@pytest.fixture
def echo(settings: Settings, place: Path) -> Iterator[Callable[[float], GatewayProcess]]:
    """Makes a gateway that lives at 100 s and says nothing any more; given stall_s."""
    assert place
    made: list[GatewayProcess] = []

    def make(stall_s: float) -> GatewayProcess:
        process = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        made.append(gateway := GatewayProcess(replace(settings, stall_s=stall_s), process, http=False, now=100.0))
        gateway.tell(b".")
        assert select.select([process.stdout], [], [], BOUND_S)[0]
        gateway.hear(100.0)
        return gateway

    yield make
    for gateway in made:
        gateway.end()
        gateway.wait(BOUND_S)


def _silent_until(gateway: GatewayProcess, began: int) -> int:
    """The second in which it is taken for one that hangs, where it is listened to in each."""
    for now in range(began, began + 100):
        gateway.hear(now)
        if gateway.stalled(now):
            return now
    raise AssertionError


@pytest.mark.parametrize(("stall_s", "silent_s"), [(1.0, 3), (10.0, 10)])
def test_a_gateway_has_the_time_for_several_signs_of_life(
    echo: Callable[[float], GatewayProcess], stall_s: float, silent_s: int
) -> None:
    assert _silent_until(echo(stall_s), 101) == 100 + silent_s


def test_a_gateway_is_not_killed_for_the_time_in_which_the_router_stood_still(
    echo: Callable[[float], GatewayProcess],
) -> None:
    assert _silent_until(echo(10.0), 160) == 170


@pytest.mark.slow
def test_a_gateway_that_hangs_while_it_leaves_is_killed(gateways: Gateways) -> None:
    gateways.start(time.monotonic())
    _look_until(gateways, lambda: _state(gateways) == "ready")
    pid = _pid(gateways)
    os.kill(pid, signal.SIGSTOP)
    gateways.move()
    _look_until(gateways, lambda: not alive(pid))


def test_a_gateway_that_is_wanted_and_can_not_start_is_started_no_more_often_than_another(
    settings: Settings, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(place.with_name("no-such-python")))
    wanted = Gateways(settings, place, successor=False, wanted=True)
    wanted.listen()
    try:
        for now in (100.0, 100.0, 100.1):
            wanted.look(now)
        assert wanted.due(100.2) == pytest.approx(100.25)
    finally:
        wanted.close()


@pytest.mark.slow
def test_a_gateway_that_is_told_to_move_leaves_once_its_relays_have(gateways: Gateways) -> None:
    gateways.start(time.monotonic())
    _look_until(gateways, lambda: _state(gateways) == "ready")
    gateways.move()
    _look_until(gateways, lambda: gateways.status() is None)
    assert gateways.polled(time.monotonic()) is None, "the next one has another router"


def test_relays_are_not_held_while_no_gateway_comes_up(
    gateways: Gateways, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(place.with_name("no-such-python")))
    with _relay(place) as relay:
        for number in range(DEGRADED_AFTER):
            assert gateways.troubles() == []
            gateways.start(60.0 * number)
        assert gateways.troubles() == [FAILING]
        assert relay.recv(1) == b""
    assert gateways.due(120.0) == pytest.approx(120.5)
    assert gateways.polled(120.0) is None
    assert gateways.polled(121.0) is not None


def test_a_successor_listens_beside_the_other_until_it_takes_its_place(settings: Settings, place: Path) -> None:
    first, second = (Gateways(settings, place, successor=late) for late in (False, True))
    try:
        first.listen()
        second.listen()
        assert second.own != place
        assert second.warm, "the other has no gateway, so neither needs this one any"
        second.publish()
        waiting = second.polled(0.0)
        with _relay(place):
            assert select.select([waiting], [], [], BOUND_S)[0] == [waiting]
    finally:
        first.close()
        second.close()
    second.remove()
    assert not place.exists()


def test_a_successor_wants_a_gateway_where_one_runs(settings: Settings, place: Path) -> None:
    place.with_name("gateway").touch()
    second = Gateways(settings, place, successor=True)
    assert not second.warm


@pytest.mark.slow
def test_a_gateway_that_a_relay_waits_for_comes_first(settings: Settings, place: Path) -> None:
    unwanted = Gateways(settings, place, successor=False)
    assert unwanted.head_start_s == 0.0
    wanted = Gateways(settings, place, successor=False, wanted=True)
    wanted.listen()
    try:
        assert wanted.head_start_s > 0.0
        wanted.look(time.monotonic())
        assert _state(wanted) == "starting"
        _look_until(wanted, lambda: _state(wanted) == "ready")
    finally:
        wanted.close()
