"""What a key allows, over tcp: every operation, by those who have no valid key and by those whose key allows less."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import zmq

from memmux import Client
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.errors import NotAllowedError
from memmux.trust import keys, remotes
from memmux.wire import protocol, sockets
from memmux.wire.curve import Curve, KeyPair
from memmux.wire.grants import Grant
from memmux.wire.ids import uuid7
from memmux.wire.operations import OPERATIONS
from memmux.wire.protocol import Header, Kind
from memmux.wire.roles import Role
from tests.integration import reach
from tests.integration.helpers import status_until
from tests.integration.machines import BOUND_S, clients, logged, logged_until, memmux, remote_settings
from tests.integration.reach import SECRET, Place

SILENCE_MS = 2000  # in which whoever is answered has long been

Key = Callable[..., Path]


@pytest.fixture
def place(server: Client) -> Place:
    """A namespace that nobody elsewhere may touch, with its vectors."""
    furnished = Place.furnish(server, "theirs", SECRET)
    status_until(server, lambda status: status.pending == 0 and status.model is not None)
    return furnished


def everything(place: Place) -> list[reach.Asked]:
    return [
        *(asked for table in (reach.reads, reach.writes, reach.removals, reach.by_number) for asked in table(place)),
        *reach.everything(),
        ("cluster.status", {}),
    ]


def messages(place: Place) -> Iterator[list[bytes]]:
    """A HELLO and every operation, as a client sends them who waits for nothing."""
    hello = {"protocol": [1, 1], "name": "eve", "pid": 1, "version": "0", "instance": uuid7()}
    yield protocol.encode(Header(kind=Kind.HELLO, id=uuid7(), detail=hello))
    for operation, body in everything(place):
        header = Header(kind=Kind.REQUEST, id=uuid7(), operation=operation, deadline_ms=20_000, key=uuid7())
        yield protocol.encode(header, orjson.dumps(body))


def say(
    connect: Callable[[], zmq.Socket[bytes]], messages: Iterable[list[bytes]], dealer: zmq.Socket[bytes] | None = None
) -> zmq.Poller:
    """Send everything and wait for nothing; return what hears the answers, on all the connections that it took.

    libzmq gives a connection up for good whose handshake is refused: nothing can be sent over it then, ever.
    dealer: a connection to begin with.
    """
    hearing = zmq.Poller()
    dealer = dealer or connect()
    hearing.register(dealer, zmq.POLLIN)
    for frames in messages:
        while True:
            try:
                dealer.send_multipart(frames, zmq.NOBLOCK)
                break
            except zmq.Again:
                dealer = connect()
                hearing.register(dealer, zmq.POLLIN)
    return hearing


@pytest.mark.parametrize("who", ["no CURVE", "wrong server key", "unknown key", "revoked key"])
def test_who_has_no_valid_key_tries_every_operation_and_hears_nothing(
    server: Client, server_env: dict[str, str], key: Key, place: Place, who: str
) -> None:
    known = remotes.read(key("eve"))
    curve: Curve | None = known.curve
    match who:
        case "no CURVE":
            curve = None
        case "wrong server key":
            curve = replace(known.curve, server=KeyPair.make().public)
        case "unknown key":
            curve = replace(known.curve, own=KeyPair.make())
        case "revoked key":
            assert memmux(server_env, "key", "revoke", "eve").returncode == 0
    before = reach.contents(server, "theirs")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        hearing = say(lambda: sockets.dealer(context, known.endpoint, curve=curve), messages(place))
        assert not hearing.poll(SILENCE_MS)
    finally:
        context.destroy(linger=0)
    reason = who if who in ("unknown key", "revoked key") else "no CURVE, or the key of another cluster"
    logged_until(server_env, "client_refused", lambda line: line["reason"] == reason)
    assert reach.contents(server, "theirs") == before
    status_until(server, lambda status: clients(status) == ["local"])


def test_an_open_session_whose_key_is_revoked_tries_every_operation_and_hears_nothing(
    server: Client, server_env: dict[str, str], key: Key, place: Place
) -> None:
    known = remotes.read(key("eve"))
    before = reach.contents(server, "theirs")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def connect() -> zmq.Socket[bytes]:
        return sockets.dealer(context, known.endpoint, curve=known.curve)

    try:
        dealer = connect()
        hello, *rest = messages(place)
        dealer.send_multipart(hello, zmq.NOBLOCK)
        assert dealer.poll(BOUND_S * 1000)
        assert protocol.decode(dealer.recv_multipart()).header.kind is Kind.WELCOME
        assert memmux(server_env, "key", "revoke", "eve").returncode == 0
        hearing = say(connect, rest, dealer)
        assert not hearing.poll(SILENCE_MS)
    finally:
        context.destroy(linger=0)
    logged_until(server_env, "key_refused", lambda _: True)
    (line,) = logged(server_env, "key_refused")
    assert line["key"] == "eve"
    assert reach.contents(server, "theirs") == before
    status_until(server, lambda status: clients(status) == ["local"])


@pytest.mark.shared
def test_a_key_that_reads_tries_every_operation_and_changes_nothing(
    server: Client, server_env: dict[str, str], key: Key, elsewhere: dict[str, str], place: Place
) -> None:
    before = reach.contents(server, "theirs")
    with Client(settings=remote_settings(elsewhere, key("ada", "read")), name="laptop") as client:
        for (operation, body), outcome in reach.outcomes(client, everything(place)):
            if OPERATIONS[operation].needs == "read" and not OPERATIONS[operation].internal:
                # What is named by its id alone is looked for in the default namespace.
                assert outcome.code in ("ok", "not_found"), (operation, body, outcome)
            else:
                assert outcome.code in ("not_allowed", "unknown_operation"), (operation, body, outcome)
                assert "ada" in outcome.text or outcome.code == "unknown_operation"
    assert reach.contents(server, "theirs") == before
    assert {line["key"] for line in logged(server_env, "request_denied")} == {"ada"}


@pytest.mark.shared
@pytest.mark.parametrize("role", ["read", "write", "admin"])
def test_a_key_for_another_namespace_tries_every_operation_and_learns_and_changes_nothing(
    server: Client, key: Key, elsewhere: dict[str, str], place: Place, role: str
) -> None:
    before = reach.contents(server, "theirs")
    with Client(settings=remote_settings(elsewhere, key("ada", role, "--namespace", "own")), name="laptop") as client:
        for (operation, body), outcome in reach.outcomes(client, everything(place)):
            # An error may repeat what the client itself has said.
            learned = outcome.text if outcome.code == "ok" else ""
            assert place.kept not in learned, (operation, body, outcome)
            assert SECRET not in learned, (operation, body, outcome)
        assert client.list().total == len(reach.contents(server, "own"))
    assert reach.contents(server, "theirs") == before
    # Who did what is in the change log, and nobody can say another name.
    if role != "read":
        with Client(
            settings=remote_settings(elsewhere, key("bo", "write", "--namespace", "own")), name="ada"
        ) as client:
            stored = client.store("The kettle is from 1931.")
        assert [change.client for change in server.history(stored.id, namespace="own")] == ["bo/ada"]


def test_a_grant_that_is_edited_counts_from_the_next_message_on(
    server: Client, server_env: dict[str, str], key: Key, elsewhere: dict[str, str]
) -> None:
    with Client(settings=remote_settings(elsewhere, key("ada", "write")), name="laptop") as client:
        client.store("one")
        places = Places(load(environment=server_env))
        (known,) = keys.read(places).all
        less = replace(known, grant=Grant(name="ada", role=Role.READ))
        keys._keep(places, (less,), 2)
        server.status()  # looks at the keys
        with pytest.raises(NotAllowedError, match="ada"):
            client.store("two")
        assert client.list().total == 1
