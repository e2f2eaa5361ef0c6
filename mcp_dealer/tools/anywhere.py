"""Anywhere: one memory, asked for where the caller says, or else wherever it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from memmux.errors import ArgumentInvalidError, NotFoundError

T = TypeVar("T")


async def anywhere(ask: Callable[..., Awaitable[T]], part: Mapping[str, Any]) -> T:
    """Ask about one memory: where the caller says; else wherever it is, and in the client's own namespace of several.

    So do the tools of mcp-memory-service, where a content hash is known in every store. part: the namespace, if one was
    named. It is asked once, but where the memory is in several.
    """
    if part:
        return await ask(**part)
    try:
        return await ask(namespace=None)
    except ArgumentInvalidError as several:
        try:
            return await ask()
        except NotFoundError:
            raise several from None
