"""Storage on PostgreSQL: a writer or a reader whose server is killed or frozen, and the one that was promoted."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from memmux.errors import DatabaseUnreachableError, MemmuxError
from memmux.postgres.server import Server, children
from memmux.postgres.server import url as url_of
from memmux.postgres.servers import Servers
from tests.bounds import BOUND_S, pause
from tests.integration.postgres_storage.calls import applied, caught_up, contents, stored, told
from tests.postgres_server import eventually, value
from tests.unit.workers.desk import embedding, job
from workers.runtime.jobs import Job, silent
from workers.storage.connection import Query
from workers.storage.postgres import engine
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.serving import Serving
from workers.storage.postgres.writer import PostgresWriter

TRIES = 3


def test_a_commit_that_no_replica_confirms_is_not_acknowledged(postgres: Servers, tmp_path: Path) -> None:
    primary = postgres.primary()
    replica = postgres.replica("b")
    with closing(PostgresWriter(primary.url, tmp_path)) as writer, ThreadPoolExecutor(1) as threads:
        assert writer.facts()["degraded"] == ["replication_asynchronous"]
        primary.configure(synchronous_standby_names="b")
        eventually(primary, "SELECT sync_state FROM pg_stat_replication", "sync")
        stored(writer, "confirmed")
        writer.idle()
        assert writer.facts()["degraded"] == []
        replica.kill()
        for how in ("pg_cancel_backend", "pg_terminate_backend"):
            doubtful = job("memory.store", {"content": f"in doubt {how}"}, key=how)
            waiting = threads.submit(writer.apply, [doubtful], silent)
            eventually(primary, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", 1)
            value(primary, f"SELECT {how}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")  # noqa: S608 - ours
            ((_, outcome),) = waiting.result(BOUND_S)
            assert isinstance(outcome, DatabaseUnreachableError)
        primary.configure(synchronous_standby_names="")
        for how in ("pg_cancel_backend", "pg_terminate_backend"):
            stored(writer, f"in doubt {how}", key=how)
    assert value(primary, "SELECT count(*) FROM memories") == 3


def test_a_writer_goes_on_with_the_server_that_was_promoted(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(url_of([primary, replica]), tmp_path)) as writer:
        seq = stored(writer, "before")["seq"]
        caught_up(primary)
        primary.kill()
        (lost,) = applied(writer, job("memory.store", {"content": "meanwhile"}, key="k"))
        assert isinstance(lost, DatabaseUnreachableError)
        assert lost.retryable
        assert "primary_unavailable" in writer.facts()["degraded"]
        replica.promote()
        assert stored(writer, "meanwhile", key="k")["seq"] == seq + 1
        assert "primary_unavailable" not in writer.facts()["degraded"]


@pytest.fixture
def frozen(
    postgres: Servers,  # noqa: ARG001 - it ends them after
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[Server], None]]:
    """Stop all processes of a server, whose system keeps its connections; that is asked about after a moment."""
    monkeypatch.setattr(engine, "QUIET_S", 0.5)
    monkeypatch.setattr(engine, "CONNECT_S", 2)
    stopped: list[int] = []

    def freeze(server: Server) -> None:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)  # it starts no more
        stopped.extend([server.pid, *children(server.pid)])
        for each in stopped:
            with suppress(ProcessLookupError):  # it has just ended, as one that vacuums does
                os.kill(each, signal.SIGSTOP)

    yield freeze
    for each in stopped:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGCONT)


def answered(writer: PostgresWriter, asked: Job) -> Any:
    """Return the body of an answer; raise the error that there is instead."""
    (outcome,) = applied(writer, asked)
    if isinstance(outcome, MemmuxError):
        raise outcome
    return told(outcome)


def patiently(ask: Callable[[], Any]) -> Any:
    """Return what the server that is left answers; on a busy machine it may accept too late, but not each time."""
    for _ in range(TRIES - 1):
        with suppress(DatabaseUnreachableError):
            return ask()
        pause()
    return ask()


def test_a_writer_leaves_a_primary_that_is_frozen_for_the_one_that_was_promoted(
    postgres: Servers, frozen: Callable[[Server], None], tmp_path: Path
) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(url_of([primary, replica]), tmp_path)) as writer:
        stored(writer, "before", key="before")
        caught_up(primary)
        frozen(primary)
        replica.promote()
        after = job("memory.store", {"content": "after"}, key="after")
        assert patiently(lambda: answered(writer, after))["status"] == "created"
        assert stored(writer, "before", key="before")["seq"] == 1
    assert value(replica, "SELECT count(*) FROM memories") == 2


def test_a_reader_leaves_a_replica_that_is_frozen(
    postgres: Servers, frozen: Callable[[Server], None], tmp_path: Path
) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    url = url_of([primary, replica])
    with closing(PostgresWriter(url, tmp_path)) as writer:
        stored(writer, "on both")
        caught_up(primary)
        with closing(PostgresReader(url, tmp_path)) as reader:
            assert contents(reader, "both") == ["on both"]
            frozen(replica)
            assert patiently(lambda: contents(reader, "both")) == ["on both"]


def test_who_waits_for_long_on_a_server_that_answers_goes_on_waiting(
    writer: PostgresWriter, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "QUIET_S", 0.05)
    heard = threading.Semaphore(0)
    writer._connection.raw.execute("SET lock_timeout = 0")
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as threads:
        other.execute("SELECT 1 FROM counters FOR UPDATE")
        waiting = threads.submit(writer.apply, [job("memory.store", {"content": "patient"})], heard.release)
        for _ in range(5):
            assert heard.acquire(timeout=BOUND_S)
        other.rollback()
        ((_, outcome),) = waiting.result(BOUND_S)
    assert told(outcome)["status"] == "created"


def test_a_writer_is_heard_of_while_it_runs_many_quick_queries_of_one_job(
    writer: PostgresWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        told(*applied(writer, job("memory.store", {"content": f"memory {number}", "tags": ["t"]})))
    monkeypatch.setattr(engine, "BEAT_S", 0.0)
    beats: list[None] = []
    ((_, outcome),) = writer.apply([job("memory.forget", {"filter": {"tags": ["t"]}})], lambda: beats.append(None))
    assert told(outcome)["count"] == 20
    assert len(beats) >= 20


@pytest.mark.parametrize("asks", [False, True])
def test_a_writer_that_falls_silent_in_a_transaction_keeps_no_locks(
    writer: PostgresWriter, url: str, *, asks: bool
) -> None:
    connection = writer._connection
    connection.raw.execute("SET idle_in_transaction_session_timeout = '1s'")

    def fall_silent() -> None:
        with psycopg.connect(url) as other, connection.writing():
            if asks:
                connection.fetch(Query("writer", "first_change"))
            other.execute(f"SET lock_timeout = '{int(BOUND_S)}s'")
            other.execute("SELECT 1 FROM counters FOR UPDATE")

    with pytest.raises(psycopg.Error) as ended:
        fall_silent()
    assert not isinstance(ended.value, psycopg.errors.LockNotAvailable)
    assert stored(writer, "after")["seq"] == 1


def test_the_model_that_is_searched_with_is_known_as_it_was_while_no_server_says_it(
    postgres: Servers, frozen: Callable[[Server], None], tmp_path: Path
) -> None:
    primary = postgres.primary()
    serving = Serving(primary.url)
    with closing(serving):
        assert serving.model() is None  # the writer has made no tables yet
        with closing(PostgresWriter(primary.url, tmp_path)) as writer:
            told(*applied(writer, job("memory.store", {"content": "x"}, *embedding("x", (0.6, 0.8)))))
        assert (found := serving.model()) is not None
        assert found.name == "tiny"
        frozen(primary)
        began = time.monotonic()
        assert serving.model() == found
        assert time.monotonic() - began < BOUND_S
        assert serving.model() == found
