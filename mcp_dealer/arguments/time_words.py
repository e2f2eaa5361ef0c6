"""Time expressions in a tool's arguments, as of the moment of the call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Self

from mcp_dealer.link.asked import LINE, LINK
from memmux import when

Bounds = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The time and the user's time zone, to which "yesterday" is relative; now: aware."""

    now: datetime
    zone: tzinfo

    @classmethod
    def current(cls) -> Self:
        """Return the moment at which the user asked, where the user is."""
        link, line = LINK.get(), LINE.get()
        zone = when.local_zone() if link is None or link.hello is None else link.hello.zone()
        now = datetime.now(zone) if line is None else datetime.fromtimestamp(line.at_s, zone)
        return cls(now=now, zone=zone)

    def meant(self, expression: str) -> Bounds:
        """Return `after` and `before` of a filter for a time expression; raise TimeNotUnderstoodError."""
        span = when.parse(expression, now=self.now, zone=self.zone)
        return span.start, span.before

    def found(self, query: str) -> tuple[Bounds, str]:
        """Return the bounds that a query's time expression means, and the query without it."""
        span, rest = when.find(query, now=self.now, zone=self.zone)
        return (None, None) if span is None else (span.start, span.before), rest


Now = Callable[[], Moment]
"""Gives this moment; asked for only by what speaks of time, as to learn the time zone costs some milliseconds."""
