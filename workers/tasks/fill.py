"""The filling of a new database, as a task: `python -P -m workers fill TARGET LINES FLAGS…` puts memories into it.

LINES is a file with a memory a line, as `memory.dump` gives it. TARGET is made, and no other database is opened.
It prints `{"progress": [bytes, of bytes]}` now and then, and at the end what `memory.load` counts.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from memmux import limits
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, StorageError
from memmux.wire.ids import uuid7
from workers.runtime.jobs import Job, silent
from workers.storage.sqlite.writer import SqliteWriter
from workers.storage.writing import load

BATCH_BYTES = 8 << 20  # of the lines of one transaction
PROBLEMS = 100  # that are named
_COUNTED = ("created", "skipped")


def run(settings: Settings, arguments: Sequence[str]) -> dict[str, object]:
    """Load the memories of a file into a new database; return how many, and the first that could not be taken.

    Raises StorageError and its kinds.
    """
    target, lines = map(Path, arguments)
    counts: Counter[str] = Counter()
    problems: list[dict[str, Any]] = []
    with lines.open("rb") as file, closing(SqliteWriter(target, retention_s=0, languages=settings.languages)) as writer:
        size = lines.stat().st_size
        for batch in _batches(file):
            answer = _load(writer, batch)
            counts.update({name: answer[name] for name in _COUNTED})
            problems += answer["problems"]
            sys.stdout.buffer.write(orjson.dumps({"progress": [file.tell(), size]}) + b"\n")
            sys.stdout.buffer.flush()
    if target.with_name(f"{target.name}-wal").exists():
        raise StorageError(
            "a part of the new database is still in its log, as the disk is full or fails; free some space, or name a "
            "file elsewhere"
        )
    return {**{name: counts[name] for name in _COUNTED}, "refused": len(problems), "problems": problems[:PROBLEMS]}


def _load(writer: SqliteWriter, batch: list[Any]) -> dict[str, Any]:
    body = orjson.dumps({"memories": batch})
    job = Job(uuid7(), load.OPERATION, (body,), "", "export", math.inf, 1, ())
    ((_, outcome),) = writer.apply([job], silent)
    if isinstance(outcome, MemmuxError):
        raise outcome
    answer: dict[str, Any] = orjson.loads(outcome.frames[0])
    return answer


def _batches(file: BinaryIO) -> Iterator[list[Any]]:
    batch: list[Any] = []
    size = 0
    while line := file.readline():
        if batch and (len(batch) == limits.DUMP_MEMORIES or size + len(line) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(orjson.loads(line))
        size += len(line)
    if batch:
        yield batch
