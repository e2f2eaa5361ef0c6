"""The character NUL, which no text of PostgreSQL's can hold, nor a JSON text that is looked into."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson

from memmux.errors import ArgumentInvalidError
from workers.runtime.jobs import Job
from workers.storage.postgres.errors import NUL
from workers.storage.writing import load

_WRITTEN = rb"\u0000"  # as JSON has it; in no other way, as it is a control character


def refuse_job(job: Job) -> None:
    """Raise ArgumentInvalidError if a text in the body of a job holds NUL, or what it came with.

    Memories that are loaded are looked at each for itself.
    """
    body: Any = None
    if job.frames and _WRITTEN in job.frames[0] and job.operation != load.OPERATION:
        with suppress(ValueError):  # what is wrong with it is said by whoever reads it
            body = orjson.loads(job.frames[0])
    refuse([body, job.key, job.client, job.id])


def refuse(value: object) -> None:
    """Raise ArgumentInvalidError if a text of a JSON value holds NUL."""
    values = [value]
    while values:  # however deep it is
        match values.pop():
            case str() as text if "\0" in text:
                raise ArgumentInvalidError(NUL)
            case list() as inner:
                values += inner
            case dict() as fields:
                values += [*fields.keys(), *fields.values()]
