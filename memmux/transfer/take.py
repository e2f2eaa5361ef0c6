"""Taking in: the memories of another source into a cluster, so that taking them again takes nothing twice.

What changed in the source since it was taken in is brought up to date, unless it was changed here; a text that is here
already stays one memory, which goes by both names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memmux import limits
from memmux.client.blocking import Client
from memmux.errors import ArgumentInvalidError, NotFoundError
from memmux.transfer.formats.base import LeftOut, Line, Skips
from memmux.transfer.made import Made

TIMEOUT_S = 300.0  # for a batch, as others may be before it
BATCH_BYTES = 4 << 20  # of the contents and vectors of one request, more or less
PROBLEMS = 1_000  # that are named; the rest is only counted
_CONTENT, _CREATED, _UPDATED = "content", "created_at", "updated_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A memory that was not taken as it is; status: conflict, duplicate, merged or broken."""

    id: str
    status: str
    message: str


@dataclass(slots=True, kw_only=True)
class Taken:
    """What became of the memories of a source.

    format: what the source is. memories: how many were read of it, of how many threads. skipped: were here as they
    are. updated: changed there and not here. merged: their text is here, so they became one with that memory.
    conflicts: were changed here, or deleted for good, and stay so. duplicates: changed there to what another memory
    here says. broken: are no memories. left_out: what became no memory, by the reason. problems, missing: the first.
    made: the changes.
    """

    format: str
    path: str
    memories: int = 0
    threads: int = 0
    links: int = 0
    created: int = 0
    skipped: int = 0
    updated: int = 0
    merged: int = 0
    conflicts: int = 0
    duplicates: int = 0
    broken: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    missing: list[LeftOut] = field(default_factory=list)
    made: Made = field(default_factory=Made)


def take(
    client: Client | None,
    taken: Taken,
    lines: Iterator[Line],
    skips: Skips,
    told: Callable[[Line], None],
    *,
    newest: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Taken:
    """Bring the memories into the cluster; client: None counts them only. told: is told of each.

    newest: whether of a memory that was changed on both sides the newer state counts, and not that of here. stopped:
    asked before each batch whether to take no more.
    What comes after a place where the source can't be read any more is left out, and said. Fills in `taken`, which is
    true at any moment, and returns it.
    """
    threads = set[str]()
    for batch in _batches(_readable(lines, skips)):
        if stopped():
            break
        for line in batch:
            told(line)
            threads.add(line.get("thread") or "")
            taken.links += len(line.get("links", ()))
        taken.memories += len(batch)
        taken.threads = len(threads - {""})
        if client is not None:
            _load(client, taken, [_dated(client, line) for line in batch], newest=newest)
    taken.left_out = dict(skips.counts.most_common())
    taken.missing = skips.named
    return taken


def _readable(lines: Iterator[Line], skips: Skips) -> Iterator[Line]:
    try:
        yield from lines
    except ArgumentInvalidError as error:
        skips.add("the rest, which can't be read", error.message)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        weight = len(line[_CONTENT]) + sum(len(one["data"]) for one in line.get("vectors", ()))
        if batch and (len(batch) == limits.DUMP_MEMORIES or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += weight
    if batch:
        yield batch


def _load(client: Client, taken: Taken, batch: list[Line], *, newest: bool) -> None:
    answer = client.load(batch, adopt=True, newest=newest, timeout_s=TIMEOUT_S)
    taken.created += answer.created
    taken.skipped += answer.skipped
    taken.updated += answer.updated
    taken.merged += answer.merged
    taken.made.add(answer)
    for problem in answer.problems:
        taken.conflicts += problem.status == "conflict"
        taken.duplicates += problem.status == "duplicate"
        taken.broken += problem.status == "broken"
        if len(taken.problems) < PROBLEMS:
            memory_id = str(batch[problem.place]["id"])
            taken.problems.append(Problem(id=memory_id, status=problem.status, message=problem.message))


def _dated(client: Client, line: Line) -> Line:
    """Return a line with times: of a source that has none, those of the memory that it became before, or now."""
    if _CREATED in line:
        return line
    now = round(time.time(), 3)  # as it comes back from the wire
    try:
        known = client.get(line["id"], namespace=line["namespace"])
    except NotFoundError:
        return {**line, _CREATED: now, _UPDATED: now}
    return {**line, _CREATED: known.created_at.timestamp(), _UPDATED: _updated(known, line, now)}


def _updated(known: Any, line: Line, now: float) -> float:
    return known.updated_at.timestamp() if known.content == line[_CONTENT] else now
