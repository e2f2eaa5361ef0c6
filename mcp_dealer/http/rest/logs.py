"""Logs: the last lines of the cluster's processes, of one request, for an administrator of this machine's database."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import Field

from mcp_dealer.http.rest import answers
from mcp_dealer.http.rest.operation import Asked, Done, Operation, Parameters
from memmux import limits
from memmux.config.paths import Places
from memmux.errors import LocalOnlyError, NotAllowedError
from memmux.logs.reading.filters import Filter
from memmux.logs.reading.folder import Folder
from memmux.logs.reading.stream import Stream

MOST: Final = 1000  # lines of one answer
Named = Annotated[str | None, Field(min_length=1, max_length=limits.TYPE_CHARACTERS)]


class Read(Parameters):
    """Which lines."""

    lines: Annotated[int, Field(ge=1, le=MOST)] = 100
    request: Named = None
    """Only of the request, or the tool call, with this id, or whose id begins so"""
    level: Literal["debug", "info", "warning", "error"] = "debug"
    """The least"""
    event: Annotated[list[str] | None, Field(max_length=limits.TAGS)] = None
    client: Named = None


async def read(asked: Asked) -> Done:
    """Answer with the last lines."""
    query: Read = asked.query
    grant, settings = asked.caller.grant, asked.client.settings
    if grant.limited:
        raise NotAllowedError("the logs tell of all clients: they need the role admin, and a key without namespaces")
    if settings.remote is not None:
        raise LocalOnlyError("the logs are on the machine where the database is; read them there")
    wanted = Filter(level=query.level, events=query.event or (), request=query.request or "", client=query.client or "")
    return {"lines": await asyncio.to_thread(_last, Places(settings).logs, wanted, query.lines)}


def _last(folder: Path, wanted: Filter, count: int) -> list[dict[str, Any]]:
    lines = Stream(Folder(folder), wanted).past(time.monotonic(), count)
    return [line for raw in lines if (line := _parsed(raw)) is not None]


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line if isinstance(line, dict) else None


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/log",
        name="read_log",
        group="health",
        summary="The last lines of the logs, for the role admin",
        does=read,
        query=Read,
        gives=answers.Lines,
    ),
)
