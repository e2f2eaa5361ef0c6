"""Anywhere: one memory, asked for where the caller says, or else in the own namespace, or wherever it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from memmux.errors import NotFoundError

T = TypeVar("T")
EVERYWHERE: Final[Mapping[str, Any]] = {"namespace": None}


async def anywhere(ask: Callable[..., Awaitable[T]], part: Mapping[str, Any]) -> T:
    """Ask about one memory: where the caller says; else in the client's own namespace, and if it is not there anywhere.

    So do the tools of mcp-memory-service, where a content hash is known in every store. part: the namespace, if one was
    named. The own namespace is asked first, so that a write that is sent again is answered from its record there: of
    two memories of one hash, it would else find the other one. Raises ArgumentInvalidError for one of several others.
    """
    if part:
        return await ask(**part)
    with suppress(NotFoundError):
        return await ask()
    return await ask(**EVERYWHERE)
