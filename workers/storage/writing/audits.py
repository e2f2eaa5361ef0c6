"""Audits: whether vectors that were brought along are those that the cluster's model makes.

Nothing says which model made them. So some of them are made again, and compared: if all are the same, all are trusted;
if not, those of the audit's memories go, and are made anew like any that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from memmux.logs import log
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records.audits import Audit, Unverified, unverified_of
from workers.storage.records.embeddings import Embedded
from workers.storage.writing.memory_table import MemoryTable

_SQL = queries.load("audits")
OPERATION = "vectors.audit"  # in the change log
SAME = 0.999  # the cosine of two vectors that one model made of one text; others differ far more
_TOKEN_BYTES = 2  # of UTF-8: a text with more for each token of a window may not fit into one


def judge(
    memory_table: MemoryTable, job: Job, audit_id: int, made: Mapping[tuple[str, str], Embedded], max_tokens: int | None
) -> None:
    """Compare, and end the audit, unless what was to be compared has changed meanwhile: then it is for the next turn.

    made: the model's own vectors, by id and content. max_tokens: of one window of the model; a longer text is not
    wholly in one vector, as none of memmux's is, so it gets new ones in any case.
    """
    for found in memory_table.connection.fetch(_SQL["named"], {"id": audit_id}):
        audit = Audit(*found)
        unverified = unverified_of(memory_table.connection, audit)
        compared = _compared(memory_table.connection, audit, unverified, made)
        if unverified and not compared:
            return
        parts = {one.row for one in unverified if _is_part(one, compared, max_tokens)}
        # The first window of a model that reads more than ours has more of the text, and another vector.
        telling = [cosine for row, (cosine, _) in compared.items() if row not in parts]
        same = all(cosine >= SAME for cosine in telling or (cosine for cosine, _ in compared.values()))
        dropped = [one for one in unverified if not same or one.row in parts]
        for one in dropped:
            memory_table.vectors.remove(one.row)
            memory_table.log(job, memory_table.at(), one.row, one.id, before=None, operation=OPERATION)
        memory_table.connection.execute(_SQL["close"], {"id": audit.id})
        counts = {"memories": len(unverified), "compared": len(compared), "dropped": len(dropped)}
        least = round(min((cosine for cosine, _ in compared.values()), default=1.0), 4)
        if same:
            log.get().info("vectors_verified", least_cosine=least, **counts)
        else:
            log.get().warning("vectors_rejected", least_cosine=least, **counts)


def _compared(
    connection: Connection,
    audit: Audit,
    unverified: Sequence[Unverified],
    made: Mapping[tuple[str, str], Embedded],
) -> dict[int, tuple[float, int]]:
    """Return, by row, the cosine of the first window that is kept with the model's, and how many windows that has."""
    found: dict[int, tuple[float, int]] = {}
    wanted = {memory_id for memory_id, _ in made}
    rows = [one.row for one in unverified if one.id in wanted]
    values = {"rows": rows}
    for row, memory_id, content in connection.fetch(_SQL["contents"], values):
        text = made.get((memory_id, content))
        if text is not None:
            kept = connection.value(_SQL["first_window"], {"row": row, "model": audit.model})
            cosine = float(np.frombuffer(kept, "<f4") @ text.vectors[0])
            found[row] = cosine, len(text.windows)
    return found


def _is_part(one: Unverified, compared: Mapping[int, tuple[float, int]], max_tokens: int | None) -> bool:
    """Return whether the vectors may stand for a part of the text only."""
    if one.row in compared:
        return one.windows < compared[one.row][1]
    return max_tokens is not None and one.windows == 1 and one.bytes > _TOKEN_BYTES * max_tokens
