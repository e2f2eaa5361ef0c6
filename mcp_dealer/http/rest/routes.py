"""The routes: all operations, and the document that describes them."""

from __future__ import annotations

import functools
from typing import Final

import orjson
from starlette.responses import Response
from starlette.routing import Route

from mcp_dealer.http.rest import (
    backups,
    changes,
    deletion,
    events,
    health,
    logs,
    memories,
    names,
    openapi,
    search,
    tidying,
    transfer,
)
from mcp_dealer.http.rest.events import Streams
from mcp_dealer.http.rest.operation import HEADERS, JSON, Done, Operation, route

DOCUMENT: Final = Operation(
    method="GET",
    path=openapi.PATH,
    name="openapi",
    group="document",
    summary="This document, as OpenAPI 3.1",
    does=lambda _: _document(),
)

OPERATIONS: Final = (
    *health.OPERATIONS,
    *memories.OPERATIONS,
    *search.OPERATIONS,
    *names.OPERATIONS,
    *changes.OPERATIONS,
    *deletion.OPERATIONS,
    *tidying.OPERATIONS,
    *events.operations(Streams()),
    *transfer.OPERATIONS,
    *backups.OPERATIONS,
    *logs.OPERATIONS,
    DOCUMENT,
)
"""Everything that can be asked for."""


@functools.cache
def written() -> bytes:
    """Return the document as it is served, and as it is in docs/openapi.json."""
    return orjson.dumps(openapi.document(OPERATIONS), option=orjson.OPT_INDENT_2) + b"\n"


async def _document() -> Done:
    return Response(written(), headers={**HEADERS, "Cache-Control": "no-cache"}, media_type=JSON)


def routes(streams: Streams | None = None) -> list[Route]:
    """Return the routes of all operations; streams: those of this process, to be ended before it leaves."""
    own = {one.path: one for one in events.operations(Streams() if streams is None else streams)}
    paths: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, []).append(own.get(operation.path, operation))
    return [route(path, served) for path, served in paths.items()]
