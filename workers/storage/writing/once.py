"""Once: a job that comes again by its key is answered as it was before, and not applied again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from memmux.errors import KeyConflictError
from memmux.logs import log
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.connection import Connection

_SQL = queries.load("writer")


def once(connection: Connection, job: Job, apply: Callable[[Job], bytes], now: Callable[[], float]) -> bytes:
    """Apply one job unless its key was applied before; then return what was answered, unchanged.

    now: seconds since 1970. Raises KeyConflictError for the key of another job, and what the job fails with.
    """
    if not job.key:
        return apply(job)
    fingerprint = hashlib.sha256(b"\0".join((job.operation.encode(), *job.frames[:1]))).digest()
    for known, answer in connection.fetch(_SQL["answered"], {"key": job.key}):
        if known != fingerprint:
            raise KeyConflictError
        log.get().info("write_deduplicated", request_id=job.id, operation=job.operation, key=job.key)
        return bytes(answer)
    answer = apply(job)
    connection.execute(
        _SQL["insert_answer"], {"key": job.key, "fingerprint": fingerprint, "at": now(), "answer": answer}
    )
    return answer
