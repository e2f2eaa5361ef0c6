"""Events over SSE: they come as they happen, go on where a reader was, and a reader that does not read is dropped."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from mcp_dealer.http.rest import Streams, feed, routes
from memmux import Client
from memmux.config.loader import load
from tests.bounds import BOUND_S, pause
from tests.http_app import Served, serve


@pytest.fixture(scope="module")
def streams() -> Streams:
    """The streams of the server of this module."""
    return Streams()


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str], streams: Streams) -> Iterator[Served]:
    """REST before the cluster of this module."""
    with serve(load(environment=shared_env), lambda: routes(streams)) as served:
        yield served


class _Stream:
    """A stream that is read event by event."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response

    def next(self) -> tuple[str, int | None, Any]:
        """Return the next event: its name, its id and its data."""
        name, number, data = "", None, None
        while True:
            raw = self.response.readline()
            assert raw, "the stream has ended"
            line = raw.decode().rstrip("\n")
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "id":
                number = int(value)
            elif field == "data":
                data = json.loads(value)
            elif not line and data is not None:
                return name, number, data


@contextmanager
def _stream(server: Served, query: str = "", headers: dict[str, str] | None = None) -> Iterator[_Stream]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=BOUND_S)) as connection:
        connection.request("GET", f"/api/events{query}", headers=headers or {})
        response = connection.getresponse()
        assert response.status == 200
        assert response.getheader("content-type") == "text/event-stream; charset=utf-8"
        stream = _Stream(response)
        assert stream.next()[0] == "connection_established"
        yield stream
        response.close()


def test_what_happens_is_told_as_it_happens(server: Served) -> None:
    with _stream(server) as stream:
        stored = server.post("/api/memories", {"content": "told", "tags": ["news"]}).json
        name, number, data = stream.next()
        assert (name, number) == ("memory_stored", stored["seq"])
        assert (data["id"], data["tags"], data["text"]) == (stored["id"], ["news"], "told")
        server.ask("PUT", f"/api/memories/{stored['id']}", {"tags": []})
        assert stream.next()[0] == "memory_updated"
        server.ask("DELETE", f"/api/memories/{stored['id']}")
        assert stream.next()[0] == "memory_deleted"


@pytest.mark.parametrize("by", ["header", "query"])
def test_a_stream_goes_on_where_its_reader_was(server: Served, by: str) -> None:
    stored = [server.post("/api/memories", {"content": f"missed {by} {number}"}).json for number in range(3)]
    seen = stored[0]["seq"]
    headers = {"Last-Event-ID": str(seen)} if by == "header" else {}
    with _stream(server, "" if headers else f"?after_seq={seen}", headers) as stream:
        assert [stream.next()[1] for _ in stored[1:]] == [one["seq"] for one in stored[1:]]
        last = server.post("/api/memories", {"content": f"and then {by}"}).json
        assert stream.next()[1] == last["seq"]


@pytest.mark.parametrize("known", ["99999999", "c0ffee"])
def test_a_reader_that_knows_what_never_was_begins_anew(server: Served, known: str) -> None:
    with _stream(server, headers={"Last-Event-ID": known}) as stream:
        assert stream.next()[0] == "reset"
        stored = server.post("/api/memories", {"content": f"after {known}"}).json
        assert stream.next()[1] == stored["seq"]


def test_only_the_namespace_that_is_asked_for_is_told(server: Served) -> None:
    with _stream(server, "?namespace=quiet") as stream:
        server.post("/api/memories", {"content": "loud", "namespace": "loud"})
        stored = server.post("/api/memories", {"content": "quiet", "namespace": "quiet"}).json
        assert stream.next()[1] == stored["seq"]


def test_the_state_of_the_cluster_comes_along_if_it_is_asked_for(server: Served) -> None:
    with _stream(server, "?status=1") as stream:
        name, number, data = stream.next()
        assert (name, number) == ("status", None)
        assert data["workers"]


def test_streams_that_see_the_same_share_one_follower(server: Served, streams: Streams) -> None:
    with _stream(server), _stream(server), _stream(server):
        while [len(one.readers) for one in streams._followers.values()] != [3]:
            pause()
    while streams._followers:
        pause()


def test_a_reader_that_does_not_read_is_dropped(
    server: Served, streams: Streams, shared_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "QUEUE_BYTES", 4096)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while not streams._followers:
            pause()
        with Client(settings=load(environment=shared_env), name="loud") as client:
            number = 0
            while streams._followers:
                client.store(f"{number} {'x' * 4000}", tags=[f"{number}-{one}-{'t' * 100}" for one in range(60)])
                number += 1
        assert server.get("/api/health").status == 200


def test_streams_end_when_the_gateway_leaves(shared_env: dict[str, str]) -> None:
    own = Streams()
    with serve(load(environment=shared_env), lambda: routes(own), leave=own.end) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=BOUND_S)
        connection.request("GET", "/api/events")
        response = connection.getresponse()
        assert response.readline() == b"retry: 2000\n"
    rest = response.read()  # to its end, which is one: no chunk is missing
    assert b"connection_established" in rest
    connection.close()
