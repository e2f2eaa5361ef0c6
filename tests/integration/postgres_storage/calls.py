"""What these tests ask of a writer and a reader on PostgreSQL."""

from __future__ import annotations

import time
from typing import Any

import orjson

from memmux.errors import (
    MemmuxError,
)
from memmux.postgres.server import Server
from memmux.wire.requests import Mode, Search
from tests.bounds import BOUND_S
from tests.postgres_server import eventually
from tests.unit.workers.desk import job
from workers.runtime.jobs import Answer, Job, silent
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter


def applied(writer: PostgresWriter, *asked: Job) -> list[Answer | MemmuxError]:
    """Return what came of jobs that are applied together."""
    return [outcome for _, outcome in writer.apply(asked, silent)]


def told(outcome: Answer | MemmuxError) -> Any:
    """Return the body of an answer."""
    assert isinstance(outcome, Answer), outcome
    return orjson.loads(outcome.frames[0])


def stored(writer: PostgresWriter, content: str, key: str = "") -> Any:
    """Store a memory and return what was answered."""
    return told(*applied(writer, job("memory.store", {"content": content}, key=key)))


def contents(reader: PostgresReader, query: str, **asked: int) -> list[str]:
    """Return the contents of what is found by words."""
    with reader.snapshot(time.monotonic() + BOUND_S, silent, **asked):
        return sorted(hit.memory.content for hit in reader.search(Search(query=query, mode=Mode.KEYWORD), ()).hits)


def caught_up(primary: Server) -> None:
    """Wait until the replica has all of what the primary wrote."""
    eventually(primary, "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()", 1)
