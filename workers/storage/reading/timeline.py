"""The time line: what happened on each day, counted by client, type, tag or namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

import apsw
import numpy as np
import orjson
from numpy.typing import NDArray

from memmux import limits, when
from memmux.errors import ArgumentInvalidError
from memmux.wire import answers
from memmux.wire.answers import DayCounts
from memmux.wire.requests import Grouping, Timeline
from workers.storage.db import engine, queries
from workers.storage.db.filters import Condition, Deleted, condition
from workers.storage.reading.log_follower import Kind, Lines

_SQL = queries.load("timeline")
_DAY_S = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_KINDS = {"stored": Kind.STORED, "changed": Kind.CHANGED, "deleted": Kind.DELETED}

Numbers = NDArray[np.int64]
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Events:
    """What is counted: a memory, when, what, and the group that it is put under, by its place among the names."""

    at: Times
    kind: Numbers
    group: Numbers
    names: Sequence[str | None]


def timeline(connection: apsw.Connection, asked: Timeline, lines: Lines, zone: str) -> answers.Timeline:
    """Return what happened on each day; zone: the time zone of who asks, as a variable TZ names it.

    Raises ArgumentInvalidError for a time zone that nobody knows.
    """
    days_in, name = _zone(asked.zone, zone)
    found = _within(asked, _events(connection, asked, lines))
    days, number, earlier = _days(found.at, days_in)
    known = number >= 0
    totals = np.bincount(found.group[known], minlength=len(found.names))
    ranked = sorted(np.flatnonzero(totals).tolist(), key=lambda group: (-totals[group], found.names[group] or ""))
    shown, rest = ranked[: asked.limit], ranked[asked.limit :]
    place = np.full(len(found.names), len(shown), np.int64)
    place[shown] = np.arange(len(shown))
    counts = np.zeros((len(shown) + 1, len(_KINDS), len(days)), np.int64)
    np.add.at(counts, (place[found.group[known]], found.kind[known], number[known]), 1)
    told = [_told(found.names[group], line) for group, line in zip(shown, counts, strict=False)]
    return answers.Timeline(
        days=tuple(day.isoformat() for day in days),
        groups=tuple(told),
        other=_told(None, counts[-1]) if rest else None,
        others=len(rest),
        earlier=earlier,
        zone=name,
    )


def _told(name: str | None, counts: NDArray[Any]) -> DayCounts:
    return DayCounts(name=name, **{kind: tuple(counts[number].tolist()) for kind, number in _KINDS.items()})


def _events(connection: apsw.Connection, asked: Timeline, lines: Lines) -> _Events:
    """Return all that is to be counted, of all times."""
    where = condition(asked.filter, current=not asked.filter.include_superseded, deleted=Deleted.TOO)
    query = "by_client" if asked.by is Grouping.TAG else f"by_{asked.by}"
    ((rows, created, names),) = engine.fetch(connection, _SQL[query].format(where=where.sql), where.values)
    there = np.array(orjson.loads(rows), np.int64)
    most = int(max(there.max(initial=0), lines["row"].max(initial=0))) + 1
    at = np.full(most, np.nan)
    at[there] = orjson.loads(created)
    if asked.client is not None:
        lines = lines.of(asked.client)
    lines = lines.where((lines["kind"] != Kind.PURGED) & ~np.isnan(at[lines["row"]]))
    row, kind = lines["row"].astype(np.int64), lines["kind"].astype(np.int64)
    times = np.where(kind == Kind.STORED, at[row], lines["at"])
    if asked.by is Grouping.CLIENT:
        return _Events(times, kind, lines["client"].astype(np.int64), lines.clients)
    if asked.by is Grouping.TAG:
        return _tagged(connection, where, (row, times, kind))
    known, numbers = _numbered(orjson.loads(names))
    group = np.zeros(most, np.int64)
    group[there] = numbers
    return _Events(times, kind, group[row], known)


def _tagged(connection: apsw.Connection, where: Condition, events: tuple[Numbers, Times, Numbers]) -> _Events:
    """Return events once for each tag of their memories, and once for those that have none."""
    row, times, kind = events
    found = engine.fetch(connection, _SQL["by_tag"].format(where=where.sql), where.values)
    names = [None, *(spelling for spelling, _ in found)]
    tagged = [np.array(orjson.loads(memories), np.int64) for _, memories in found]
    memory = np.concatenate([np.empty(0, np.int64), *tagged])
    tag = np.repeat(np.arange(1, len(names)), [len(one) for one in tagged])
    order = np.argsort(memory, kind="stable")
    memory, tag = memory[order], tag[order]
    first, last = np.searchsorted(memory, row), np.searchsorted(memory, row, side="right")
    count = np.maximum(last - first, 1)  # one without a tag is there once
    which = np.repeat(np.arange(len(row)), count)
    place = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
    none = (last == first)[which]
    place[none] = 0
    group = np.where(none, 0, tag[place] if len(tag) else 0)
    return _Events(times[which], kind[which], group, names)


def _numbered(names: Sequence[str | None]) -> tuple[list[str | None], list[int]]:
    """Return the names, each once, and for each given one its place among them."""
    places: dict[str | None, int] = {}
    numbers = [places.setdefault(name, len(places)) for name in names]
    return list(places), numbers


def _within(asked: Timeline, found: _Events) -> _Events:
    """Return those of the time that is asked for."""
    which = np.ones(len(found.at), np.bool_)
    if asked.after is not None:
        which &= found.at >= asked.after.timestamp()
    if asked.before is not None:
        which &= found.at < asked.before.timestamp()
    return _Events(found.at[which], found.kind[which], found.group[which], found.names)


def _days(at: Times, zone: tzinfo) -> tuple[list[date], Numbers, int]:
    """Return the newest days, oldest first, for each time the place of its day, or -1, and how many of those there are.

    A day begins with its first midnight, or where that is left out by the clock, when the clock is set forward.
    """
    of_utc = np.floor(at / _DAY_S).astype(np.int64)
    used = np.unique(of_utc)[-limits.TIMELINE_DAYS :]
    # A day of UTC is of three days anywhere at most.
    candidates = np.unique(np.concatenate([used - 1, used, used + 1])) + _EPOCH
    known = [date.fromordinal(max(1, min(int(day), date.max.toordinal()))) for day in candidates]
    begins = np.array([datetime.combine(day, time(), zone).timestamp() for day in known])
    number = np.searchsorted(begins, at, side="right") - 1 if len(begins) else np.empty(0, np.int64)
    number[of_utc < (used[0] if len(used) else 0)] = -1
    places = np.unique(number[number >= 0])
    last = number >= 0
    number[last] = np.searchsorted(places, number[last])
    return [known[place] for place in places], number, int(np.count_nonzero(~last))


def _zone(wanted: str | None, of_client: str) -> tuple[tzinfo, str]:
    """Return a time zone and its name, which is empty where it has none; raise ArgumentInvalidError."""
    if wanted is None:
        found = when.zone_of(of_client or None)
        return found, "UTC" if found is UTC else str(getattr(found, "key", ""))
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(wanted), wanted
    except (LookupError, ValueError, OSError):
        raise ArgumentInvalidError(
            f"there is no time zone {wanted!r}; give a name of the IANA database, such as Europe/Berlin or UTC"
        ) from None
