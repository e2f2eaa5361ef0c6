"""Plain calls: the plain requests of a session that are being answered, each in a task of its own."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp_dealer import lines
from mcp_dealer.gateway.line import AskedMessage, Line
from mcp_dealer.gateway.plain_requests import PlainRequests
from mcp_dealer.link.asked import LINE
from memmux.errors import MemmuxError
from memmux.logs import log

if TYPE_CHECKING:
    from mcp_dealer.gateway.session import RelaySession


class PlainCalls:
    """The tasks, by the id that the host gave, as `lines.same_id` has it; session: whose lines they answer."""

    def __init__(self, session: RelaySession) -> None:
        self._session = session
        self._tasks: dict[int | str, asyncio.Task[None]] = {}
        self._ended = False

    def begin(self, asked: AskedMessage, message: Mapping[str, Any], plain: PlainRequests) -> None:
        """Have a request answered."""
        line, request_id, key = asked.line, message["id"], lines.same_id(message["id"])
        context = contextvars.copy_context()
        context.run(LINE.set, asked)

        def forget() -> None:
            if self._tasks.get(key) is call:
                del self._tasks[key]

        async def answer() -> None:
            text = await plain.answer(message)
            call.remove_done_callback(failed)  # who is called back waits for another turn of the loop
            forget()
            if not self._ended:  # else nobody hears it any more, or the next gateway answers
                self._session.answer(line, request_id, text)

        def failed(call: asyncio.Task[None]) -> None:
            forget()
            self._unanswered(line, request_id, call)

        call = asyncio.get_running_loop().create_task(answer(), context=context)
        self._tasks[key] = call
        call.add_done_callback(failed)

    def cancel(self, key: int | str) -> None:
        """End the call of that id, if there is one; its line is settled without an answer."""
        if (call := self._tasks.get(key)) is not None:
            call.cancel()

    def end(self) -> None:
        """End all; none is answered any more."""
        self._ended = True
        for call in self._tasks.values():
            call.cancel()

    def _unanswered(self, line: Line, request_id: int | str, call: asyncio.Task[None]) -> None:
        """Take the end of a call without an answer; one that its host has cancelled gets none."""
        if call.cancelled():
            if not self._ended:
                self._session.settle(line)
        elif (error := call.exception()) is not None:
            log.get().error("session_failed", exc_info=error)
            if not self._ended:
                text = lines.error(lines.INTERNAL_ERROR, MemmuxError().message, request_id)
                self._session.answer(line, request_id, text)
