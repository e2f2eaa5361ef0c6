"""The log of calls: what the MCP server's log says of each tool call, and of each request that was made for it.

Which call a request is for is known from the context in which it was made: a task that a tool starts, and a thread that
it hands work to, have a copy of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from mcp_dealer.tool_error import ToolError
from memmux.client.calls import Observer, RequestOutcome
from memmux.errors import CancelledError, MemmuxError
from memmux.logs import log
from memmux.wire.ids import uuid7

LISTED = 32  # ids of requests on the line of a call, at most; to ingest a folder takes thousands


@dataclass(slots=True)
class _Call:
    """A tool call; requests: the ids of those made for it, at most LISTED; count: of all; ended: it is answered.

    What a tool leaves for later, in a task, is no part of the call any more.
    """

    id: str
    tool: str
    requests: list[str] = field(default_factory=list)
    count: int = 0
    ended: bool = False


_call: ContextVar[_Call | None] = ContextVar("tool_call", default=None)


_gathered: ContextVar[list[str] | None] = ContextVar("gathered_requests", default=None)


@contextmanager
def gathering() -> Iterator[list[str]]:
    """Gather the ids of the requests that are made in the block, the first LISTED of them."""
    gathered: list[str] = []
    token = _gathered.set(gathered)
    try:
        yield gathered
    finally:
        _gathered.reset(token)


def call_id() -> str:
    """Return the id of the tool call that is being answered here; empty outside of one."""
    call = _call.get()
    return "" if call is None else call.id


@contextmanager
def called(tool: str, arguments: Mapping[str, object], client: str) -> Iterator[None]:
    """Log the tool call that the block answers."""
    call = _Call(uuid7(), tool)
    token = _call.set(call)
    began, outcome = time.monotonic(), "ok"
    try:
        yield
    except BaseException as error:
        outcome = _code(error)
        raise
    finally:
        _call.reset(token)
        call.ended = True
        log.get().info(
            "tool_called",
            call_id=call.id,
            tool=tool,
            client=client,
            outcome=outcome,
            total_ms=round((time.monotonic() - began) * 1000, 3),
            requests=call.count,
            request_ids=call.requests,
            arguments=arguments,
        )


def observer(client: str) -> Observer:
    """Return what logs the requests of a client of that name."""

    def observe(asked: RequestOutcome) -> None:
        call, gathered = _call.get(), _gathered.get()
        if gathered is not None and len(gathered) < LISTED:
            gathered.append(asked.id)
        known: dict[str, object] = {}
        if call is not None and not call.ended:
            call.count += 1
            if len(call.requests) < LISTED:
                call.requests.append(asked.id)
            known = {"call_id": call.id, "tool": call.tool}
        times = {name: asked.detail[name] for name in ("queue_ms", "work_ms") if name in asked.detail}
        log.get().info(
            "request_answered",
            request_id=asked.id,
            client=client,
            operation=asked.operation,
            outcome=asked.outcome,
            **times,
            total_ms=asked.total_ms,
            **known,
        )

    return observe


def _code(error: BaseException) -> str:
    """Return the code of what a tool failed of."""
    cause = error.__cause__ if isinstance(error, ToolError) else error
    if isinstance(cause, MemmuxError):
        return cause.code
    return CancelledError.code if isinstance(cause, asyncio.CancelledError) else MemmuxError.code
