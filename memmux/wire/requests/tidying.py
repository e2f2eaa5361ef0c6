"""Tidying up: the requests for memories that say nearly the same, and for those that a newer one took the place of."""

from __future__ import annotations

from dataclasses import dataclass, field

from memmux import limits
from memmux.wire.checks import check_number, check_range
from memmux.wire.requests.base import Body, put
from memmux.wire.requests.filters import Filter, filter_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates(Body):
    """memory.duplicates: groups of memories that say nearly the same, a page at a time.

    after: the cursor that the page before gave; 0 begins. limit: groups at most. least: the cosine from which on two
    memories say nearly the same; None for the one that a store goes by. filter: among which memories.
    """

    after: int = 0
    limit: int = 20
    least: float | None = None
    filter: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        check_range("after", self.after, 0, 1 << 62)
        check_range("limit", self.limit, 1, limits.DUPLICATES)
        if self.least is not None:
            check_number("least", self.least, 0, 1)
        put(self, "filter", filter_of(self.filter, include_superseded=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded(Body):
    """memory.superseded: memories that a newer version took the place of, newest first, a page at a time."""

    limit: int = 20
    offset: int = 0
    filter: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        check_range("limit", self.limit, 1, limits.LIST_LIMIT)
        check_range("offset", self.offset, 0, 1 << 53)
        put(self, "filter", filter_of(self.filter, include_superseded=True))
