"""The time line: what happened on each day, counted by client, type, tag or namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo

import numpy as np
import orjson
from numpy.typing import NDArray

from memmux import limits, when
from memmux.errors import ArgumentInvalidError
from memmux.wire import answers
from memmux.wire.answers import DayCounts
from memmux.wire.requests import Grouping, Timeline
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.reading.log_follower import Kind, Lines
from workers.storage.records.filters import Deleted, condition

_SQL = queries.load("timeline")
_DAY_S = 86_400
_EPOCH, _LAST = date(1970, 1, 1).toordinal(), date.max.toordinal()
_MIDNIGHTS = 2  # in a day of UTC, at most: the clock may be set forward in it
_KINDS = {"stored": Kind.STORED, "changed": Kind.CHANGED, "deleted": Kind.DELETED}

_EACH_TAG = "a memory with several tags counts once for each of them, also among the others"

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Events:
    """What is counted: of which memory, what happened when, and the place of the client that did it."""

    row: Numbers
    kind: Numbers
    at: Times
    client: Numbers

    def where(self, which: Mask) -> _Events:
        return _Events(self.row[which], self.kind[which], self.at[which], self.client[which])


@dataclass(frozen=True, slots=True)
class _Cells:
    """For each event the place of its kind and day, of so many that there are."""

    of: Numbers
    count: int

    def counts(self, which: Mask) -> Numbers:
        return np.bincount(self.of[which], minlength=self.count)


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts of groups, most first, by kind and day; and of all others together, and how many those are."""

    groups: Sequence[tuple[str | None, Numbers]]
    other: Numbers
    others: int


def timeline(connection: Connection, asked: Timeline, lines: Lines, zone: str) -> answers.Timeline:
    """Return what happened on each day; zone: the time zone of who asks, as a variable TZ names it.

    Raises ArgumentInvalidError for a time zone that nobody knows.
    """
    days_in, name = _zone(asked.zone, zone)
    where = condition(asked.filter, current=not asked.filter.include_superseded, deleted=Deleted.TOO)
    query = _SQL["by_client" if asked.by is Grouping.TAG else f"by_{asked.by}"].among(where.names)
    ((rows, created, names),) = connection.fetch(query, where.values)
    there = np.array(orjson.loads(rows), np.int64)
    at = np.full(int(max(there.max(initial=0), lines["row"].max(initial=0))) + 1, np.nan)
    at[there] = orjson.loads(created)
    events = _events(asked, lines, at)
    days, number, earlier = _days(events.at, days_in)
    events, number = events.where(number >= 0), number[number >= 0]
    cells = _Cells(events.kind * len(days) + number, len(_KINDS) * len(days))
    if asked.by is Grouping.TAG:
        counted = _by_tag(connection, asked.limit, events.row, cells, ~np.isnan(at))
    elif asked.by is Grouping.CLIENT:
        counted = _by_code(lines.clients, asked.limit, events.client, cells)
    else:
        codes, known = np.zeros(len(at), np.int64), orjson.loads(names)
        places = {one: place for place, one in enumerate(dict.fromkeys(known))}
        codes[there] = [places[one] for one in known]
        counted = _by_code(tuple(places), asked.limit, codes[events.row], cells)
    return answers.Timeline(
        days=tuple(day.isoformat() for day in days),
        groups=tuple(_told(one, counts) for one, counts in counted.groups),
        other=_told(None, counted.other) if counted.others else None,
        others=counted.others,
        earlier=earlier,
        zone=name,
        notes=(_EACH_TAG,) if asked.by is Grouping.TAG and days else (),
    )


def _told(name: str | None, counts: Numbers) -> DayCounts:
    by_kind = counts.reshape(len(_KINDS), -1)
    return DayCounts(name=name, **{kind: tuple(by_kind[number].tolist()) for kind, number in _KINDS.items()})


def _events(asked: Timeline, lines: Lines, created: Times) -> _Events:
    """Return what happened to the memories that have a time of creation here, at the time that is asked for."""
    if asked.client is not None:
        lines = lines.of(asked.client)
    row, kind = lines["row"].astype(np.int64), lines["kind"].astype(np.int64)
    at = np.where(kind == Kind.STORED, created[row], lines["at"])
    which = (kind != Kind.PURGED) & ~np.isnan(created[row])
    if asked.after is not None:
        which &= at >= asked.after.timestamp()
    if asked.before is not None:
        which &= at < asked.before.timestamp()
    return _Events(row, kind, at, lines["client"].astype(np.int64)).where(which)


