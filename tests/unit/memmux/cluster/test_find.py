"""Finding and starting a cluster; the router that is started is a script of the test, the rest is real."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq

from memmux import errors
from memmux.cluster import endpoint as endpoints
from memmux.cluster import find, policy
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.ping import ping
from memmux.cluster.router_flags import WITH_GATEWAY
from memmux.cluster.steps import run
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.processes import alive
from memmux.wire import sockets
from memmux.wire.curve import Curve, KeyPair
from tests.bounds import pause
from tests.unit.memmux.client.peer import BOUND_S, Peer
from tests.unit.memmux.cluster.routers import READY, quick


def test_router_that_answers_is_found(settings: Settings) -> None:
    with Peer(settings):
        endpoint = find.ensure(settings, start=False)
        assert endpoint.pid == os.getpid()
        assert ping(endpoint)


def test_router_that_does_not_answer_is_not_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memmux.cluster.ping.PONG_S", 0.1)
    with Peer(settings) as peer:
        peer.deaf.set()
        endpoint = endpoints.read(Places(settings))
        assert endpoint is not None
        assert not ping(endpoint)
        with pytest.raises(errors.ClusterUnreachableError):
            find.ensure(settings, start=False)


@pytest.mark.timeout(BOUND_S)
def test_a_peer_whose_handshake_fails_before_anything_was_said_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """libzmq gives the connection up then, if it hears of it in time: nothing can be sent, and to wait is for ever."""

    connect = sockets.dealer

    def given_up(context: zmq.Context[zmq.Socket[bytes]], address: str, **kwargs: Any) -> zmq.Socket[bytes]:
        dealer = connect(context, address, **kwargs)
        dealer.disconnect(address)
        until = time.monotonic() + BOUND_S
        while dealer.poll(0, zmq.POLLOUT):
            assert time.monotonic() < until, "it is still connected"
            pause()
        return dealer

    monkeypatch.setattr("memmux.cluster.ping.PONG_S", 0.1)
    monkeypatch.setattr(sockets, "dealer", given_up)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as stranger:
        port = stranger.bind_to_random_port("tcp://127.0.0.1")
        curve = Curve(KeyPair.make().public, KeyPair.make())
        assert not ping(Endpoint(f"tcp://127.0.0.1:{port}", 0, "", 1, curve=curve))


def test_cluster_that_somebody_else_just_started_is_used(settings: Settings, router: Callable[[str], Path]) -> None:
    with Peer(settings) as peer:
        endpoint = Places(settings).endpoint
        written = endpoint.read_bytes()
        endpoint.unlink()
        told = router("""open(told, "w"); tell(b'{"error": {"code": "database_in_use"}}\\n')""")

        def announce() -> None:
            while not told.exists():
                pass
            endpoint.write_bytes(written)
            endpoint.chmod(0o600)

        somebody = threading.Thread(target=announce)
        somebody.start()
        assert find.ensure(settings).address == peer.address
        somebody.join(BOUND_S)


def test_router_is_started_again_when_the_one_that_held_the_database_is_gone(
    settings: Settings, router: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "RESPAWN_S", 0.05)
    router(
        f"""
        if os.path.exists(told):
            tell(b'{READY}\\n' % os.getpid())
        else:
            open(told, "w")
            tell(b'{{"error": {{"code": "database_in_use"}}}}\\n')
        """
    )
    assert find.ensure(settings).address == "ipc:///nowhere"


def test_who_does_not_get_the_spawn_lock_waits_for_the_cluster_of_who_did(settings: Settings, places: Places) -> None:
    steps = find.seek(settings)
    descriptor = os.open(places.spawn_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        for _ in range(3):
            assert next(steps) > 0
        with Peer(settings) as peer:
            assert run(steps).address == peer.address
    finally:
        os.close(descriptor)


def test_start_that_is_given_up_lets_the_next_client_start(settings: Settings, places: Places) -> None:
    descriptor = os.open(places.spawn_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    steps = find.seek(settings)
    next(steps)
    os.close(descriptor)
    steps.close()
    descriptor = os.open(places.spawn_lock, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_this_process_lives() -> None:
    assert alive(os.getpid())
    assert not alive(0)


def test_router_is_left_when_another_one_is_named_or_it_is_gone(settings: Settings, places: Places) -> None:
    here = Endpoint("ipc:///x", os.getpid(), "0", 1)
    assert not find.moved(settings, here)
    endpoints.write(places, here)
    assert not find.moved(settings, here)
    endpoints.write(places, Endpoint("ipc:///x", os.getppid(), "1", 1))
    assert find.moved(settings, here)
    places.endpoint.unlink()
    assert find.moved(settings, Endpoint("ipc:///x", 0, "0", 1))


def test_a_relay_has_the_router_start_with_a_gateway(settings: Settings, router: Callable[[str], Path]) -> None:
    told = router("""open(told, "w").write(repr(sys.argv)); tell(b'{"error": {"code": "database_foreign"}}')""")
    with policy.with_gateway(), pytest.raises(errors.DatabaseForeignError):
        find.ensure(quick(settings))
    assert WITH_GATEWAY in told.read_text()
    with pytest.raises(errors.DatabaseForeignError):
        find.ensure(quick(settings))
    assert WITH_GATEWAY not in told.read_text()
