"""Invariants: what the rows of a database must be like, whichever engine keeps them, and how they become so again.

A finding names what is wrong and the remedy. The repair puts counters right, and forgets what belongs to a row that is
not there; vectors that can't be right are dropped, and made anew. Rows that are damaged come back from a backup only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from workers.runtime.jobs import Alive, silent
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records.filters import normal
from workers.storage.records.state import digest

REPAIR = "run `memmux check --repair`"

_SQL = queries.load("invariants")
_INSERT_TAG = queries.load("writer")["insert_tag"]
_FORGET = ("forget_uses", "forget_aliases", "forget_origins", "forget_links", "forget_counts", "forget_audits")
_UNIT = 1e-3  # how far a vector's length may be from 1
_PIECE = 500  # memories whose vectors are looked at together
_PROBLEMS = {
    "orphan": "belong to no memory or no model",
    "left_over": "belong to deleted memories",
    "size": "have another size than their model's",
    "length": "are not of unit length",
    "windows": "stand for a part of their memory only",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be; code: stable, for programs."""

    code: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class VectorProblem:
    """The vectors of one memory by one model, and what is wrong with them.

    code: left_over, orphan, size, length or windows.
    """

    row: int
    model: int
    code: str


def references(connection: Connection) -> Iterator[Finding]:
    """Yield which rows belong to a row that is not there."""
    for child, parent, count in connection.fetch(_SQL["orphans"]):
        yield Finding("orphan_rows", f"{count} rows of {child} belong to a row of {parent} that is not there", REPAIR)


def counters(connection: Connection) -> Iterator[Finding]:
    """Yield which counts are not those of the rows."""
    ((counted, memories),) = connection.fetch(_SQL["memories_counted"])
    if counted != memories:
        yield Finding("counter_wrong", f"there are {memories} memories and {counted} are counted", REPAIR)
    for name, *counts in connection.fetch(_SQL["models_counted"]):
        memories_counted, memories, vectors_counted, vectors = counts
        if (memories_counted, vectors_counted) != (memories, vectors):
            what = (
                f"{name} has {vectors} vectors of {memories} memories, and {vectors_counted} of {memories_counted} "
                "are counted"
            )
            yield Finding("counter_wrong", what, REPAIR)
    if connection.value(_SQL["current_missing"]):
        yield Finding("counter_wrong", "there are models and none of them is the current one", REPAIR)


def vectors(connection: Connection) -> Iterator[Finding]:
    """Yield what is wrong with vectors, a kind each."""
    by_code: dict[str, set[int]] = {}
    for problem in problems(connection):
        by_code.setdefault(problem.code, set()).add(problem.row)
    for code, rows in by_code.items():
        what = f"the vectors of {named(connection, rows)} {_PROBLEMS[code]}"
        yield Finding("vectors_wrong", what, f"{REPAIR}; they are then made anew")


def tags(connection: Connection) -> Iterator[Finding]:
    """Yield whether tags have other names than their spellings have."""
    uses = connection.each(_SQL["uses"])
    if rows := {memory for memory, _, _, spelling, name in uses if normal(spelling) != name}:
        yield Finding("tags_wrong", f"tags of {named(connection, rows)} go by a wrong name", REPAIR)


def changes(connection: Connection, restore: str) -> Iterator[Finding]:
    """Yield what the change log lacks; restore: the remedy for what no repair gives back."""
    ((last, count, first, missing),) = connection.fetch(_SQL["gap"])
    if missing:
        what = f"the change log has {count} entries from {first} to {last}; some are missing"
        yield Finding("changes_missing", what, restore)
    if unlogged := connection.value(_SQL["unlogged"]):
        yield Finding("changes_missing", f"{unlogged} memories are not in the change log", restore)


def hashes(connection: Connection, restore: str) -> Iterator[Finding]:
    """Yield whether contents are others than what was stored; restore: as above."""
    wrong = Counter(digest(content) == kept for _, content, kept in connection.each(_SQL["hashes"]))[False]
    if wrong:
        yield Finding("content_changed", f"the contents of {wrong} memories are not what was stored", restore)


def named(connection: Connection, rows: set[int]) -> str:
    """Return how many memories `rows` are, and the id of one to look at."""
    found = ids(connection, [min(rows)])
    name = found[0][1] if found else f"row {min(rows)}"
    return f"the memory {name}" if len(rows) == 1 else f"{len(rows)} memories ({name} and others)"


def ids(connection: Connection, rows: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return row and id of those of `rows` that are there, in their order."""
    return connection.fetch(_SQL["ids"], {"rows": list(rows)})


def problems(connection: Connection, alive: Alive = silent) -> Iterator[VectorProblem]:
    """Yield what is wrong with vectors; each memory and model once. alive: called often meanwhile."""
    after = -1
    while (last := connection.value(_SQL["next_piece"], {"after": after, "limit": _PIECE})) is not None:
        found = connection.fetch(_SQL["vectors"], {"after": after, "last": last})
        for (row, model), windows in groupby(found, key=itemgetter(0, 1)):
            if code := _code([window[2:] for window in windows]):
                yield VectorProblem(row, model, code)
        after = last
        alive()


def _code(windows: Sequence[tuple[Any, ...]]) -> str:
    """Return what is wrong with the vectors of one memory by one model, or nothing."""
    _, first, _, _, dimensions, is_known, is_deleted, content = windows[0]
    if not is_known or dimensions is None:
        return "orphan"
    if is_deleted:
        return "left_over"
    data = [embedding for _, _, _, embedding, *_ in windows]
    if any(len(embedding) != 4 * dimensions for embedding in data):
        return "size"
    lengths = np.linalg.norm(np.frombuffer(b"".join(data), "<f4").reshape(-1, dimensions).astype(np.float64), axis=1)
    if not (np.abs(lengths - 1) <= _UNIT).all():  # written so that NaN is wrong as well
        return "length"
    covered = 0
    for number, (window, start, end, *_) in enumerate(windows):
        if window != number or start > covered or end < start:
            return "windows"
        covered = max(covered, end)
    return "" if first == 0 and covered == len(content) else "windows"


# The repair, inside a transaction.


def mend(connection: Connection, alive: Alive) -> set[int]:
    """Forget what belongs to nothing, let tags go by their names, and drop the vectors that can't be right.

    Returns the rows of the memories that lost some.
    """
    for query in _FORGET:
        connection.execute(_SQL[query])
    for memory, tag, position, spelling, name in connection.fetch(_SQL["uses"]):
        if (right := normal(spelling)) != name:
            connection.execute(_SQL["forget_use"], {"memory": memory, "tag": tag})
            connection.execute(_INSERT_TAG, {"name": right})
            use = {"memory": memory, "position": position, "spelling": spelling, "name": right}
            connection.execute(_SQL["use"], use)
    dropped = list(problems(connection, alive))
    for problem in dropped:
        connection.execute(_SQL["forget_vectors"], {"memory": problem.row, "model": problem.model})
    return {problem.row for problem in dropped}


def count(connection: Connection) -> int:
    """Count memories and vectors anew, and see that one model is the current one; return how many vectors there are."""
    for query in ("count_memories", "count_vectors"):
        connection.execute(_SQL[query])
    if connection.value(_SQL["current_missing"]):
        connection.execute(_SQL["choose_current"])
    return int(connection.value(_SQL["vectors_counted"]))
