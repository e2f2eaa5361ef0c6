"""Times of a request, as ISO 8601 or in words, in the zone that the caller names."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from memmux import when
from memmux.errors import ArgumentInvalidError
from memmux.wire.times import parse_time

Bounds = tuple[datetime | None, datetime | None]


def zone(name: str | None) -> tzinfo:
    """Return the zone of the IANA database that is named, or that of this machine; raise ArgumentInvalidError."""
    return when.local_zone() if name is None else when.named_zone(name)


def known(name: str | None) -> str | None:
    """Return the name of a zone; raise ArgumentInvalidError if there is none of that name."""
    zone(name)
    return name


def bounds(words: str, name: str | None = None) -> Bounds:
    """Return the first moment that words mean, and the one after the last; raise TimeNotUnderstoodError."""
    where = zone(name)
    span = when.parse(words, now=datetime.now(where), zone=where)
    return span.start, span.before


def found(text: str, name: str | None = None) -> tuple[Bounds, str] | None:
    """Return the time that a text speaks of, and what else it says; None if it speaks of none."""
    where = zone(name)
    span, rest = when.find(text, now=datetime.now(where), zone=where)
    return None if span is None else ((span.start, span.before), rest)


def moment(text: str | None, name: str | None = None) -> datetime | None:
    """Return a moment that is given as ISO 8601, as seconds since 1970, or in words, of which it is the beginning."""
    if text is None:
        return None
    try:
        return parse_time(text, zone=zone(name))
    except ArgumentInvalidError:
        start, before = bounds(text, name)
        return start or before or datetime.now(UTC)
