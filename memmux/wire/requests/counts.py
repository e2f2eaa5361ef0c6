"""Counts: the requests for the names that memories are under, and how many memories each has."""

from __future__ import annotations

from dataclasses import dataclass

from memmux import limits
from memmux.wire.checks import check_range
from memmux.wire.requests.base import DEFAULT_NAMESPACE, Body, named, namespaces_of, put


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces(Body):
    """memory.namespaces: the namespaces that live memories are in, those with the most first.

    namespaces: the ones that may be named; None for all of them.
    """

    limit: int = 100
    namespaces: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_range("limit", self.limit, 1, limits.NAMES)
        if self.namespaces is not None:
            put(self, "namespaces", namespaces_of(self.namespaces))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags(Body):
    """memory.tags: the tags that live memories have, those of the most first.

    namespace: one, or several; None for all.
    """

    limit: int = 100
    namespace: str | tuple[str, ...] | None = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        check_range("limit", self.limit, 1, limits.NAMES)
        put(self, "namespace", named(self.namespace))