def _ranked(totals: Numbers, names: Sequence[str | None]) -> list[int]:
    return sorted(np.flatnonzero(totals).tolist(), key=lambda group: (-totals[group], names[group] or ""))


def _by_code(names: Sequence[str | None], limit: int, code: Numbers, cells: _Cells) -> _Counted:
    """Count events under names; code: of each event the place of its name."""
    ranked = _ranked(np.bincount(code, minlength=len(names)), names)
    shown = ranked[:limit]
    place = np.full(max(len(names), 1), len(shown), np.int64)
    place[shown] = np.arange(len(shown))
    every = np.bincount(place[code] * cells.count + cells.of, minlength=(len(shown) + 1) * cells.count)
    counts = every.reshape(len(shown) + 1, cells.count)
    return _Counted([(names[one], counts[place[one]]) for one in shown], counts[-1], len(ranked) - len(shown))


def _by_tag(connection: Connection, limit: int, row: Numbers, cells: _Cells, there: Mask) -> _Counted:
    """Count events under each tag of their memories, and under none; there: the memories that count, by row."""
    found = connection.fetch(_SQL["by_tag"])
    names: list[str | None] = [*(name for _, name, _ in found), None]
    tagged = [np.array(orjson.loads(memories), np.int64) for _, _, memories in found]
    tagged = [memories[memories < len(there)] for memories in tagged]
    tagged = [memories[there[memories]] for memories in tagged]
    tags = np.bincount(np.concatenate([np.empty(0, np.int64), *tagged]), minlength=len(there))
    tagged.append(np.flatnonzero(there & (tags == 0)))
    happened = np.bincount(row, minlength=len(there))
    ranked = _ranked(np.array([happened[memories].sum() for memories in tagged]), names)
    other = np.bincount(cells.of, np.maximum(tags, 1)[row], minlength=cells.count).astype(np.int64)
    groups: list[tuple[str | None, Numbers]] = []
    for one in ranked[:limit]:
        of_tag = np.zeros(len(there), np.bool_)
        of_tag[tagged[one]] = True
        counts = cells.counts(of_tag[row])
        other -= counts
        name = None
        if names[one] is not None:  # spelled as the newest of these memories has it
            name = connection.value(_SQL["spelling"], {"tag": found[one][0], "memory": int(tagged[one].max())})
        groups.append((name, counts))
    return _Counted(groups, other, len(ranked) - len(groups))


def _days(at: Times, zone: tzinfo) -> tuple[list[date], Numbers, int]:
    """Return the newest days, oldest first, for each time the place of its day, or -1, and how many of those there are.

    A day begins with its first midnight, or where the clock leaves that out, when the clock is set forward.
    """
    if not len(at):
        return [], np.empty(0, np.int64), 0
    of_utc = np.floor(at / _DAY_S).astype(np.int64)
    first = int(of_utc.min())
    of_utc -= first
    used = _used(of_utc)[-limits.TIMELINE_DAYS - 1 :]
    # A day of UTC is of three days anywhere at most.
    around = _used(np.concatenate([used, used + 1, used + 2])) + first - 1 + _EPOCH
    known = [date.fromordinal(int(day)) for day in around if 0 < day <= _LAST]
    begins = np.array([datetime.combine(day, time(), zone).timestamp() for day in known])
    starts = np.full(int(of_utc.max()) + 1, -1)
    starts[used] = np.searchsorted(begins, (used + first) * _DAY_S, side="right") - 1
    number, ends = starts[of_utc], np.append(begins[1:], np.inf)
    before = number < 0
    for _ in range(_MIDNIGHTS):
        number += at >= ends[number]
    number[before] = -1
    places = _used(number[~before])[-limits.TIMELINE_DAYS :]
    place = np.full(len(known), -1)
    place[places] = np.arange(len(places))
    number = np.where(before, -1, place[number])
    return [known[day] for day in places], number, int(np.count_nonzero(number < 0))


def _used(numbers: Numbers) -> Numbers:
    """Return the numbers, none of them below 0, ascending, each once."""
    there = np.zeros(int(numbers.max(initial=-1)) + 1, np.bool_)
    there[numbers] = True
    return np.flatnonzero(there)


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
