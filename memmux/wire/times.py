"""Times: aware datetimes in Python, ISO 8601 with an offset on the wire and in JSON, epoch seconds on disk."""

from __future__ import annotations

from datetime import UTC, datetime

from memmux.errors import ArgumentInvalidError

_EXAMPLES = "2026-11-23, 2026-11-23T14:30, 2026-11-23T14:30:00+01:00 or seconds since 1970"

_WORDS = "Words, like yesterday, are for --when on the command line, time_expr in MCP, and memmux.when.parse in Python"


def parse_time(text: str) -> datetime:
    """Return the time that `text` names, in UTC: an ISO 8601 date or time, or seconds since 1970.

    A date is its midnight; without an offset the time zone of this machine is meant. Raises ArgumentInvalidError.
    """
    try:
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise ArgumentInvalidError(f"{text!r} is not a time; write it like {_EXAMPLES}. {_WORDS}") from None


def from_epoch(seconds: float) -> datetime:
    """Return the aware UTC datetime of `seconds` since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
