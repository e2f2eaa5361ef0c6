"""Succession: what an heir says to the router that serves, and when that one knows that it is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import zmq

from memmux import endpoints, protocol
from memmux.endpoints import Endpoint
from memmux.errors import MemmuxError, OverloadedError, ProtocolVersionError, WorkerUnavailableError
from memmux.places import Places
from memmux.protocol import Kind, Message
from memmux.settings import Settings
from router.lock import DatabaseLock
from router.succession import ASK_AGAIN_S, CLAIM_S, Estate, Heir
from tests.unit.memmux.peer import BOUND_S, Peer


@pytest.fixture
def places(settings: Settings) -> Places:
    settings.database.parent.mkdir()
    return Places(settings)


@pytest.fixture
def lock(places: Places) -> Iterator[DatabaseLock]:
    with DatabaseLock(places.lock) as lock:
        yield lock


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is told otherwise."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def test_heir_asks_for_a_hand_over_in_its_own_name_and_again_after_a_while(
    settings: Settings, places: Places, lock: DatabaseLock, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    with Peer(settings) as peer:
        heir = Heir(lock, places, now=10.0)
        heir.ask(context, 11.0)
        heir.ask(context, 11.5)
        assert peer.other(Kind.HELLO).header.detail["pid"] == os.getpid()
        asked = peer.request().header
        assert (asked.operation, asked.detail) == ("cluster.stop", {"hand_over": True})
        assert (heir.asked_at, heir.predecessor) == (11.0, endpoints.read(places))
        heir.ask(context, 11.0 + ASK_AGAIN_S)
        assert peer.request().header.operation == "cluster.stop"
        assert peer.requests.empty()
        heir.close()


def test_heir_of_nobody_takes_the_lock(
    places: Places, lock: DatabaseLock, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    heir = Heir(lock, places, now=0.0)
    heir.ask(context, 0.0)
    assert heir.refusal() is None
    assert heir.take()
    heir.close()


@pytest.mark.parametrize(
    ("error", "final"), [(MemmuxError("no"), True), (OverloadedError(), False), (WorkerUnavailableError(), False)]
)
def test_heir_gives_up_what_is_refused_for_good(
    settings: Settings,
    places: Places,
    lock: DatabaseLock,
    context: zmq.Context[zmq.Socket[bytes]],
    error: MemmuxError,
    *,
    final: bool,
) -> None:
    with Peer(settings, lambda message: [protocol.encode_error(error, message.header.id)]) as peer:
        heir = Heir(lock, places, now=0.0)
        heir.ask(context, 0.0)
        peer.request()
        assert heir._socket is not None
        while heir._socket.poll(BOUND_S * 1000 if final else 200):
            if (refusal := heir.refusal()) is not None:
                break
        else:
            refusal = None
        assert (refusal is not None) is final
        heir.close()


def test_router_of_another_protocol_is_told_to_stop_by_a_signal(
    settings: Settings,
    places: Places,
    lock: DatabaseLock,
    context: zmq.Context[zmq.Socket[bytes]],
    other: subprocess.Popen[bytes],
) -> None:
    def script(message: Message) -> list[list[bytes]]:
        return [protocol.encode_error(ProtocolVersionError(), message.header.id)]

    with Peer(settings, script) as peer:
        peer.announce(other.pid)
        heir = Heir(lock, places, now=0.0)
        heir.ask(context, 0.0)
        peer.request()
        assert heir._socket is not None
        while not heir._signalled:
            assert heir._socket.poll(round(BOUND_S * 1000))
            assert heir.refusal() is None
        assert other.wait(BOUND_S) == -signal.SIGTERM
        heir.close()


def test_estate_is_taken_over_when_the_successor_has_written_the_endpoint(
    places: Places, lock: DatabaseLock, other: subprocess.Popen[bytes]
) -> None:
    lock.take()
    estate = Estate(lock, places, clock=lambda: 0.0)
    estate.release()
    endpoints.write(places, Endpoint("ipc:///x", os.getpid(), "0", 1))
    assert estate.taken_over(other.pid) is None
    endpoints.write(places, Endpoint("ipc:///x", other.pid, "1", 1))
    assert estate.taken_over(other.pid) is True


def test_estate_is_not_taken_over_by_who_has_ended(
    places: Places, lock: DatabaseLock, other: subprocess.Popen[bytes]
) -> None:
    lock.take()
    estate = Estate(lock, places)
    estate.release()
    other.kill()
    other.wait()
    assert estate.taken_over(other.pid) is False


def test_estate_is_not_taken_over_by_who_lives_and_never_takes_the_lock(
    places: Places, lock: DatabaseLock, other: subprocess.Popen[bytes]
) -> None:
    times = [0.0]
    lock.take()
    estate = Estate(lock, places, clock=lambda: times[0])
    estate.release()
    times[0] = CLAIM_S * 0.9
    assert estate.taken_over(other.pid) is None
    times[0] = CLAIM_S
    with DatabaseLock(places.lock) as theirs:
        assert theirs.take()
        assert estate.taken_over(other.pid) is None
    assert estate.taken_over(other.pid) is False
    assert lock.held()
