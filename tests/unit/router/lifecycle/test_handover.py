"""The handover: what a successor says to the router that serves, and when that one knows that it is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import zmq

from memmux.cluster import endpoint
from memmux.cluster.endpoint import Endpoint
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, OverloadedError, ProtocolVersionError, WorkerUnavailableError
from memmux.files.lock import FileLock
from memmux.wire import protocol
from memmux.wire.protocol import Kind, Message
from router.lifecycle.handover import ASK_AGAIN_S, CLAIM_S, WARM_S, Handover, Successor
from tests.unit.memmux.client.peer import BOUND_S, Peer


@pytest.fixture
def places(settings: Settings) -> Places:
    settings.database.parent.mkdir()
    return Places(settings)


@pytest.fixture
def lock(places: Places) -> Iterator[FileLock]:
    with FileLock(places.lock) as lock:
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


def test_successor_does_without_the_model_after_a_while_but_never_without_a_writer(
    places: Places, lock: FileLock, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    with FileLock(places.lock) as taken:
        assert taken.take()
        successor = Successor(lock, places, now=10.0)
        for now, able in ((11.0, True), (10.0 + WARM_S, False)):
            assert not successor.step(context, now, able=able, warm=False)
            assert successor.asked_at is None
        successor.step(context, 10.0 + WARM_S, able=True, warm=False)
        assert successor.asked_at == 10.0 + WARM_S


def test_successor_asks_for_a_handover_in_its_own_name_and_again_after_a_while(
    settings: Settings, places: Places, lock: FileLock, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    with Peer(settings) as peer:
        successor = Successor(lock, places, now=10.0)
        successor.ask(context, 11.0)
        successor.ask(context, 11.5)
        assert peer.other(Kind.HELLO).header.detail["pid"] == os.getpid()
        asked = peer.request().header
        assert (asked.operation, asked.detail) == ("cluster.stop", {"hand_over": True})
        assert (successor.asked_at, successor.predecessor) == (11.0, endpoint.read(places))
        successor.ask(context, 11.0 + ASK_AGAIN_S)
        assert peer.request().header.operation == "cluster.stop"
        assert peer.requests.empty()
        successor.close()


def test_successor_of_nobody_takes_the_lock(
    places: Places, lock: FileLock, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    successor = Successor(lock, places, now=0.0)
    successor.ask(context, 0.0)
    assert successor.refusal() is None
    assert successor.take()
    successor.close()


@pytest.mark.parametrize(
    ("error", "final"), [(MemmuxError("no"), True), (OverloadedError(), False), (WorkerUnavailableError(), False)]
)
def test_successor_gives_up_what_is_refused_for_good(
    settings: Settings,
    places: Places,
    lock: FileLock,
    context: zmq.Context[zmq.Socket[bytes]],
    error: MemmuxError,
    *,
    final: bool,
) -> None:
    with Peer(settings, lambda message: [protocol.encode_error(error, message.header.id)]) as peer:
        successor = Successor(lock, places, now=0.0)
        successor.ask(context, 0.0)
        peer.request()
        assert successor._socket is not None
        while successor._socket.poll(BOUND_S * 1000 if final else 200):
            if (refusal := successor.refusal()) is not None:
                break
        else:
            refusal = None
        assert (refusal is not None) is final
        successor.close()


def test_router_of_another_protocol_is_told_to_stop_by_a_signal(
    settings: Settings,
    places: Places,
    lock: FileLock,
    context: zmq.Context[zmq.Socket[bytes]],
    other: subprocess.Popen[bytes],
) -> None:
    def script(message: Message) -> list[list[bytes]]:
        return [protocol.encode_error(ProtocolVersionError(), message.header.id)]

    with Peer(settings, script) as peer:
        peer.announce(other.pid)
        successor = Successor(lock, places, now=0.0)
        successor.ask(context, 0.0)
        peer.request()
        assert successor._socket is not None
        while not successor._signalled:
            assert successor._socket.poll(round(BOUND_S * 1000))
            assert successor.refusal() is None
        assert other.wait(BOUND_S) == -signal.SIGTERM
        successor.close()


def test_handover_is_done_when_the_successor_has_written_the_endpoint(
    places: Places, lock: FileLock, other: subprocess.Popen[bytes]
) -> None:
    lock.take()
    handover = Handover(lock, places, clock=lambda: 0.0)
    handover.release()
    endpoint.write(places, Endpoint("ipc:///x", os.getpid(), "0", 1))
    assert handover.taken_over(other.pid) is None
    endpoint.write(places, Endpoint("ipc:///x", other.pid, "1", 1))
    assert handover.taken_over(other.pid) is True


def test_handover_fails_when_the_successor_has_ended(
    places: Places, lock: FileLock, other: subprocess.Popen[bytes]
) -> None:
    lock.take()
    handover = Handover(lock, places)
    handover.release()
    other.kill()
    other.wait()
    assert handover.taken_over(other.pid) is False


def test_handover_fails_when_the_successor_lives_and_never_takes_the_lock(
    places: Places, lock: FileLock, other: subprocess.Popen[bytes]
) -> None:
    times = [0.0]
    lock.take()
    handover = Handover(lock, places, clock=lambda: times[0])
    handover.release()
    times[0] = CLAIM_S * 0.9
    assert handover.taken_over(other.pid) is None
    times[0] = CLAIM_S
    with FileLock(places.lock) as theirs:
        assert theirs.take()
        assert handover.taken_over(other.pid) is None
    assert handover.taken_over(other.pid) is False
    assert lock.held()
