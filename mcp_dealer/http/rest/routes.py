"""The routes: all operations, and the document that describes them."""

from __future__ import annotations

from typing import Final

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
from mcp_dealer.http.rest.operation import Done, Operation

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


async def _document() -> Done:
    return openapi.answer(OPERATIONS)


def routes(streams: Streams | None = None) -> list[Route]:
    """Return the routes of all operations; streams: those of this process, to be ended before it leaves."""
    own = {one.path: one for one in events.operations(Streams() if streams is None else streams)}
    return [own.get(operation.path, operation).route() for operation in OPERATIONS]
