"""Ahead: what jobs will look for, so that it is asked for all of them at once, with the lock of their transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from memmux.wire.requests import DEFAULT_NAMESPACE
from workers.runtime.jobs import Job
from workers.storage.records.state import digest

_NUL = "\0"
_STORES = ("memory.store", "memory.store_similar")


@dataclass(frozen=True, slots=True)
class Ahead:
    """Idempotency keys, namespaces and hashes of contents, and whose memory goes where: clients and namespaces."""

    keys: Sequence[str] = ()
    contents: Sequence[tuple[str, str]] = ()
    homes: Sequence[tuple[str, str]] = ()


def of(jobs: Sequence[Job]) -> Ahead:
    """Return what jobs will look for, as far as they are plain stores.

    What is left out, or is spelled otherwise than it turns out to be meant, is asked for when it is needed.
    """
    stored = [(job.client, content) for job in jobs for content in _contents(job)]
    return Ahead(
        keys=list(dict.fromkeys(job.key for job in jobs if job.key and _NUL not in job.key)),
        contents=list(dict.fromkeys(content for _, content in stored)),
        homes=list(dict.fromkeys((client, place) for client, (place, _) in stored)),
    )


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
