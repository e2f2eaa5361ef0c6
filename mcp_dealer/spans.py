"""When a tool is called, and what a time expression means then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Self

from memmux import when
from memmux.when import Span

Bounds = tuple[datetime | None, datetime | None]

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The time and the user's time zone, to which "yesterday" is relative; now: aware."""

    now: datetime
    zone: tzinfo

    @classmethod
    def current(cls) -> Self:
        """Return this moment, where the user is."""
        zone = when.local_zone()
        return cls(now=datetime.now(zone), zone=zone)

    def meant(self, expression: str) -> Bounds:
        """Return `after` and `before` of a filter for a time expression; raise TimeNotUnderstoodError."""
        return _bounds(when.parse(expression, now=self.now, zone=self.zone))

    def found(self, query: str) -> tuple[Bounds, str]:
        """Return the bounds that a query's time expression means, and the query without it."""
        span, rest = when.find(query, now=self.now, zone=self.zone)
        return (None, None) if span is None else _bounds(span), rest


def _bounds(span: Span) -> Bounds:
    """Return the span as a filter has it, whose end is the first moment that is left out."""
    return span.start, None if span.end is None else span.end + _TICK
