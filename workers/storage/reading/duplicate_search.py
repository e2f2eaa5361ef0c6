"""Duplicates: groups of memories that say nearly the same, found by a walk through all of them, a page at a time.

Each memory is compared with all others of its namespace through the index of vectors. Two are near with a cosine from
which on a store names a memory as similar, if both have the same numbers, identifiers, paths, versions and dates; and
if they have the same text but for case and blanks. The one of them that was created first stays, unless it is itself
near to one that stays: so each member of a group is near to the one that stays, and each memory is in one group only.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import orjson

from memmux import limits
from memmux.errors import MessageTooLargeError
from memmux.wire import answers
from memmux.wire.answers import Alike, DuplicateGroup, Memory
from memmux.wire.requests import Duplicates
from workers.index.interface import Near, Vectors
from workers.runtime.jobs import Alive
from workers.storage import queries, similar
from workers.storage.connection import Connection
from workers.storage.reading.scope import Scope, Scopes
from workers.storage.records import rows, vectors
from workers.storage.records.filters import folded
from workers.storage.records.vectors import Model
from workers.words.facts import facts

_SQL = queries.load("tidying")
_NEAREST = 33  # memories, itself among them, that may have the same text as another one, by their vectors
_MOST = 1024  # memories that are near to one, at most
_SAME_TEXT = 0.5  # the cosine that two texts have at least that are the same but for case
_PIECE = 64  # memories that are compared at once
_PAGE_BYTES = 16 << 20  # of an answer, unless one group has more
WORK_S = 0.25  # after which a page ends, so that nobody waits behind it
_NO_MODEL = "nothing is compared: no memory has a vector yet"


@dataclass(frozen=True, slots=True)
class _Text:
    """What is compared of a memory: when it was created, and its text without case and blanks."""

    namespace: str
    age: tuple[float, str]
    same: bytes


class DuplicateSearch:
    """Finds the groups of one page, inside a reader's transaction.

    alive: called for each comparison; it raises what ends the search. clock: monotonic seconds.
    """

    def __init__(
        self,
        connection: Connection,
        scopes: Scopes,
        asked: Duplicates,
        alive: Alive,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._scopes = scopes
        self._asked = asked
        self._alive = alive
        self._clock = clock
        self._where, _ = scopes.where(asked.filter)
        self._model = vectors.current(connection)
        named = "" if self._model is None else self._model.name
        self._least = similar.least(named) if asked.least is None else float(asked.least)
        # What was found out for this page:
        self._scope: dict[str, Scope] = {}  # by namespace
        self._texts: dict[int, _Text] = {}
        self._facts: dict[int, bytes] = {}
        self._near: dict[int, Mapping[int, float]] = {}
        self._stay: dict[int, bool] = {}

    def page(self) -> answers.Duplicates:
        """Return the next groups, as many as are asked for or as there is time for."""
        if self._model is None:
            return answers.Duplicates(groups=(), next=None, compared=0, least=self._least, notes=(_NO_MODEL,))
        groups: list[DuplicateGroup] = []
        after, compared, size = self._asked.after, 0, 0
        until: float | None = None
        while piece := self._next(after):
            self._compare(self._model, piece)
            until = self._clock() + WORK_S if until is None else until  # what is compared by now shall be of use
            for row in piece:
                self._alive()
                found = self._group(self._model, row)
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
        found = self._connection.fetch(_SQL["next"].among(self._where.names), values)
        return [row for (row,) in found]

    def _answer(self, groups: Sequence[DuplicateGroup], after: int | None, compared: int) -> answers.Duplicates:
        return answers.Duplicates(groups=tuple(groups), next=after, compared=compared, least=self._least)

    def _group(self, model: Model, row: int) -> DuplicateGroup | None:
        """Return the group of which the memory `row` is the one that stays, if there is one."""
        near = self._near[row]
        newer = [other for other in near if self._texts[other].age > self._texts[row].age]
        if not newer or not self._stays(model, row):
            return None
        newer.sort(key=lambda other: (-near[other], other))
        members: list[int] = []
        for begin in range(0, len(newer), _PIECE):
            if len(members) >= limits.GROUP:
                break
            piece = newer[begin : begin + _PIECE]
            self._compare(model, piece)
            members += [other for other in piece if self._home(model, other) == row]
        if not members:
            return None
        told = self._told(row, members[: limits.GROUP - 1])
        similarities = [1.0, *(near[other] for other in members[: len(told) - 1])]
        return DuplicateGroup(
            members=tuple(Alike(memory=memory, similarity=one) for memory, one in zip(told, similarities, strict=True)),
            more=1 + len(members) > len(told),
        )

    def _told(self, row: int, others: Sequence[int]) -> list[Memory]:
        """Return the memory `row` and as many of the others as a page has room for, but one at least."""
        while True:
            with suppress(MessageTooLargeError):
                told = rows.memories(self._connection, [row, *others])
                if len(others) == 1 or len(orjson.dumps(told)) <= _PAGE_BYTES:
                    return told
            others = others[: max(1, len(others) // 2)]

    def _stays(self, model: Model, row: int) -> bool:
        """Return whether the memory `row` is near to none that was created before it and stays."""
        waiting = [row]
        while waiting:
            at = waiting[-1]
            known: bool | None = None
            for other in self._older(model, at):
                known = self._stay.get(other)
                if known is None:
                    waiting.append(other)  # which was created before, so this ends
                    break
                if known:
                    break
            if waiting[-1] == at:
                self._stay[at] = not known
                waiting.pop()
        return self._stay[row]

    def _home(self, model: Model, row: int) -> int | None:
        """Return the memory that stays in place of `row`: the first that it is near to; None if it stays itself."""
        return next((other for other in self._older(model, row) if self._stays(model, other)), None)

    def _older(self, model: Model, row: int) -> Sequence[int]:
        """Return what is near to the memory `row` and was created before it, the first first."""
        self._compare(model, [row])
        age = self._texts[row].age
        older = [(self._texts[other].age, other) for other in self._near[row] if self._texts[other].age < age]
        return [other for _, other in sorted(older)]

    def _compare(self, model: Model, some: Sequence[int]) -> None:
        """Find what is near to each of some memories."""
        new = [row for row in some if row not in self._near]
        if not new:
            return
        self._read(new)
        held = self._held(model, new)
        self._near.update((row, {}) for row in new)
        for namespace in dict.fromkeys(self._texts[row].namespace for row in held):
            lines = [(row, one) for row in held if self._texts[row].namespace == namespace for one in held[row]]
            for row, found in self._found(model, namespace, lines):
                self._near[row] = found

    def _found(
        self, model: Model, namespace: str, lines: Sequence[tuple[int, Vectors]]
    ) -> Iterator[tuple[int, Mapping[int, float]]]:
        """Yield what is near to memories of a namespace; lines: each of their vectors."""
        best: dict[int, dict[int, float]] = {}
        wanted = Near(_NEAREST, self._least, _MOST)
        for begin in range(0, len(lines), _PIECE):
            self._alive()
            piece = lines[begin : begin + _PIECE]
            block = np.array([vector for _, vector in piece], np.float32)
            hits = self._of(model, namespace).alike(block, wanted)
            for (row, _), found in zip(piece, hits, strict=True):
                known = best.setdefault(row, {})
                for other, cosine in found:
                    known[other] = max(cosine, known.get(other, -1.0))
        floor = min(_SAME_TEXT, self._least)
        for row, known in best.items():
            maybe = {other: cosine for other, cosine in known.items() if cosine >= floor and other != row}
            self._read(list(maybe))
            yield row, {other: cosine for other, cosine in maybe.items() if self._alike(row, other, cosine)}

    def _alike(self, row: int, other: int, cosine: float) -> bool:
        if self._texts[row].same == self._texts[other].same:
            return True
        return cosine >= self._least and self._facts_of(row) == self._facts_of(other)

    def _of(self, model: Model, namespace: str) -> Scope:
        """Return the memories that one of a namespace is compared with: those of it that the filter lets through."""
        if namespace not in self._scope:
            asked = replace(self._asked.filter, namespace=namespace)
            where, _ = self._scopes.where(asked)
            self._scope[namespace] = self._scopes.of(model, asked, where)
        return self._scope[namespace]

    def _read(self, some: Sequence[int]) -> None:
        """Read the texts of some memories, of which no more is kept than is compared."""
        new = [row for row in some if row not in self._texts]
        if not new:
            return
        values = {"rows": new}
        for row, namespace, created, memory_id, content in self._connection.fetch(_SQL["texts"], values):
            self._texts[row] = _Text(namespace, (created, memory_id), _digest(" ".join(folded(content).split())))

    def _facts_of(self, row: int) -> bytes:
        """Return a digest of the facts in the text of a memory; few are near, so it is read for them alone."""
        if row not in self._facts:
            values = {"rows": [row]}
            ((*_, content),) = self._connection.fetch(_SQL["texts"], values)
            self._facts[row] = _digest("\n".join(facts(content)))
        return self._facts[row]

    def _held(self, model: Model, some: Sequence[int]) -> dict[int, Vectors]:
        """Return the first vectors of some memories, one line each, of those that have any."""
        values = {"model": model.id, "rows": some, "windows": similar.WINDOWS}
        found: dict[int, list[bytes]] = {}
        for row, embedding in self._connection.fetch(_SQL["vectors"], values):
            found.setdefault(row, []).append(embedding)
        return {row: np.frombuffer(b"".join(data), "<f4").reshape(-1, model.dimensions) for row, data in found.items()}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
