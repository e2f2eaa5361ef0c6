"""The server's bounds over real sockets, with a clock that the test sets: nobody waits for the slow."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_dealer.http import server
from mcp_dealer.http.server import HttpServer
from mcp_dealer.http.traffic import Traffic
from memmux.config.settings import Settings
from tests.bounds import BOUND_S, PAUSE_S

pytestmark = pytest.mark.anyio
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Clock:
    """Monotonic seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Served:
    """A server, its clock, and what its application has seen."""

    def __init__(self, descriptors: int = 4096, app: ASGIApp | None = None) -> None:
        self.clock = Clock()
        self.server = HttpServer(app or self.echo, Settings(), self.clock, descriptors)
        self.gone = 0
        self.port = 0

    async def echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the number of bytes that came."""
        del scope
        count, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            count, more = count + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"7")]})
        await send({"type": "http.response.body", "body": b"%07d" % count})

    async def connect(self, *said: bytes) -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"".join(said))
        await writer.drain()
        return reader, writer

    async def until(self, connections: int) -> None:
        """Return when the server has so many connections."""
        async with asyncio.timeout(BOUND_S):
            while self.server.connections != connections:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(PAUSE_S)

    async def until_received(self, size: int) -> None:
        """Return when bodies are being received over all connections, and so many bytes of one."""
        async with asyncio.timeout(BOUND_S):
            while not self._received(size):  # noqa: ASYNC110 - as above
                await asyncio.sleep(PAUSE_S)

    def _received(self, size: int) -> bool:
        found = self._connections()
        return all(one._sending for one in found) and max(one._received for one in found) >= size

    def _connections(self) -> list[server._Connection]:
        return [cast("server._Connection", one) for one in self.server._state.connections]

    def after(self, seconds: float) -> None:
        self.clock.now += seconds
        self.server.look()


@asynccontextmanager
async def serving(descriptors: int = 4096, app: ASGIApp | None = None) -> AsyncIterator[Served]:
    served = Served(descriptors, app)
    listener = socket.create_server(("127.0.0.1", 0))
    served.port = listener.getsockname()[1]
    await served.server.open(listener)
    try:
        yield served
    finally:
        served.server.close()
        await served.server.drain(0.0)


async def _rest(streams: Streams) -> bytes:
    """Everything until the server closes; the connection is closed then."""
    async with asyncio.timeout(BOUND_S):
        said = await streams[0].read()
    await _close(streams)
    return said


async def _close(streams: Streams) -> None:
    streams[1].close()
    with suppress(OSError):
        await streams[1].wait_closed()


def _problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    assert json.loads(body)["status"] == int(head.split()[1])
    return int(head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_headers_that_do_not_come_in_time_are_not_waited_for(said: bytes) -> None:
    async with serving() as served:
        streams = await served.connect(said)
        await served.until(1)
        served.after(server.HEADERS_S - 0.1)
        assert served.server.refused == 0
        served.after(0.1)
        assert _problem(await _rest(streams)) == (408, "request_too_slow")
        assert served.server.refused == 1


async def test_headers_of_the_next_request_have_their_time_from_its_first_byte() -> None:
    async with serving() as served:
        reader, writer = await served.connect(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"0000000")).startswith(b"HTTP/1.1 200")
        served.after(server.HEADERS_S)
        assert served.server.refused == 0, "a connection may be idle"
        writer.write(b"GET / ")
        served_bytes = asyncio.create_task(reader.read())
        async with asyncio.timeout(BOUND_S):
            while not served.server.refused:
                served.after(server.HEADERS_S)
                await asyncio.sleep(PAUSE_S)
        assert _problem(await served_bytes)[0] == 408
        await _close((reader, writer))


async def test_a_body_that_trickles_is_cut_and_one_that_comes_is_read() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    async with serving() as served:
        slow, quick = await served.connect(head, b"a"), await served.connect(head, b"b" * 50_000)
        await served.until(2)
        await served.until_received(50_000)
        served.after(server.BODY_S)
        slow[1].write(b"a")
        quick[1].write(b"b" * 50_000)
        assert (await quick[0].readuntil(b"0100000")).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(BOUND_S):
            while not served.server.refused:
                served.after(server.BODY_S)
                await asyncio.sleep(PAUSE_S)
        assert _problem(await _rest(slow)) == (408, "request_too_slow")
        assert served.gone == 1, "the application hears that the client is gone"
        await _close(quick)


async def test_too_many_connections_are_refused_politely_and_those_before_go_on() -> None:
    async with serving(descriptors=8 * server.SHARE) as served:
        kept = [await served.connect() for _ in range(8)]
        await served.until(8)
        for _ in range(20):
            answer = await _rest(await served.connect(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
            assert _problem(answer) == (503, "too_many_connections")
            assert b"retry-after:" in answer.lower()
        kept[0][1].write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await _rest(kept[0])).startswith(b"HTTP/1.1 200")
        await served.until(7)
        assert (await _rest(await served.connect(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")))[:12] == (
            b"HTTP/1.1 200"
        )
        for streams in kept[1:]:
            await _close(streams)
        assert served.server.refused == 20


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 4 + b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * (server.HEADER_BYTES + 1),
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
    ],
    ids=["tls", "no-version", "huge-headers", "two-lengths"],
)
async def test_what_is_no_http_is_told_so(said: bytes) -> None:
    async with serving() as served:
        assert _problem(await _rest(await served.connect(said))) == (400, "malformed_request")


async def test_a_stream_that_is_never_read_stops_and_is_cut() -> None:
    sent = 0

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10_000):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            sent += 1

    async with serving(app=flood) as served:
        deaf = socket.create_connection(("127.0.0.1", served.port))
        deaf.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await served.until(1)
        before = -1
        async with asyncio.timeout(BOUND_S):
            while sent != before or sent == 0:
                before = sent
                await asyncio.sleep(PAUSE_S * 10)
        assert sent < 1000, "what the system does not take is not sent"
        served.after(server.UNREAD_S)
        await served.until(0)
        deaf.close()
        assert served.server.refused == 1


async def test_a_client_that_vanishes_is_forgotten() -> None:
    async with serving() as served:
        streams = await served.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        await served.until(1)
        streams[1].transport.abort()
        await served.until(0)


async def _told(scope: Scope, receive: Receive, send: Send) -> None:
    """Say which path was asked for by which name."""
    del receive
    await asyncio.sleep(PAUSE_S)
    said = f"{scope['path']} {dict(scope['headers'])[b'host'].decode()}".encode()
    length = (b"content-length", str(len(said)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": said})


@pytest.mark.parametrize(
    "lengths",
    [
        b"HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 43",
        b"HTTP/1.0\r\nTransfer-Encoding: chunked",
    ],
)
async def test_a_request_of_two_lengths_is_refused_and_nothing_after_it_is_read(lengths: bytes) -> None:
    async with serving(app=Traffic(_told)) as served:
        hidden = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
        streams = await served.connect(b"POST / " + lengths + b"\r\nHost: x\r\n\r\n" + hidden)
        answer = await _rest(streams)
        assert _problem(answer) == (400, "malformed_request")
        assert b"hidden" not in answer


async def test_headers_that_came_at_once_have_their_bound_too() -> None:
    async with serving(app=Traffic(_told)) as served:
        much = b"X-Much: " + b"a" * (server.HEADER_BYTES - 100) + b"\r\n\r\n"
        assert b" 200 " in await _rest(await served.connect(_LAST, much))
        for more in (b"X-More: " + b"b" * 200, b"X: y\r\n" * 100 + b"Z: z"):
            answer = await _rest(await served.connect(_LAST, more, b"\r\n", much))
            assert _problem(answer)[0] == 400


_LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


async def test_who_closes_its_side_has_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HALF_CLOSED_S", BOUND_S)
    async with serving(app=Traffic(_told)) as served:
        reader, writer = await served.connect(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.write_eof()
        assert (await _rest((reader, writer))).endswith(b"/a x")
        await served.until(0)


async def test_who_closes_its_side_and_waits_long_is_taken_to_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    monkeypatch.setattr(server, "HALF_CLOSED_S", PAUSE_S)
    async with serving(app=waiting) as served:
        reader, writer = await served.connect(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.write_eof()
        assert not await _rest((reader, writer))
        async with asyncio.timeout(BOUND_S):
            await gone.wait()


async def test_who_closes_its_side_in_the_middle_of_a_request_is_gone() -> None:
    async with serving() as served:
        reader, writer = await served.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        await served.until(1)
        writer.write_eof()
        assert not await _rest((reader, writer))
        await served.until(0)
        assert served.gone == 1


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (b"http://memory.example:80/api/a%20b?c=d", b"/api/a b memory.example:80"),
        (b"HTTP://memory.example", b"/ memory.example"),
        (b"https://user@memory.example/", b"/ user@memory.example"),
        (b"//memory.example/a", b"//memory.example/a x"),
        (b"/http://memory.example/a", b"/http://memory.example/a x"),
    ],
)
async def test_a_whole_url_as_the_target_is_its_path_at_the_host_that_it_names(target: bytes, told: bytes) -> None:
    async with serving(app=Traffic(_told)) as served:
        streams = await served.connect(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await _rest(streams)).endswith(told)


@pytest.mark.parametrize(
    ("said", "status", "named"),
    [
        (b"Content-Type: text/plain\r\nContent-Type: application/json\r\n", 400, "content-type"),
        (b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n", 400, "idempotency-key"),
        (b"MCP-Protocol-Version: 2026-07-28\r\nMCP-Protocol-Version: 2025-11-25\r\n", 400, "mcp-protocol-version"),
        (b"Mcp-Session-Id: a\r\nMcp-Session-Id: b\r\n", 400, "mcp-session-id"),
        (b"Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n", 400, "last-event-id"),
        (b"Content-Encoding: gzip\r\n", 415, "Content-Encoding"),
        (b"Content-Encoding: identity\r\nContent-Encoding: br\r\n", 415, "Content-Encoding"),
    ],
)
async def test_a_header_that_can_not_be_heeded_as_it_stands_is_refused(said: bytes, status: int, named: str) -> None:
    async with serving(app=Traffic(_told)) as served:
        answer = await _rest(await served.connect(_LAST, said, b"\r\n"))
        assert _problem(answer)[0] == status
        assert named in answer.decode()


async def test_a_header_that_says_nothing_else_may_stand_there() -> None:
    async with serving(app=Traffic(_told)) as served:
        said = b"Content-Encoding: identity\r\nAccept: a/b\r\nAccept: c/d\r\n\r\n"
        assert b" 200 " in await _rest(await served.connect(_LAST, said))


@pytest.mark.parametrize("version", [b"2.0", b"3.7", b"0.9"])
async def test_another_version_of_http_is_not_taken_for_this_one(version: bytes) -> None:
    async with serving(app=Traffic(_told)) as served:
        answer = await _rest(await served.connect(b"GET / HTTP/" + version + b"\r\nHost: x\r\n\r\n"))
        assert _problem(answer) == (400, "malformed_request")


@pytest.mark.parametrize(
    ("path", "served_as"),
    [("/api/tags/", "/api/tags"), ("/mcp/", "/mcp"), ("/", "/"), ("/static/a/", "/static/a/"), ("/api//", "/api")],
)
async def test_a_slash_at_the_end_is_none_and_nobody_is_sent_elsewhere(path: str, served_as: str) -> None:
    async with serving(app=Traffic(_told)) as served:
        target = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        assert (await _rest(await served.connect(target))).endswith(f"{served_as} x".encode())
