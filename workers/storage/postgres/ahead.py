"""Ahead: what jobs will look for, so that it is asked for all of them at once, with the lock of their transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from memmux.wire.requests import DEFAULT_NAMESPACE
from workers.runtime.jobs import Job
from workers.storage.records.state import digest

_NUL = "\0"
_STORES = ("memory.store", "memory.store_similar")


def of(jobs: Iterable[Job]) -> tuple[Sequence[str], Sequence[tuple[str, str]]]:
    """Return idempotency keys, and namespaces and hashes of contents, as far as jobs are plain stores.

    What is left out, or is spelled otherwise than it turns out to be meant, is asked for when it is needed.
    """
    jobs = list(jobs)
    keys = dict.fromkeys(job.key for job in jobs if job.key and _NUL not in job.key)
    return list(keys), list(dict.fromkeys(content for job in jobs for content in _contents(job)))


def _contents(job: Job) -> Iterator[tuple[str, str]]:
    try:
        body = orjson.loads(job.frames[0])
    except (ValueError, IndexError):
        return  # what is wrong with it is said by whoever reads it
    if job.operation in _STORES:
        stored: Any = [body]
    elif job.operation == "memory.store_batch" and isinstance(body, dict):
        stored = body.get("memories")
    else:
        return
    for one in stored if isinstance(stored, list) else ():
        match one:
            case {"content": str(content)}:
                place = one.get("namespace", DEFAULT_NAMESPACE)
                if isinstance(place, str) and _NUL not in content + place:
                    yield place, digest(content)
