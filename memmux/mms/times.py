"""Times: theirs are numbers of seconds since 1970 with a twin in words; the number wins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from memmux.mms import texts
from memmux.wire.times import from_epoch

_MILLI = 1000.0
_APART_S = 0.001  # that a number and its twin may be, as the twin is rounded


@dataclass(frozen=True, slots=True)
class Read:
    """A time; None if none is there. oddity: its kind. twin: the text, if it says another time."""

    at: float | None
    oddity: str | None = None
    twin: str | None = None


def read(number: object, twin: object) -> Read:
    """Return the time that the two columns tell."""
    text = texts.text_of(twin)
    said = None if text is None else _parsed(text)
    if number is None or number == "":
        return Read(said, None if said is None else "time_missing")
    at = _seconds(number)
    if at is not None:
        apart = said is not None and abs(said - at) > _APART_S
        return Read(at, "times_disagree" if apart else None, texts.valid(text)[0] if apart and text else None)
    if said is not None:
        return Read(said, "time_odd")
    return Read(_guessed(number), "time_odd")


def iso(at: float) -> str:
    """Return a time as its twin: ISO 8601 in UTC, with a Z."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if _fits(float(value)) else None


def _fits(at: float) -> bool:
    try:
        from_epoch(at)
    except (ValueError, OverflowError, OSError):
        return False
    return math.isfinite(at)


def _guessed(value: object) -> float | None:
    """Return what a time that is no number of seconds may mean: milliseconds, or words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        at = value / _MILLI
        return at if _fits(at) else None
    text = texts.text_of(value) or ""
    try:
        return _seconds(float(text))
    except ValueError:
        return _parsed(text)


def _parsed(text: str) -> float | None:
    """Return the time that an ISO text says, in UTC unless it says where; None if it says none."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
