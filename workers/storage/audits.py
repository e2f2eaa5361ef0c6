"""Audits: whether vectors that were brought along are those that the cluster's model makes.

Nothing says which model made them. So some of them are made again, and compared: if all are the same, all are trusted;
if not, those of the audit's memories go, and are made anew like any that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import apsw
import numpy as np
import orjson

from memmux import logs
from workers.jobs import Job
from workers.storage import engine, queries
from workers.storage.embeddings import Embedded
from workers.storage.ledger import Ledger

_SQL = queries.load("audits")
OPERATION = "vectors.audit"  # in the change log
MEMORIES = 128  # of one audit, at most
SAMPLE = 8  # of them that are compared
SAME = 0.999  # the cosine of two vectors that one model made of one text; others differ far more
_TOKEN_BYTES = 2  # of UTF-8: a text with more for each token of a window may not fit into one


@dataclass(frozen=True, slots=True)
class Audit:
    """Memories in a range of rows that were loaded with vectors of a model."""

    id: int
    model: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Unverified:
    """A memory with vectors that were brought along; windows: how many they are."""

    row: int
    id: str
    bytes: int
    windows: int


def begin(connection: apsw.Connection, rows: Mapping[int, bool]) -> None:
    """Open audits for those of the memories `rows`, of one load, that have unverified vectors; of MEMORIES at most."""
    unverified = [row for row, has in rows.items() if has]
    if not unverified:
        return
    models = engine.fetch(connection, _SQL["models"], {"rows": orjson.dumps(unverified).decode()})
    for first, last in _runs(sorted(rows)):
        if not any(first <= row <= last for row in unverified):
            continue
        for (model,) in models:
            connection.execute(_SQL["open"], {"model": model, "first": first, "last": last})


def count(connection: apsw.Connection) -> int:
    """Return how many audits are open."""
    found: int = engine.value(connection, _SQL["count"])
    return found


def sample(connection: apsw.Connection, model: str) -> tuple[int, list[tuple[str, str]]] | None:
    """Return the id of an open audit of `model`, and id and content of the memories to compare: the longest first.

    None if there is no such audit; no memories, if none of its vectors are still the ones that were brought along.
    """
    for found in engine.fetch(connection, _SQL["next"], {"name": model}):
        audit = Audit(*found)
        chosen = _chosen(_unverified(connection, audit))
        rows = [one.row for one in chosen]
        values = {"rows": orjson.dumps(rows).decode()}
        contents = {
            row: (memory_id, text) for row, memory_id, text in engine.fetch(connection, _SQL["contents"], values)
        }
        return audit.id, [contents[row] for row in rows]
    return None


def judge(
    ledger: Ledger, job: Job, audit_id: int, made: Mapping[tuple[str, str], Embedded], max_tokens: int | None
) -> None:
    """Compare, and end the audit, unless what was to be compared has changed meanwhile: then it is for the next turn.

    made: the model's own vectors, by id and content. max_tokens: of one window of the model; a longer text is not
    wholly in one vector, as none of memmux's is, so it gets new ones in any case.
    """
    for found in engine.fetch(ledger.connection, _SQL["named"], {"id": audit_id}):
        audit = Audit(*found)
        unverified = _unverified(ledger.connection, audit)
        compared = _compared(ledger.connection, audit, unverified, made)
        if unverified and not compared:
            return
        same = all(cosine >= SAME for cosine, _ in compared.values())
        parts = {one.row for one in unverified if _is_part(one, compared, max_tokens)}
        dropped = [one for one in unverified if not same or one.row in parts]
        for one in dropped:
            ledger.vectors.remove(one.row)
            ledger.log(job, ledger.at(), one.row, one.id, before=None, operation=OPERATION)
        ledger.connection.execute(_SQL["close"], {"id": audit.id})
        counts = {"memories": len(unverified), "compared": len(compared), "dropped": len(dropped)}
        least = round(min((cosine for cosine, _ in compared.values()), default=1.0), 4)
        if same:
            logs.get().info("vectors_verified", least_cosine=least, **counts)
        else:
            logs.get().warning("vectors_rejected", least_cosine=least, **counts)


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return ranges that hold exactly `rows`, which are ascending, each of at most MEMORIES."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1 and row - found[-1][0] < MEMORIES:
            found[-1] = found[-1][0], row
        else:
            found.append((row, row))
    return found


def _unverified(connection: apsw.Connection, audit: Audit) -> list[Unverified]:
    values = {"model": audit.model, "first": audit.first, "last": audit.last}
    return [Unverified(*found) for found in engine.fetch(connection, _SQL["unverified"], values)]


def _chosen(unverified: Sequence[Unverified]) -> list[Unverified]:
    """Return the one with the longest content, and as many more as a sample has, evenly spaced."""
    if not unverified:
        return []
    longest = max(unverified, key=lambda one: (one.bytes, -one.row))
    others = [one for one in unverified if one is not longest]
    taken = min(SAMPLE - 1, len(others))
    return [longest, *(others[number * len(others) // taken] for number in range(taken))]


def _compared(
    connection: apsw.Connection,
    audit: Audit,
    unverified: Sequence[Unverified],
    made: Mapping[tuple[str, str], Embedded],
) -> dict[int, tuple[float, int]]:
    """Return, by row, the cosine of the first window that is kept with the model's, and how many windows that has."""
    found: dict[int, tuple[float, int]] = {}
    wanted = {memory_id for memory_id, _ in made}
    rows = [one.row for one in unverified if one.id in wanted]
    values = {"rows": orjson.dumps(rows).decode()}
    for row, memory_id, content in engine.fetch(connection, _SQL["contents"], values):
        text = made.get((memory_id, content))
        if text is not None:
            kept = engine.value(connection, _SQL["first_window"], {"row": row, "model": audit.model})
            cosine = float(np.frombuffer(kept, "<f4") @ text.vectors[0])
            found[row] = cosine, len(text.windows)
    return found


def _is_part(one: Unverified, compared: Mapping[int, tuple[float, int]], max_tokens: int | None) -> bool:
    """Return whether the vectors may stand for a part of the text only."""
    if one.row in compared:
        return one.windows < compared[one.row][1]
    return max_tokens is not None and one.windows == 1 and one.bytes > _TOKEN_BYTES * max_tokens
