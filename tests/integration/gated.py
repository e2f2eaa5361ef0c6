"""The gate over real sockets, before an application that asks the cluster for whatever a body says."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from mcp_dealer.http import login, page
from mcp_dealer.http.clients import Clients
from mcp_dealer.http.credentials import Credentials
from mcp_dealer.http.gate import Gate
from memmux.client.calls import Call
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, error_from_json
from memmux.wire.protocol import Header, Kind, Message
from tests.bounds import BOUND_S

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)

    def header(self, name: str) -> str | None:
        found = [value for known, value in self.headers if known.lower() == name]
        assert len(found) < 2, found
        return found[0] if found else None


@dataclass(frozen=True)
class Gated:
    """Where the application is reached."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: bytes | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=BOUND_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """Send bytes, and return the answer's, up to the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=BOUND_S) as connection:
            connection.sendall(request)
            parts = []
            while part := connection.recv(1 << 16):
                parts.append(part)
        return b"".join(parts)

    @contextmanager
    def streaming(self, token: str) -> Iterator[BinaryIO]:
        """Give a stream that has begun, and would not end by itself."""
        asked = f"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=BOUND_S) as connection:
            connection.sendall(asked.encode())
            with connection.makefile("rb") as answer:
                while (line := answer.readline()) != b"begun\n":
                    assert line, "the connection was cut before the stream began"
                yield answer


class Asking:
    """What `reach.outcomes` takes for a client: each call goes through the gate."""

    def __init__(self, gated: Gated, token: str) -> None:
        self._gated = gated
        self._headers = {"Authorization": f"Bearer {token}"}

    def _perform(self, call: Call[T]) -> Message:
        asked = orjson.dumps({"operation": call.operation, "body": orjson.loads(call.body)})
        answer = self._gated.ask("/api/ask", self._headers, "POST", asked)
        if answer.status != 200:
            raise error_from_json(answer.json())
        return Message(Header(kind=Kind.RESULT, id="r"), (answer.body,))


async def _ask(request: Request) -> Response:
    asked = await request.json()
    call: Call[bytes] = Call(
        operation=asked["operation"], body=orjson.dumps(asked["body"]), read=lambda message: message.body
    )
    try:
        return Response(call.answer(await request.state.caller.client._perform(call)))
    except MemmuxError as error:
        return JSONResponse(error.to_json(), 400)


async def _stream(_: Request) -> Response:
    async def endless() -> Any:
        yield b"begun\n"
        await asyncio.Event().wait()

    return StreamingResponse(endless())


async def _open(_: Request) -> Response:
    return PlainTextResponse("open")


@contextmanager
def gated(settings: Settings, environment: dict[str, str] | None = None) -> Iterator[Gated]:
    """Serve in a thread, at a port of the system's choice."""
    listening = socket.create_server(("127.0.0.1", 0))
    clients = Clients(settings, None)
    credentials = Credentials(settings, environment or {})
    routes = [
        Route("/api/ask", _ask, methods=["POST"]),
        Route("/api/stream", _stream),
        Route("/api/health", _open),
        Route("/", _open),
        *login.routes(settings, credentials, page.refusing()),
    ]
    application = Gate(Starlette(routes=routes), credentials, clients)
    config = uvicorn.Config(application, log_config=None, server_header=False, lifespan="off")  # type: ignore[arg-type]  # an ASGI application
    server = uvicorn.Server(config)

    async def serve() -> None:
        await server.serve([listening])
        await clients.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield Gated(listening.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        thread.join(BOUND_S)
        listening.close()
