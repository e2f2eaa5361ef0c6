"""Times of a file as ISO 8601, with every digit of those on disk: a datetime would end at the microsecond."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any

from memmux.errors import ArgumentInvalidError

_EXACTLY = Context(prec=1100)  # more digits than any float has
_NAMES = ("created_at", "updated_at", "deleted_at", "used_at")
_FRACTION = re.compile(r"(?P<begin>[^.]+)\.(?P<digits>\d+)(?P<offset>Z|[+-]\d\d:\d\d)", re.ASCII)


def written(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return a memory of a dump with its times as texts."""
    return _changed(memory, float, exact)


def read(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `written` made, or somebody else, as a load takes it; raise ArgumentInvalidError for no time."""
    return _changed(memory, str, seconds_of)


def _changed(memory: Mapping[str, Any], kind: type, change: Any) -> dict[str, Any]:
    times = {name: change(memory[name]) for name in _NAMES if isinstance(memory.get(name), kind)}
    links = memory.get("links")
    if isinstance(links, list):
        times["links"] = [
            {**link, "created_at": change(link["created_at"])}
            if isinstance(link, dict) and isinstance(link.get("created_at"), kind)
            else link
            for link in links
        ]
    return {**memory, **times}


def exact(seconds: float) -> str:
    """Return a time in seconds since 1970 as ISO 8601, so that `seconds_of` gives that very number back."""
    given = Decimal(repr(seconds))
    whole = int(given.to_integral_value(ROUND_FLOOR))
    digits = f"{_EXACTLY.subtract(given, whole):f}".partition(".")[2].rstrip("0")
    begin = datetime.fromtimestamp(whole, UTC).replace(tzinfo=None).isoformat()
    return f"{begin}{'.' if digits else ''}{digits}+00:00"


def seconds_of(text: str) -> float:
    """Return the seconds since 1970 of a time in ISO 8601, without an offset of UTC; raise ArgumentInvalidError."""
    found = _FRACTION.fullmatch(text)
    try:
        begin = datetime.fromisoformat(text if found is None else f"{found['begin']}{found['offset']}")
    except ValueError:
        raise ArgumentInvalidError(f"{text!r} is not a time; write it like 2026-11-23T14:30:00+00:00") from None
    begin = begin if begin.tzinfo else begin.replace(tzinfo=UTC)
    if found is None:
        return begin.timestamp()
    return float(_EXACTLY.add(int(begin.timestamp()), Decimal(f"0.{found['digits']}")))
