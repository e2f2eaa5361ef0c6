"""The traffic over HTTP: what every request has in common, whoever it is for.

Its size is bounded, its end is logged, with no word of what it says, and when this process takes no more of them,
those under way are answered and streams are ended, so that their clients go on with the next one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_dealer.http import framing, problem
from mcp_dealer.link import call_log
from memmux.errors import MemmuxError, MessageTooLargeError
from memmux.logs import log
from memmux.trust import tokens

BODY_BYTES = 16 << 20  # of a request
UPLOADS = ("/api/import", "/api/ingest")  # whose bodies are streams, bounded by who reads them
PATH_CHARACTERS = 200  # of a path, in the log
_REFUSALS = (400, 401, 403, 408, 413, 421, 429, 503)
_LISTEN = b"subscriptions/listen"  # the method of MCP whose answer is a stream without an end
_CLOSE = (b"connection", b"close")


class Traffic:
    """All requests of one process. app: what answers them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._streams: set[asyncio.Task[Any]] = set()
        self._leaving = False
        self.requests = 0
        """How many have come."""
        self.refused = 0
        """How many of them were not let in, or not now."""

    @property
    def streams(self) -> int:
        """How many answers are open that have no end of their own."""
        return len(self._streams)

    def leave(self) -> None:
        """Have every connection closed after the next answer, and streams at once."""
        self._leaving = True
        for stream in self._streams:
            stream.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        self.requests += 1
        scope = framing.without_slash(framing.in_origin_form(scope))
        exchange = _Exchange(scope, receive, send, leaving=self._leaving)
        task = asyncio.current_task()
        began = time.monotonic()
        with call_log.gathering() as requests:
            try:
                if wrong := framing.fault(scope):
                    await exchange.refuse(problem.of_status(wrong.status, wrong.detail, wrong.code, wrong.headers))
                elif exchange.announced > exchange.most:
                    await exchange.refuse(exchange.too_large())
                else:
                    await self._app(scope, exchange.receive, self._watched(exchange, task))
            except asyncio.CancelledError:
                if not (self._leaving and exchange.endless and task is not None and task.uncancel() == 0):
                    raise
                await exchange.end()
            except Exception:  # noqa: BLE001 - whatever it is, its client is told
                if not exchange.over:
                    log.get().exception("http_failed", method=scope["method"], path=_path(scope))
                    await exchange.refuse(problem.problem(MemmuxError()))
            finally:
                if task is not None:
                    self._streams.discard(task)
                self._note(exchange, scope, round((time.monotonic() - began) * 1000, 3), requests)

    def _watched(self, exchange: _Exchange, task: asyncio.Task[Any] | None) -> Send:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.begin(message)
                if exchange.endless and task is not None:
                    self._streams.add(task)
                    if self._leaving:
                        task.cancel()
            await exchange.send(message)

        return send

    def _note(self, exchange: _Exchange, scope: Scope, ms: float, requests: list[str]) -> None:
        self.refused += exchange.status in _REFUSALS
        caller = scope.get("state", {}).get("caller")
        log.get().info(
            "http_answered",
            method=scope["method"],
            path=_path(scope),
            status=exchange.status,
            ms=ms,
            key=None if caller is None else caller.name,
            request_ids=requests,
        )


class _Exchange:
    """One request and its answer. status: of the answer; 0 while there is none. over: whether it was cut short."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, leaving: bool) -> None:
        headers = dict(scope["headers"])
        self._receive, self._send = receive, send
        self._leaving = leaving
        self._wanted = headers.get(b"mcp-method") == _LISTEN or scope["method"] == "GET"
        self._received = 0
        self.most = _most(scope["path"])
        self.announced = 0
        with suppress(ValueError):
            self.announced = int(headers.get(b"content-length", b"0"))
        self.status = 0
        self.endless = False
        """Whether the answer is a stream without an end of its own."""
        self.over = False

    def begin(self, message: Message) -> None:
        """Note what an answer begins with."""
        self.status = message["status"]
        kind = _header(message, b"content-type")
        self.endless = self._wanted and kind.startswith(b"text/event-stream")

    async def receive(self) -> Message:
        """Return what comes of the request; past its bound the client is told, and seems to be gone."""
        if self.over:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self.most:
            await self.refuse(self.too_large())
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if self.over:
            return
        if message["type"] == "http.response.start" and self._leaving:
            message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
        await self._send(message)

    async def refuse(self, answer: Any) -> None:
        """Answer with this, unless an answer has begun; nothing is sent after it."""
        if self.status == 0:
            self.status = answer.status_code
            await self.send({"type": "http.response.start", "status": self.status, "headers": answer.raw_headers})
            await self.send({"type": "http.response.body", "body": answer.body})
        self.over = True

    async def end(self) -> None:
        """End a stream in good order."""
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})
        self.over = True

    def too_large(self) -> Any:
        """Return what is answered to a body that is larger than it may be."""
        return problem.problem(MessageTooLargeError(f"the request has more than {self.most} bytes; send less at once"))


def _most(path: str) -> int:
    return (1 << 62) if path.startswith(UPLOADS) else BODY_BYTES


def _header(message: Mapping[str, Any], name: bytes) -> bytes:
    return next((value for known, value in message.get("headers", ()) if known.lower() == name), b"")


def _path(scope: Scope) -> str:
    return tokens.hidden(scope["path"])[:PATH_CHARACTERS]
