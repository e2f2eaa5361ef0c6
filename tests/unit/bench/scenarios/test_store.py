"""What is looked for after storing."""

from __future__ import annotations

import math
from pathlib import Path

import orjson

from bench.scenarios.store import lost
from memmux.wire.requests import Get, Store
from workers.runtime.jobs import Answer, Job
from workers.storage.sqlite.writer import SqliteWriter


def _job(number: int, operation: str, body: bytes) -> Job:
    return Job(f"r{number}", operation, (body,), f"k{number}", "test", math.inf, 1, ())


def test_memory_that_is_not_there_or_is_deleted_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "memories.db"
    writer = SqliteWriter(path)
    jobs = [_job(number, "memory.store", Store(content=f"memory {number}").to_body()) for number in range(3)]
    answers = [outcome for _, outcome in writer.apply(jobs, lambda: None)]
    ids = [orjson.loads(answer.frames[0])["id"] for answer in answers if isinstance(answer, Answer)]
    writer.apply([_job(3, "memory.delete", Get(id=ids[0]).to_body())], lambda: None)
    writer.close()
    assert lost(path, ids[1:]) == 0
    assert lost(path, ids) == 1
    assert lost(path, [*ids, "never"]) == 2
