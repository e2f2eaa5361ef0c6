"""The texts of a job that are to be embedded."""

from __future__ import annotations

import orjson

from memmux.errors import ArgumentInvalidError, MalformedMessageError, ModelMismatchError, UnknownOperationError
from memmux.wire.requests import Search, Store, StoreBatch, Update
from workers.runtime.jobs import Job

HEALTH_TEXT = "what a health check has the model embed"


def texts_of(job: Job, model: str) -> tuple[str, ...]:
    """Return the texts that `job` wants embedded, in order; none for a rewrite that leaves the content.

    model: the name of the one that is loaded here. Raises the MemmuxError that says what is wrong with the job.
    """
    body = job.frames[0] if job.frames else b""
    match job.operation:
        case "memory.store" | "memory.store_similar":
            return (Store.from_body(body).content,)
        case "memory.store_batch":
            return tuple(memory.content for memory in StoreBatch.from_body(body).memories)
        case "memory.search":
            return (Search.from_body(body).query,)
        case "health.read":
            return (HEALTH_TEXT,)
        case "memory.rewrite":
            content = Update.from_body(body).content
            return () if content is None else (content,)
        case "vectors.backfill":
            return _without_vectors(job, model)
        case _:
            raise UnknownOperationError(f"{job.operation!r} has nothing to embed")


def _without_vectors(job: Job, model: str) -> tuple[str, ...]:
    """Return the contents that the read stage found to have no vector."""
    try:
        body, found = job.frames
        wanted = orjson.loads(body)["model"]
        contents = tuple(memory["content"] for memory in orjson.loads(found)["memories"])
    except (ValueError, TypeError, KeyError):
        raise MalformedMessageError("a backfill brings a model's name and the memories found") from None
    if wanted != model:
        # The writer makes the wanted model the database's own, so vectors of another must never get there.
        raise ModelMismatchError(f"the vectors are wanted of {wanted!r}, and {model!r} is loaded here")
    if not all(isinstance(content, str) for content in contents):
        raise ArgumentInvalidError("a memory's content is not a text")
    return contents
