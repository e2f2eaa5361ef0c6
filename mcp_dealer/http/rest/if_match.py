"""If-Match: the state that a memory must be in for a change of it, as the caller read it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

from mcp_dealer.http.rest.operation import Asked
from memmux.errors import ArgumentInvalidError, PreconditionFailedError
from memmux.wire.answers import Memory

IF_MATCH: Final = "If-Match"
HEADERS: Final = {IF_MATCH: "Only where the memory is as this ETag says"}
CHANGED: Final = "the memory is not in the state that If-Match names; it was changed: read it again"
_NOT_HEEDED: Final = ("If-None-Match", "If-Modified-Since", "If-Unmodified-Since")
_ETAG: Final = re.compile(r'(?:^|[\s,])(?:W/)?"([0-9a-f]{32})"(?=$|[\s,])')


async def expected(asked: Asked, get: Callable[[], Awaitable[Memory]]) -> str | None:
    """Return the etag of the only state that the caller means, if it says so.

    Of several it is the one that the memory is in, which `get` reads. Raises PreconditionFailedError if no memory can
    be in any of them, and ArgumentInvalidError for another precondition.
    """
    for name in _NOT_HEEDED:
        if name in asked.request.headers:
            raise ArgumentInvalidError(f"{name} is not heeded here; say in {IF_MATCH} which state you mean")
    given = asked.request.headers.getlist(IF_MATCH)
    if not given or "*" in [each.strip() for each in given]:
        return None
    known = _ETAG.findall(",".join(given))
    if len(known) > 1:
        now = (await get()).etag
        known = [etag for etag in known if etag == now]
    if not known:
        raise PreconditionFailedError(CHANGED)
    return str(known[0])
