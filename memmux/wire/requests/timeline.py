"""The time line: the request for how many memories were stored, changed and deleted on each day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.wire.checks import aware, check_range, check_text
from memmux.wire.requests.base import Body, put
from memmux.wire.requests.filters import Filter, filter_of
from memmux.wire.shown import shown


class Grouping(StrEnum):
    """What the counts of a time line are put under."""

    CLIENT = "client"  # who did it
    TYPE = "type"  # of the memory, as it is now
    TAG = "tag"  # of the memory, as it is now; one with several counts for each
    NAMESPACE = "namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Body):
    """memory.timeline: how many memories were stored, changed and deleted on each day.

    by: what the counts are put under. limit: the groups with the most, the rest is summed. zone: an IANA name of the
    time zone in which days begin and end; None for that of who asks. after: from this time on. before: up to this time.
    client: only what a client did whose name begins so, in any case. filter: of which memories, as they are now.
    """

    by: Grouping = Grouping.CLIENT
    limit: int = 10
    zone: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    client: str | None = None
    filter: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        try:
            put(self, "by", Grouping(self.by))
        except (TypeError, ValueError):
            known = ", ".join(Grouping)
            raise ArgumentInvalidError(f"there is no grouping {shown(self.by)}; there are {known}") from None
        check_range("limit", self.limit, 1, limits.TIMELINE_GROUPS)
        if self.zone is not None:
            check_text("zone", self.zone, limits.TYPE_CHARACTERS)
        put(self, "after", aware("after", self.after))
        put(self, "before", aware("before", self.before))
        if self.client is not None:
            check_text("client", self.client, limits.TYPE_CHARACTERS)
        put(self, "filter", filter_of(self.filter, include_superseded=True))
