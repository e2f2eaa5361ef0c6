"""When a line was written: the time with which it begins, as bytes that compare as times do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from memmux.errors import TimeNotUnderstoodError

_BEGIN = b'{"timestamp":"'
_TIME = slice(len(_BEGIN), len(_BEGIN) + len("2026-11-25T18:04:05.123456Z"))
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def written_at(line: bytes) -> bytes:
    """Return the time of a line; empty if it has none, for it is not of ours, or its beginning is lost."""
    return line[_TIME] if line.startswith(_BEGIN) else b""


def stamp(moment: datetime) -> bytes:
    """Return an aware time as lines have it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z".encode()


def since(text: str, now: datetime) -> bytes:
    """Return the time that `text` means: so long ago (`30s`, `10m`, `2h`, `1d`, `1w`), or an ISO time, here if naive.

    Raises TimeNotUnderstoodError.
    """
    try:
        if ago := _AGO.fullmatch(text.strip()):
            return stamp(now - timedelta(**{_UNITS[ago[2]]: float(ago[1])}))
        return stamp(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise TimeNotUnderstoodError(
            f"--since {text!r} is not understood; write it like 30s, 10m, 2h, 1d or 2026-11-25T18:04"
        ) from None
