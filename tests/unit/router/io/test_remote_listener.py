"""The remote listener, with real sockets: who gets in, who does not, and how one who is gone is noticed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest
import zmq
from structlog.testing import capture_logs

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import AddressUnavailableError
from memmux.logs import log
from memmux.trust import keys
from memmux.trust.key import Key
from memmux.wire import sockets
from memmux.wire.curve import Curve, KeyPair
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from router.io.auth import decide, keyring
from router.io.remote_listener import PREFIX, PROBE_S, Incoming, RemoteListener
from tests.bounds import BOUND_S
from tests.ports import free_port

ADA = KeyPair.make()
Context = zmq.Context[zmq.Socket[bytes]]
Dealer = Callable[..., zmq.Socket[bytes]]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, object]]]:
    monkeypatch.setattr(log, "_logger", None)
    with capture_logs() as captured:
        yield captured  # type: ignore[misc]  # an event is a dict


@pytest.fixture
def context() -> Iterator[Context]:
    made: Context = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def places(settings: Settings) -> Places:
    keys.add(Places(settings), Key(grant=Grant(name="ada", role=Role.WRITE), public=ADA.public, created=1.0))
    return Places(settings)


@pytest.fixture
def listener(places: Places, events: list[dict[str, object]]) -> Iterator[RemoteListener]:
    del events  # captured from before the listener has its logger
    opened = RemoteListener(f"tcp://127.0.0.1:{free_port()}", keys.pair(places), keyring(places))
    listening: Context = zmq.Context()
    opened.open(listening)
    yield opened
    opened.close(0)
    listening.term()


@pytest.fixture
def dealer(context: Context, listener: RemoteListener) -> Dealer:
    """Connects a client to the listener, by default the one that has a key."""
    made: list[zmq.Socket[bytes]] = []  # held until the context closes them

    def connect(own: KeyPair | None = ADA, server: str = "", identity: bytes = b"") -> zmq.Socket[bytes]:
        curve = None if own is None else Curve(server or listener._pair.public, own)
        made.append(sockets.dealer(context, listener.address, identity, curve))
        return made[-1]

    return connect


def until(listener: RemoteListener, good: Callable[[list[Incoming]], bool]) -> list[Incoming]:
    """Do what the loop does until it is good; fail after a bound."""
    came: list[Incoming] = []
    end = time.monotonic() + BOUND_S
    poller = zmq.Poller()
    for polled in listener.polled:
        poller.register(polled, zmq.POLLIN)
    while not good(came):
        assert time.monotonic() < end, "it never happened"
        poller.poll(50)
        listener.answer(time.monotonic())
        came += listener.messages(8)
    return came


def named(events: list[dict[str, object]], event: str) -> list[dict[str, object]]:
    return [found for found in events if found["event"] == event]


def test_a_client_with_a_key_comes_in_with_what_the_key_allows(
    dealer: Dealer, listener: RemoteListener, events: list[dict[str, object]]
) -> None:
    client = dealer()
    client.send_multipart([b"one", b"two"])
    ((routing_id, frames, grant),) = until(listener, bool)
    assert listener.owns(routing_id)
    assert frames == [b"one", b"two"]
    assert (grant.name, grant.role) == ("ada", Role.WRITE)
    listener.listener.send_multipart([listener.inner(routing_id), b"answer"])
    assert client.poll(BOUND_S * 1000)
    assert client.recv_multipart() == [b"answer"]
    (event,) = named(events, "client_authenticated")
    assert (event["key"], event["address"]) == ("ada", "127.0.0.1")


def test_unknown_keys_get_silence_and_the_log_says_where_from_once(
    dealer: Dealer, listener: RemoteListener, events: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[bytes]] = []
    monkeypatch.setattr(
        "router.io.remote_listener.decide", lambda question, *known: asked.append(question) or decide(question, *known)
    )
    strangers = [dealer(KeyPair.make()) for _ in range(3)]
    for stranger in strangers:
        stranger.send_multipart([b"one"])
    assert until(listener, lambda _: len(asked) >= 3) == []
    (event,) = named(events, "client_refused")
    assert (event["reason"], event["address"]) == ("unknown key", "127.0.0.1")
    assert not any(stranger.poll(0) for stranger in strangers)


def test_without_curve_or_with_another_clusters_key_nothing_comes_in_and_the_log_says_where_from(
    dealer: Dealer, listener: RemoteListener, events: list[dict[str, object]]
) -> None:
    plain = dealer(None)
    plain.send_multipart([b"one"])
    until(listener, lambda _: bool(named(events, "client_refused")))
    plain.close(linger=0)
    mistaken = dealer(server=KeyPair.make().public)
    mistaken.send_multipart([b"one"])
    listener._refusals._said.clear()
    until(listener, lambda _: len(named(events, "client_refused")) >= 2)
    for event in named(events, "client_refused"):
        assert event["address"] in ("127.0.0.1", "")  # a hint: the connection may be gone when it is looked up
        assert "CURVE" in str(event["reason"])


def test_a_revoked_key_ends_an_open_connection_at_its_next_word_and_is_logged_once(
    dealer: Dealer, listener: RemoteListener, places: Places, events: list[dict[str, object]]
) -> None:
    client = dealer()
    client.send_multipart([b"one"])
    ((routing_id, _, _),) = until(listener, bool)
    keys.revoke(places, "ada", 2.0)
    listener.refresh()
    assert listener.gone() == [routing_id]
    for _ in range(3):
        client.send_multipart([b"more"])
    gone: list[bytes] = []
    assert until(listener, lambda _: len(gone_so_far(listener, gone)) >= 3) == []
    (event,) = named(events, "key_refused")
    assert (event["key"], event["reason"]) == ("ada", "revoked key")


def gone_so_far(listener: RemoteListener, seen: list[bytes]) -> list[bytes]:
    seen += listener.gone()
    return seen


def test_a_name_that_is_given_again_does_not_let_the_old_key_in(
    dealer: Dealer, listener: RemoteListener, places: Places
) -> None:
    client = dealer()
    client.send_multipart([b"one"])
    until(listener, bool)
    keys.revoke(places, "ada", 2.0)
    keys.add(places, Key(grant=Grant(name="ada", role=Role.WRITE), public=KeyPair.make().public, created=3.0))
    listener.refresh()
    client.send_multipart([b"more"])
    gone = listener.gone()
    assert until(listener, lambda _: len(gone_so_far(listener, gone)) >= 2) == []


@pytest.mark.parametrize("identity", [b"a", b"\x01\x00\x00\x00\x00", b"x" * 255])
def test_no_routing_id_of_a_remote_client_is_one_of_a_local_client(
    dealer: Dealer, listener: RemoteListener, identity: bytes
) -> None:
    client = dealer(identity=identity)
    client.send_multipart([b"one"])
    ((routing_id, _, _),) = until(listener, bool)
    assert routing_id == PREFIX + identity
    # Those that libzmq makes begin with a zero and have 5 bytes; those that a client chooses begin otherwise.
    assert routing_id[0] == 0
    assert len(routing_id) > 5


def test_each_client_with_a_session_is_probed_now_and_then_and_others_are_forgotten(listener: RemoteListener) -> None:
    listener._users = {PREFIX + b"a": "", PREFIX + b"b": ""}
    sessions = [b"local", PREFIX + b"a"]
    assert set(listener.to_probe(sessions, 100.0)) == {PREFIX + b"a"}
    assert set(listener._users) == {PREFIX + b"a"}
    assert set(listener.to_probe(sessions, 100.0 + PROBE_S / 2)) == set()
    assert set(listener.to_probe(sessions, 100.0 + PROBE_S)) == {PREFIX + b"a"}


def test_a_client_that_ends_is_probed_at_once(dealer: Dealer, listener: RemoteListener) -> None:
    client = dealer()
    client.send_multipart([b"one"])
    ((routing_id, _, _),) = until(listener, bool)
    now = time.monotonic()
    listener.to_probe([routing_id], now)
    client.close(linger=0)
    until(listener, lambda _: listener._next_probe <= time.monotonic())
    # The hint comes a moment before the socket knows.
    until(listener, lambda _: not sockets.send(listener.listener, listener.inner(routing_id), [b"there?"]))


def test_a_client_is_probed_once_more_when_its_connection_has_surely_ended(listener: RemoteListener) -> None:
    sessions = [PREFIX + b"a"]
    assert set(listener.to_probe(sessions, 90.0)) == set(sessions)
    listener._hint(zmq.EVENT_DISCONNECTED, -1, 100.0)
    probed = [set(listener.to_probe(sessions, now)) == set(sessions) for now in (100.001, 101.0, 102.0, 160.9, 161.0)]
    assert probed == [True, True, False, False, True]


def test_a_client_comes_in_over_ip_version_6(context: Context, places: Places) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
            port = probe.getsockname()[1]
    except OSError as error:
        pytest.skip(f"this machine has no address of version 6: {error}")
    listening: Context = zmq.Context()
    listener = RemoteListener(f"tcp://[::1]:{port}", keys.pair(places), keyring(places))
    listener.open(listening)
    client = sockets.dealer(context, listener.address, curve=Curve(keys.pair(places).public, ADA))
    try:
        client.send_multipart([b"one"])
        ((_, frames, _),) = until(listener, bool)
        assert frames == [b"one"]
    finally:
        client.close()
        listener.close(0)
        listening.term()


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:7700", ""])
def test_an_address_that_can_not_be_had_is_a_clear_error(
    context: Context, listener: RemoteListener, places: Places, address: str
) -> None:
    what = "no address of this machine" if address else "another program"
    with pytest.raises(AddressUnavailableError, match=what):
        RemoteListener(address or listener.address, keys.pair(places), keyring(places)).open(context)


def test_a_context_that_is_asked_already_who_may_come_in_is_an_address_that_can_not_be_had_yet(
    context: Context, places: Places
) -> None:
    before = sockets.zap(context)  # of a listener that is closed, as long as libzmq has it
    try:
        with pytest.raises(AddressUnavailableError):
            RemoteListener(f"tcp://127.0.0.1:{free_port()}", keys.pair(places), keyring(places)).open(context)
    finally:
        before.close()


def test_there_is_no_tcp_without_curve(context: Context) -> None:
    with pytest.raises(ValueError, match="without CURVE"):
        sockets.listener(context, "tcp://127.0.0.1:7700", "")
