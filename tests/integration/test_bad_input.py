"""Bad input with real processes: a stable code and a remedy each time, and nothing lost or crashed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
import zmq

from memmux import Client, errors
from memmux.cluster.endpoint import read
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.wire import protocol, sockets
from memmux.wire.protocol import Header, Kind
from tests.bounds import BOUND_S
from tests.integration.helpers import status_until


@pytest.fixture
def client(own_client: Client) -> Client:
    """A client of a cluster that survives all of it."""
    return own_client


@pytest.fixture
def peer(client: Client) -> Iterator[zmq.Socket[bytes]]:
    """A bare socket connected to that cluster."""
    client.status()
    endpoint = read(Places(client.settings))
    assert endpoint is not None
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = sockets.dealer(context, endpoint.address)
    socket.rcvtimeo = round(BOUND_S * 1000)
    yield socket
    socket.close(linger=0)
    context.term()


def _ask(peer: zmq.Socket[bytes], *frames: bytes) -> protocol.Message:
    peer.send_multipart(list(frames))
    return protocol.decode(peer.recv_multipart())


def _hello(peer: zmq.Socket[bytes]) -> None:
    detail = {"protocol": [1, 1], "name": "bare", "pid": os.getpid(), "version": "0", "instance": uuid4().hex}
    assert _ask(peer, *protocol.encode(Header(kind=Kind.HELLO, detail=detail))).header.kind is Kind.WELCOME


def test_error_about_what_is_long_is_answered_however_often_and_reads_go_on(
    peer: zmq.Socket[bytes], client: Client
) -> None:
    _hello(peer)
    body = orjson.dumps({"k" * 20_000: 1})
    for number in range(10):  # more than two readers have places
        header = Header(kind=Kind.REQUEST, id=f"r{number}", operation="memory.get", deadline_ms=round(BOUND_S * 1000))
        answer = _ask(peer, *protocol.encode(header, body)).header
        assert (answer.id, answer.detail["code"]) == (f"r{number}", "unknown_field")
    assert client.list().total == 0


def test_garbage_is_survived_and_valid_clients_are_unaffected(peer: zmq.Socket[bytes], client: Client) -> None:
    for frames in ([b""], [b"\xff" * 100], [b"{}"], [b"[]", b""], [b'{"v":1,"kind":"no such"}'], [b""] * 40):
        peer.send_multipart(frames)
    _hello(peer)
    assert client.store("still here").status == "created"


def test_wrong_protocol_version_says_which_side_to_upgrade(peer: zmq.Socket[bytes]) -> None:
    detail = {"protocol": [7, 9], "name": "new", "pid": os.getpid(), "version": "9", "instance": "new"}
    answer = _ask(peer, *protocol.encode(Header(kind=Kind.HELLO, detail=detail)))
    assert answer.header.detail["code"] == "protocol_version"
    assert "upgrade" in str(answer.header.detail["message"])
    answer = _ask(peer, orjson.dumps({"v": 9, "kind": "hello", "id": "x"}))
    assert answer.header.detail["code"] == "protocol_version"


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("memory.nonsense", b"{}", "unknown_operation"),
        ("vectors.backfill", b"{}", "unknown_operation"),
        ("memory.store", b"no json", "argument_invalid"),
        ("memory.store", b"", "argument_invalid"),
        ("memory.store", b'{"content":"x","colour":"red"}', "unknown_field"),
        ("memory.store", b'{"content":"  "}', "content_empty"),
        ("memory.store", b'{"content":"x","metadata":{"a":NaN}}', "argument_invalid"),
        ("memory.search", b'{"query":"x","mode":"psychic"}', "unknown_mode"),
        ("memory.search", b'{"query":"x","limit":0}', "limit_out_of_range"),
        ("memory.list", b'{"limit":100000}', "limit_out_of_range"),
        ("memory.get", b'{"id":"nothing"}', "not_found"),
        ("memory.delete", b'{"id":"nothing"}', "not_found"),
    ],
)
def test_bad_request_gets_its_code(
    peer: zmq.Socket[bytes], client: Client, operation: str, body: bytes, code: str
) -> None:
    _hello(peer)
    status_until(client, lambda status: status.model is not None)
    header = Header(kind=Kind.REQUEST, id=f"bad-{code}", operation=operation, deadline_ms=round(BOUND_S * 1000))
    answer = _ask(peer, *protocol.encode(header, body))
    assert (answer.header.kind, answer.header.detail["code"]) == (Kind.ERROR, code)
    assert client.store("still here").id


def test_vector_that_is_no_embedding_is_refused(peer: zmq.Socket[bytes], client: Client) -> None:
    _hello(peer)
    for blobs in ([b"x"], [b"x", b"y"], [b'{"model":"hash","dimensions":384,"windows":[[[0,1]]]}', b"1234"]):
        header = Header(kind=Kind.REQUEST, id=f"bad-{len(blobs)}-{blobs[0][:1]!r}", operation="memory.store")
        answer = _ask(peer, *protocol.encode(header, b'{"content":"x"}', *blobs))
        assert answer.header.detail["code"] == "malformed_message"
    assert client.list(namespace="default").total == 0  # where the others store nothing


@pytest.mark.parametrize("kind", ["text", "sqlite"])
def test_file_that_is_not_ours_is_refused_and_not_changed(settings: Settings, kind: str) -> None:
    import sqlite3

    settings.database.parent.mkdir()
    if kind == "text":
        settings.database.write_text("dear diary\n" * 1000)
    else:
        with sqlite3.connect(settings.database) as connection:
            connection.execute("CREATE TABLE diary(entry)")
        connection.close()
    before = settings.database.read_bytes()
    with Client(settings=settings) as client, pytest.raises(errors.DatabaseForeignError, match="MEMMUX_DATABASE"):
        client.store("x")
    assert settings.database.read_bytes() == before


def test_folder_that_can_not_be_written_is_named(settings_env: dict[str, str]) -> None:
    settings = load({"database": "/proc/memmux/memories.db"}, settings_env)  # refused even to root
    with Client(settings=settings) as client, pytest.raises(errors.StoragePermissionError, match="/proc/memmux"):
        client.store("x")


def test_socket_path_that_is_too_long_names_the_setting(settings_env: dict[str, str], short_tmp: Path) -> None:
    settings = load({"runtime_dir": str(short_tmp / ("long" * 40))}, settings_env)
    with Client(settings=settings) as client, pytest.raises(errors.EndpointTooLongError, match="MEMMUX_RUNTIME_DIR"):
        client.store("x")


def test_missing_model_degrades_what_can_be_and_names_the_remedy(
    settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # for the embed worker, which inherits it
    settings = load({"embedder": "onnx", "model": "no/such-model"}, settings_env)
    with Client(settings=settings) as client:
        status_until(client, lambda status: "model_missing" in status.degraded)
        stored = client.store("kept without a vector")
        assert not stored.indexed
        assert "model_missing" in stored.degraded
        found = client.search("kept vector", mode="hybrid")
        assert found.mode == "keyword"
        assert "model_missing" in found.degraded
        assert found[0].memory.id == stored.id
        with pytest.raises(errors.ModelMissingError, match="run `memmux setup`"):
            client.search("kept", mode="semantic")
