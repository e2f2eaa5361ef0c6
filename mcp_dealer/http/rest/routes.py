"""The routes: all operations, and the document that describes them."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from mcp_dealer.http.rest import changes, deletion, health, memories, names, openapi, search
from mcp_dealer.http.rest.operation import Asked, Done, Operation

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
    DOCUMENT,
)
"""Everything that can be asked for."""


async def _document() -> Done:
    return openapi.answer(OPERATIONS)


def routes() -> list[Route]:
    """Return the routes of all operations."""
    return [operation.route() for operation in OPERATIONS]


__all__ = ["OPERATIONS", "Asked", "routes"]
