"""Duplicates: groups of memories that say nearly the same, found by a walk through all of them, a page at a time.

Each memory is compared with all others through the index of vectors. Near are those with a cosine from which on a store
names a memory as similar, and those that have the same text but for case and blanks. A group is all that can be reached
from one memory over near ones; it is given with its oldest memory, so that it is there once, whatever the page.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import apsw
import numpy as np
import orjson

from memmux import limits
from memmux.errors import MessageTooLargeError
from memmux.wire import answers
from memmux.wire.answers import Alike, DuplicateGroup, Memory
from memmux.wire.requests import Duplicates
from workers.index.interface import Vectors
from workers.runtime.jobs import Alive
from workers.storage import similar
from workers.storage.db import engine, queries, rows, vectors
from workers.storage.db.filters import folded
from workers.storage.db.vectors import Model
from workers.storage.reading.scope import Scope, Scopes

_SEARCH = queries.load("search")
_SQL = queries.load("tidying")
_NEAREST = 32  # memories that one is compared with in the end, itself among them
_SAME_TEXT = 0.5  # the cosine that two texts have at least that are the same but for case
_PIECE = 64  # memories that are walked through between two looks at the clock
_PAGE_BYTES = 16 << 20  # of an answer, unless one group has more
WORK_S = 0.25  # after which a page ends, so that nobody waits behind it
_NO_MODEL = "nothing is compared: no memory has a vector yet"


class DuplicateSearch:
    """Finds the groups of one page, inside a reader's transaction.

    alive: called for each memory; it raises what ends the search. clock: monotonic seconds.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        scopes: Scopes,
        asked: Duplicates,
        alive: Alive,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._asked = asked
        self._alive = alive
        self._clock = clock
        self._where, _ = scopes.where(asked.filter)
        self._model = vectors.current(connection)
        self._scope = None if self._model is None else scopes.of(self._model, asked.filter, self._where)
        named = "" if self._model is None else self._model.name
        self._least = similar.least(named) if asked.least is None else float(asked.least)
        self._near: dict[int, Sequence[int]] = {}  # what was compared in this page

    def page(self) -> answers.Duplicates:
        """Return the next groups, as many as are asked for or as there is time for."""
        if self._model is None or self._scope is None:
            return answers.Duplicates(groups=(), next=None, compared=0, least=self._least, notes=(_NO_MODEL,))
        groups: list[DuplicateGroup] = []
        after, compared, size = self._asked.after, 0, 0
        until = self._clock() + WORK_S
        while piece := self._next(after):
            held = self._held(self._model, piece)
            for row in piece:
                self._alive()
                found = self._group(self._model, self._scope, row, held) if row in held else None
                if found is not None:
                    size += len(orjson.dumps(found))
                    if groups and size > _PAGE_BYTES:  # the next page begins with it
                        return self._answer(groups, after, compared)
                    groups.append(found)
                after, compared = row, compared + 1
                if len(groups) == self._asked.limit or self._clock() >= until:
                    return self._answer(groups, after, compared)
        return self._answer(groups, None, compared)

    def _next(self, after: int) -> list[int]:
        values = {**self._where.values, "after": after, "limit": _PIECE}
        found = engine.fetch(self._connection, _SQL["next"].format(where=self._where.sql), values)
        return [row for (row,) in found]

    def _answer(self, groups: Sequence[DuplicateGroup], after: int | None, compared: int) -> answers.Duplicates:
        return answers.Duplicates(groups=tuple(groups), next=after, compared=compared, least=self._least)

    def _group(self, model: Model, scope: Scope, row: int, held: Mapping[int, Vectors]) -> DuplicateGroup | None:
        """Return the group of which the memory `row` is the oldest one, if there is one."""
        near = self._neighbours(model, scope, row, held)
        if not near or min(near) < row:
            return None
        members, waiting = {row, *near}, list(near)
        heapq.heapify(waiting)  # the oldest first: soon there is one that is older than `row`, if any is
        while waiting and len(members) <= limits.GROUP:
            for other in self._neighbours(model, scope, heapq.heappop(waiting), held):
                if other < row:
                    return None
                if other not in members:
                    members.add(other)
                    heapq.heappush(waiting, other)
        others = np.array(sorted(members - {row}), np.int64)
        cosines = dict(scope.similarities(held[row][0], others))
        ranked = sorted(others.tolist(), key=lambda other: (-cosines.get(other, -1.0), other))[: limits.GROUP - 1]
        told = self._told(row, ranked)
        similarities = [1.0, *(cosines.get(other) for other in ranked[: len(told) - 1])]
        return DuplicateGroup(
            members=tuple(Alike(memory=memory, similarity=one) for memory, one in zip(told, similarities, strict=True)),
            more=len(members) > len(told),
        )

    def _told(self, row: int, others: Sequence[int]) -> list[Memory]:
        """Return the memory `row` and as many of the others as a page has room for, but one at least."""
        while True:
            with suppress(MessageTooLargeError):
                told = rows.memories(self._connection, [row, *others])
                if len(others) == 1 or len(orjson.dumps(told)) <= _PAGE_BYTES:
                    return told
            others = others[: max(1, len(others) // 2)]

    def _neighbours(self, model: Model, scope: Scope, row: int, held: Mapping[int, Vectors]) -> Sequence[int]:
        """Return the memories that say nearly the same as the memory `row`."""
        if row not in self._near:
            best: dict[int, float] = {}
            for vector in (held if row in held else self._held(model, [row])).get(row, ()):
                for other, cosine in scope.nearest(vector, _NEAREST):
                    best[other] = max(cosine, best.get(other, -1.0))
            best.pop(row, None)
            near = [other for other, cosine in best.items() if cosine >= self._least]
            maybe = [other for other, cosine in best.items() if _SAME_TEXT <= cosine < self._least]
            self._near[row] = [*near, *(self._same_text(row, maybe) if maybe else ())]
        return self._near[row]

    def _same_text(self, row: int, others: Sequence[int]) -> list[int]:
        """Return those of some memories whose text is that of the memory `row` but for case and blanks."""
        values = {"rows": orjson.dumps([row, *others]).decode()}
        texts = {
            one: " ".join(folded(content).split())
            for one, content in engine.fetch(self._connection, _SEARCH["contents"], values)
        }
        return [other for other in others if texts[other] == texts[row]]

    def _held(self, model: Model, some: Sequence[int]) -> dict[int, Vectors]:
        """Return the first vectors of some memories, one line each, of those that have any."""
        values = {"model": model.id, "rows": orjson.dumps(some).decode(), "windows": similar.WINDOWS}
        found: dict[int, list[bytes]] = {}
        for row, embedding in engine.fetch(self._connection, _SQL["vectors"], values):
            found.setdefault(row, []).append(embedding)
        return {row: np.frombuffer(b"".join(data), "<f4").reshape(-1, model.dimensions) for row, data in found.items()}
