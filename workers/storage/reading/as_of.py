"""Memories as of a change: how they were after it, from what the change log keeps of how each was before the next.

A memory that has not changed since is found as any other. Of each of the others the first change since has the state,
which is read: the work grows with the memories that were there then and have changed since. What was purged is nowhere,
not even in the log. What searches go by, words and vectors, is kept only of what is there now; so there is no search as
of a change.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from memmux.errors import NotFoundError
from memmux.wire.answers import Memory, Page
from memmux.wire.requests import Filter, Get, List
from workers.index.interface import Rows
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.reading.log_follower import Lines
from workers.storage.reading.scope import several_of
from workers.storage.records import filters, rows
from workers.storage.records.filters import Deleted, condition
from workers.storage.records.state import State

_SQL = queries.load("as_of")
_PIECE = 500  # states that are read at once
_PURGED = 1_000  # memories up to which those are counted that are gone for good

_Key = tuple[float, int]
"""By which memories are in order: when they were created, then their row."""


def memory(connection: Connection, asked: Get) -> Memory:
    """Return one memory as it was after a change.

    It is found by the names that it has now, or had when it was deleted. Raises NotFoundError if it was not there.
    """
    seq, place = asked.as_of or 0, rows.single(asked.namespace)
    row = rows.past(connection, asked.id, place)
    if row is None:
        raise NotFoundError(f"there never was a memory {asked.id!r} in namespace {place!r}; {rows.finding(asked.id)}")
    deleted = connection.value(_SQL["is_deleted"], {"row": row})
    if deleted is None:
        rows.refuse_gone(connection, asked.id, place)
    changed = connection.fetch(_SQL["next"], {"row": row, "seq": seq})
    if not changed:
        then = State(rows.memories(connection, [row])[0], deleted=bool(deleted))
    elif (before := changed[0][0]) is None:
        raise NotFoundError(f"the memory {asked.id!r} was stored after change {seq}; `memmux history` has its changes")
    else:
        then = State.from_log(before)
    if then.deleted:
        raise NotFoundError(f"the memory {asked.id!r} was deleted as of change {seq}; `memmux history` has its changes")
    return then.memory


def page(connection: Connection, asked: List, lines: Lines) -> Page:
    """Return a page of the memories as they were after a change, newest first; lines: of the log, up to now.

    Raises MessageTooLargeError if no message could hold them.
    """
    seq, wanted = asked.as_of or 0, asked.offset + asked.limit
    changed, seqs, new = lines.first_after(seq)
    where = condition(asked.filter, current=not asked.filter.include_superseded, client=asked.client)
    values = {**where.values, "changed": changed.tolist()}
    total = connection.value(_SQL["count_same"].among(where.names), values)
    same = connection.fetch(_SQL["same"].among(where.names), {**values, "limit": wanted})
    then = dict(_states(connection, asked, seqs[~new]))
    best = heapq.nlargest(wanted, [*same, *then])[asked.offset :]
    told = _told(connection, [(row, then.get((at, row))) for at, row in best])
    return Page(memories=tuple(told), total=total + len(then), notes=_notes(connection, asked))


def _states(connection: Connection, asked: List, seqs: Rows) -> Iterator[tuple[_Key, int]]:
    """Yield the memories that were as the filter wants, of those with these changes, and the change with the state."""
    among = condition(Filter(namespace=asked.filter.namespace), deleted=Deleted.TOO, client=asked.client)
    query = _SQL["states"].among(among.names)
    fits = _Fitting(asked.filter)
    for first in range(0, len(seqs), _PIECE):
        meant = seqs[first : first + _PIECE].tolist()
        for seq, row, before in connection.each(query, {**among.values, "seqs": meant}):
            fields = orjson.loads(before)
            if not fields.get("deleted") and fits(fields):
                yield (datetime.fromisoformat(fields["created_at"]).timestamp(), row), seq


class _Fitting:
    """Says whether a memory, as the log has it, is one that a filter lets through; the same as `filters.condition`."""

    def __init__(self, asked: Filter) -> None:
        self._asked = asked
        self._tags = set(map(filters.normal, asked.tags))
        self._after = None if asked.after is None else asked.after.timestamp()
        self._before = None if asked.before is None else asked.before.timestamp()
        # As JSON, so that 1 is 1.0 and not true.
        self._metadata = {key: _comparable(value) for key, value in asked.metadata.items()}

    def __call__(self, fields: Mapping[str, Any]) -> bool:
        asked = self._asked
        if asked.type is not None and fields["type"] != asked.type:
            return False
        if not asked.include_superseded and fields.get("superseded_by") is not None:
            return False
        return self._is_tagged(fields) and self._is_of_time(fields) and self._is_described(fields["metadata"])

    def _is_tagged(self, fields: Mapping[str, Any]) -> bool:
        if not self._tags:
            return True
        has = set(map(filters.normal, fields["tags"]))
        return not self._tags.isdisjoint(has) if self._asked.any_tag else self._tags <= has

    def _is_of_time(self, fields: Mapping[str, Any]) -> bool:
        if self._after is None and self._before is None:
            return True
        at = datetime.fromisoformat(fields["created_at"]).timestamp()
        return (self._after is None or at >= self._after) and (self._before is None or at < self._before)

    def _is_described(self, metadata: Mapping[str, Any]) -> bool:
        return all(key in metadata and _comparable(metadata[key]) == value for key, value in self._metadata.items())


def _comparable(value: object) -> tuple[str, object]:
    """Return a value of JSON so that it equals another as SQL compares them: lists and objects by their text."""
    if isinstance(value, bool) or value is None:
        return str(value), None
    if isinstance(value, int | float):
        return "number", value
    if isinstance(value, str):
        return "text", value
    return "json", orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _told(connection: Connection, found: Sequence[tuple[int, int | None]]) -> Iterator[Memory]:
    """Yield memories in their order, each as its change says, or as it is; raise MessageTooLargeError."""
    now = [row for row, seq in found if seq is None]
    known = dict(zip(now, rows.memories(connection, now), strict=True))
    size = sum(len(one.content) for one in known.values())
    for row, seq in found:
        if seq is None:
            yield known[row]
            continue
        text = connection.value(_SQL["state"], {"seq": seq})
        if (size := size + len(text)) > rows.ANSWER_BYTES:
            raise rows.too_large()
        yield State.from_log(text).memory


def _notes(connection: Connection, asked: List) -> tuple[str, ...]:
    """Return what is said of memories that were purged since."""
    values = {"seq": asked.as_of, "namespaces": several_of(asked.filter), "most": _PURGED}
    if not (count := connection.value(_SQL["purged"], values)):
        return ()
    memories = "memory that was" if count == 1 else "memories that were"
    more, gone = " or more" if count == _PURGED else "", "was" if count == 1 else "were"
    return (f"{count}{more} {memories} stored by change {asked.as_of} {gone} purged since, and can not be shown",)
