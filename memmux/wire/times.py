"""Times: aware datetimes in Python, ISO 8601 with an offset on the wire and in JSON, epoch seconds on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from memmux.errors import ArgumentInvalidError
from memmux.wire.shown import shown

_EXAMPLES = "2026-11-23, 2026-11-23T14:30, 2026-11-23T14:30:00+01:00 or seconds since 1970"

_ZONE_CHARACTERS = 64

_WORDS = "Words, like yesterday, are for --when, --after and --before, for MCP, and for memmux.when.parse in Python"
OR_WORDS = "Words, like yesterday or last week, are taken, too"


def parse_time(text: str, words: str = _WORDS, zone: tzinfo | None = None) -> datetime:
    """Return the time that `text` names, in UTC: an ISO 8601 date or time, or seconds since 1970.

    A date is its midnight. Raises ArgumentInvalidError.

    zone: what is meant without an offset; None for the time zone of this process.
    words: what the error says of times in words; OR_WORDS where the caller takes them.
    """
    try:
        try:
            read = datetime.fromisoformat(text)
            return (read.replace(tzinfo=zone) if read.tzinfo is None else read).astimezone(UTC)
        except ValueError:
            return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise ArgumentInvalidError(f"{shown(text)} is not a time; write it like {_EXAMPLES}. {words}") from None


def zone_name(environment: Mapping[str, str] | None = None) -> str:
    """Return what the variable TZ names, or would name to mean the time zone of this machine; empty if that is unknown.

    environment: where TZ is looked for; by default that of this process. It reads no file and imports nothing.
    """
    named = (os.environ if environment is None else environment).get("TZ")
    if named is not None:
        return named[:_ZONE_CHARACTERS] or "UTC"
    try:
        return str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2][:_ZONE_CHARACTERS]
    except OSError:
        return ""


def from_epoch(seconds: float) -> datetime:
    """Return the aware UTC datetime of `seconds` since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
