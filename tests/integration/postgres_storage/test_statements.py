"""Storage on PostgreSQL: what is asked of a server, how often, and for how long."""

from __future__ import annotations

import math
import os
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from bench.harness.differential.clock import Moving
from memmux.errors import CancelledError, DeadlineExceededError
from memmux.postgres.servers import Servers
from memmux.wire.requests import Filter, List, Mode, Search
from tests.bounds import BOUND_S, pause
from tests.integration.postgres_storage.calls import applied, contents, stored, told
from tests.postgres_server import value
from tests.unit.workers.desk import frames, job
from workers.embedding.interface import Named
from workers.runtime.jobs import silent
from workers.storage.connection import Query
from workers.storage.postgres import engine, queries, reader_connection, upkeep
from workers.storage.postgres.connection import PostgresConnection
from workers.storage.postgres.engine import Role
from workers.storage.postgres.queries import ASKED
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter
from workers.storage.records.embeddings import by_text


def test_a_search_asks_the_server_four_times_and_once_more_for_words_that_are_new(
    writer: PostgresWriter, reader: PostgresReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(writer, "Ada: the quick brown fox")
    for _ in range(2):
        assert contents(reader, "quick fox") == ["Ada: the quick brown fox"]
    asked: list[bytes] = []
    execute = psycopg.Cursor.execute

    def noted(cursor: Any, query: Any, *values: Any, **how: Any) -> Any:
        asked.append(query if isinstance(query, bytes) else query.encode())
        return execute(cursor, query, *values, **how)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    assert contents(reader, "fox quick") == ["Ada: the quick brown fox"]
    assert [sql.split()[0] for sql in asked] == [b"BEGIN", b"SELECT", b"SELECT", b"ROLLBACK"]
    asked.clear()
    assert contents(reader, "brown fox") == ["Ada: the quick brown fox"]
    assert [sql.split()[0] for sql in asked] == [b"BEGIN", b"SELECT", b"SELECT", b"SELECT", b"ROLLBACK"]


def test_what_a_snapshot_asks_first_is_what_each_question_says_alone(
    writer: PostgresWriter, reader: PostgresReader, url: str
) -> None:
    alone = PostgresConnection(lambda: engine.connect(url, Role.READ))

    def compare() -> None:
        for namespace, name in (("default", "tiny"), ("nowhere", "other")):
            values = {"known": 1, "namespace": namespace, "name": name, "model": 1}
            asked = {
                query: {name: values[name] for name in ASKED.findall(queries.text(query))}
                for query in reader_connection.FIRST
            }
            for _ in range(2):  # as it was asked last; then it is known
                with reader.snapshot(time.monotonic() + BOUND_S, silent):
                    found = {query: reader._postgres.fetch(query, given) for query, given in asked.items()}
                assert found == {query: alone.fetch(query, given) for query, given in asked.items()}

    compare()
    model = {"model": "tiny", "dimensions": 2, "source": "tiny", "beside": ""}
    told(*applied(writer, job("memory.store", {"content": "one"}, *frames([(1.0, 0.0)]))))
    memory = stored(writer, "two")
    waiting = orjson.dumps({"memories": [{"id": memory["id"], "content": "two"}]})
    told(*applied(writer, job("vectors.backfill", {**model, "limit": 8}, waiting, *frames([(0.0, 1.0)]))))
    compare()
    assert reader.model == Named("tiny", "tiny")
    alone.drop()


def test_a_reader_keeps_up_with_what_other_clients_change(writer: PostgresWriter, reader: PostgresReader) -> None:
    for number in range(3):
        memory = stored(writer, f"apple {number} pear")
        assert contents(reader, "apple") == [f"apple {one} pear" for one in range(number + 1)]
    told(*applied(writer, job("memory.rewrite", {"id": memory["id"], "content": "apple pie"})))
    assert contents(reader, "apple") == ["apple 0 pear", "apple 1 pear", "apple pie"]
    told(*applied(writer, job("memory.delete", {"id": memory["id"]})))
    assert contents(reader, "apple pie") == ["apple 0 pear", "apple 1 pear"]
    assert contents(reader, "pear") == ["apple 0 pear", "apple 1 pear"]


def test_a_group_of_stores_takes_as_many_statements_however_many_they_are(
    writer: PostgresWriter, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = engine.Raw.execute

    def noted(self: engine.Raw, query: bytes, *values: Any, **how: Any) -> Any:
        asked.append(query.decode().split()[0])
        return run(self, query, *values, **how)

    def of_group(number: int, size: int) -> list[str]:
        """Return what a group of stores asks, each of another client, and with a key and a vector."""
        asked.clear()
        names = [f"{number} {each}" for each in range(size)]
        jobs = [
            job("memory.store", {"content": name}, *frames([[1.0, 0.0]]), key=name, client=name.split()[1])
            for name in names
        ]
        assert [told(outcome)["status"] for outcome in applied(writer, *jobs)] == ["created"] * size
        return asked.copy()

    for number in range(2):  # the first has its model registered
        of_group(number, 12)
    monkeypatch.setattr(engine.Raw, "execute", noted)
    for number, size in enumerate((1, 3, 12), 2):
        assert of_group(number, size) == ["BEGIN", "SELECT", "SELECT", "WITH", "COMMIT"]
    taken = []
    for number, size in enumerate((3, 12), 5):
        with psycopg.connect(url) as other:
            other.cursor().execute("UPDATE counters SET writes = writes + 1")  # as any other writer does
        taken.append(of_group(number, size))
    assert taken[0] == taken[1]


def test_a_server_knows_what_its_tables_are_like_once_they_have_grown(postgres: Servers, tmp_path: Path) -> None:
    primary = postgres.primary(autovacuum="off")
    known = "SELECT reltuples::int FROM pg_class WHERE relname = 'memories'"
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        seen = []
        for each in range(8):
            applied(writer, *(job("memory.store", {"content": f"{each} {number}"}) for number in range(50)))
            seen.append(value(primary, known))
        assert seen == [-1, 100, 100, 100, 100, 100, 100, 400]
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:  # which learns what another one has seen to
        stored(writer, "one more")
        assert value(primary, known) == 400
        looked = queries.text(Query("together", "ahead"))
        value(primary, "ANALYZE idempotency")  # which is empty
        values = {"namespaces": ["default"], "hashes": ["x"], "keys": ["k"]}
        plan = str(writer._connection.raw.execute(f"EXPLAIN {looked}".encode(), values).fetchall())
        assert "memories_by_hash" in plan
        assert "idempotency_by_key" in plan


def test_a_query_that_waits_is_heard_of_and_ends_at_its_deadline(
    writer: PostgresWriter, reader: PostgresReader, url: str
) -> None:
    stored(writer, "locked away")
    beats: list[float] = []
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE memories")
        with (
            pytest.raises(DeadlineExceededError),
            reader.snapshot(time.monotonic() + 0.5, lambda: beats.append(time.monotonic())),
        ):
            reader.list(List())
    assert beats
    assert contents(reader, "locked") == ["locked away"]


@pytest.mark.parametrize("stopped", [False, True], ids=["", "before it is read"])
@pytest.mark.parametrize("deadline", [0.0, math.inf], ids=["late", "cancelled"])
def test_a_query_that_nobody_waits_for_any_more_ends_at_the_server(url: str, deadline: float, stopped: bool) -> None:
    def look() -> None:
        raise CancelledError

    with closing(engine.connect(url, Role.WRITE)) as raw, psycopg.connect(url, autocommit=True) as watch:
        raw.alive, raw.deadline = look, deadline
        process = raw.info.backend_pid
        if stopped:  # so that it is told to cancel before it knows of the query
            os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(CancelledError):
                raw.execute("SELECT pg_sleep(3600)")
        finally:
            if stopped:
                os.kill(process, signal.SIGCONT)
        until = time.monotonic() + BOUND_S
        while watch.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%(3600)%'").fetchone() != (1,):
            assert time.monotonic() < until  # the one that is counted asks
            pause()


def test_vectors_that_are_too_many_for_memory_are_compared_where_they_are(
    writer: PostgresWriter, reader: PostgresReader, url: str, tmp_path: Path
) -> None:
    lines = [[[math.cos(angle), math.sin(angle)], [0.0, -1.0]] for angle in range(12)]
    for number, windows in enumerate(lines):
        body = {"content": f"memory {number}", "namespace": "ab"[number % 2], "tags": ["x"] * (number % 3 == 0)}
        told(*applied(writer, job("memory.store", body, *frames(windows))))
    (embedded,) = by_text(frames([[1.0, 0.0]]), 1)
    with closing(PostgresReader(url, tmp_path, most_vectors=1)) as other:
        for asked in (Filter(namespace="a"), Filter(namespace=None), Filter(namespace="b", tags=("x",))):
            found = []
            for each in (reader, other):
                with each.snapshot(math.inf, silent):
                    search = Search(query="q", mode=Mode.SEMANTIC, limit=5, filter=asked)
                    found.append(each.search(search, embedded))
            one, two = ([(hit.memory.content, round(hit.score, 6)) for hit in outcome.hits] for outcome in found)
            assert one == two
            assert found[1].index == "TableIndex"


def test_upkeep_forgets_all_old_answers_while_others_come(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_PIECE", 2)
    clock = Moving()
    with closing(PostgresWriter(url, tmp_path, now=clock, clock=clock)) as writer, psycopg.connect(url) as look:
        look.autocommit = True
        for number in range(5):
            stored(writer, str(number), key=f"old {number}")
        clock.at += 2 * 24 * 3600
        for left in (3, 1, 0):
            stored(writer, "again")
            assert look.execute("SELECT count(*) FROM idempotency").fetchone() == (left,)


def test_upkeep_begins_no_transaction_where_no_answer_is_old(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, asked, run = Moving(), list[str](), engine.Raw.execute

    def noted(self: engine.Raw, query: bytes, *values: Any, **how: Any) -> Any:
        asked.append(query.decode().split()[0])
        return run(self, query, *values, **how)

    with closing(PostgresWriter(url, tmp_path, now=clock, clock=clock)) as writer:
        stored(writer, "first", key="first")
        clock.at += upkeep.PRUNE_EVERY_S
        monkeypatch.setattr(engine.Raw, "execute", noted)
        stored(writer, "second", key="second")
        assert asked.count("BEGIN") == asked.count("COMMIT") == 1


def test_upkeep_forgets_answers_and_what_was_deleted_long_ago(url: str, tmp_path: Path) -> None:
    clock = Moving()
    with closing(PostgresWriter(url, tmp_path, now=clock, clock=clock)) as writer:
        kept = stored(writer, "to be deleted", key="k")
        told(*applied(writer, job("memory.delete", {"id": kept["id"]})))
        clock.at += 40 * 24 * 3600
        writer.idle()
    with psycopg.connect(url) as look:
        assert look.execute("SELECT count(*) FROM idempotency").fetchone() == (0,)
        assert look.execute("SELECT count(*) FROM memories").fetchone() == (0,)
        assert look.execute("SELECT operation, client, before FROM changes ORDER BY seq DESC LIMIT 1").fetchone() == (
            "memory.purge",
            "upkeep",
            '{"namespace":"default"}',
        )
