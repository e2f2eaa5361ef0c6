"""A long answer: parts that are sent as they come, until they end or nobody listens any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mcp_dealer.http.rest.operation import HEADERS

LINES: Final = "application/x-ndjson"


class Streamed(Response):
    """An answer whose parts come one by one.

    parts: closed when the last was sent, or the caller has gone. given_up: once it is done, nothing more is sent,
    whether or not the caller reads.
    """

    def __init__(
        self,
        parts: AsyncGenerator[bytes],
        media_type: str = LINES,
        headers: Mapping[str, str] | None = None,
        given_up: asyncio.Future[None] | None = None,
    ) -> None:
        super().__init__(headers={**HEADERS, **(headers or {})}, media_type=media_type)
        del self.headers["content-length"]
        self._parts, self._given_up = parts, given_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the parts, as ASGI has it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await self._parts.aclose()
            await send({"type": "http.response.body", "body": b""})
            return
        sending = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(_gone(receive))
        awaited = {sending, gone} if self._given_up is None else {sending, gone, self._given_up}
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, gone):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            await self._parts.aclose()

    async def _send(self, send: Send) -> None:
        async for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    """Return when the caller has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
