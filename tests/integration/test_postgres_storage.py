"""Storage on a real server of PostgreSQL: the same answers as SQLite's, and what only servers that fail can show."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from bench.harness.differential.clock import Moving
from bench.harness.differential.differential import Differential
from bench.harness.differential.side import Side
from memmux.errors import (
    ArgumentInvalidError,
    DatabaseForeignError,
    DatabaseMissingError,
    DatabaseNewerError,
    DatabaseUnreachableError,
    DeadlineExceededError,
    MemmuxError,
    StorageFullError,
)
from memmux.postgres import servers
from memmux.postgres.server import Server, children
from memmux.postgres.server import url as url_of
from memmux.postgres.servers import Servers
from memmux.wire.requests import Filter, Get, HealthRow, History, List, Mode, Search
from tests.bounds import BOUND_S
from tests.postgres_server import connect, eventually, own_database, value
from tests.unit.workers.desk import embedding, frames, job
from workers.embedding.interface import Named
from workers.runtime.jobs import Answer, Job, silent
from workers.storage.connection import Query
from workers.storage.postgres import engine, queries, reader_connection
from workers.storage.postgres import reader as reading
from workers.storage.postgres.connection import PostgresConnection
from workers.storage.postgres.engine import Role
from workers.storage.postgres.queries import ASKED
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.serving import Serving
from workers.storage.postgres.writer import PostgresWriter
from workers.storage.records.embeddings import by_text
from workers.storage.sqlite.reader import SqliteReader
from workers.storage.sqlite.writer import SqliteWriter

STEPS = 60
OLDEST = Path("/usr/lib/postgresql/15/bin")  # as Debian has it
COUNTED = ("seq", "memories", "pending", "model", "dimensions", "vectors", "unaudited", "source", "unneeded")


@pytest.fixture
def url(shared_postgres: Server, request: pytest.FixtureRequest) -> str:
    """An empty database of the test's own."""
    return own_database(shared_postgres, request.node.name[:40])


@pytest.fixture
def writer(url: str, tmp_path: Path) -> Iterator[PostgresWriter]:
    with closing(PostgresWriter(url, tmp_path)) as opened:
        yield opened


@pytest.fixture
def reader(writer: PostgresWriter, url: str, tmp_path: Path) -> Iterator[PostgresReader]:  # noqa: ARG001 - it makes the tables
    with closing(PostgresReader(url, tmp_path)) as opened:
        yield opened


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


# One server.


def test_random_jobs_have_the_same_answers_as_on_sqlite(url: str, tmp_path: Path) -> None:
    clock = Moving()
    database = tmp_path / "memory.db"
    with (
        closing(SqliteWriter(database, now=clock)) as lite,
        closing(PostgresWriter(url, tmp_path, now=clock)) as server,
        closing(SqliteReader(database, now=clock)) as lite_reader,
        closing(PostgresReader(url, tmp_path, now=clock)) as server_reader,
    ):
        differential = Differential(20, (Side.of(lite, lite_reader), Side.of(server, server_reader)), clock)
        assert [found for _ in range(STEPS) for found in differential.step()] == []
        assert {name: server.facts()[name] for name in COUNTED} == {name: lite.facts()[name] for name in COUNTED}


def test_a_text_with_nul_is_refused_alone(writer: PostgresWriter, reader: PostgresReader) -> None:
    line = {"created_at": 1.0, "updated_at": 1.0}
    lines = [{**line, "id": "x", "content": "a \0 b"}, {**line, "id": "y", "content": "loaded"}]
    refused = applied(
        writer,
        job("memory.store", {"content": "a \0 b"}),
        job("memory.store", {"content": "metadata", "metadata": {"a": ["\0"]}}),
        job("memory.store", {"content": "tags", "tags": ["a\0"]}),
        job("memory.load", {"memories": lines}),
        job("memory.store", {"content": "backslash \\u0000 is none"}),
    )
    assert [isinstance(outcome, ArgumentInvalidError) for outcome in refused] == [True, True, True, False, False]
    assert [problem["status"] for problem in told(refused[3])["problems"]] == ["broken"]
    assert contents(reader, "backslash metadata tags loaded") == ["backslash \\u0000 is none", "loaded"]


def test_nul_in_what_is_asked_for_harms_no_reader(reader: PostgresReader) -> None:
    tagged = Filter(tags=("a\0",))
    with pytest.raises(ArgumentInvalidError, match="NUL"), reader.snapshot(time.monotonic() + BOUND_S, silent):
        reader.get(Get(id="a\0"))
    for asked in (
        lambda: reader.history(History(id="a\0")),
        lambda: reader.list(List(filter=tagged)),
        lambda: reader.search(Search(query="x", mode=Mode.KEYWORD, filter=tagged), ()),
    ):
        with suppress(MemmuxError), reader.snapshot(time.monotonic() + BOUND_S, silent):
            asked()
    with suppress(MemmuxError), reader.snapshot(time.monotonic() + BOUND_S, silent):
        reader.place(List(filter=Filter(namespace="a\0")))
    assert contents(reader, "still there") == []


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


def test_what_the_server_refuses_of_one_job_leaves_the_others(
    writer: PostgresWriter, reader: PostgresReader, url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$"
        )
        other.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON memories FOR EACH ROW "
            "WHEN (new.content = 'too much') EXECUTE FUNCTION full_disk()"
        )
    asked = [job("memory.store", {"content": text}) for text in ("alpha", "too much", "omega")]
    before, full, after = applied(writer, *asked)
    assert isinstance(full, StorageFullError)
    assert (told(before)["seq"], told(after)["seq"]) == (1, 2)
    assert contents(reader, "alpha much omega") == ["alpha", "omega"]


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


def test_two_writers_on_one_server_leave_no_gap(writer: PostgresWriter, url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path / "other")) as other, ThreadPoolExecutor(2) as threads:

        def store(by: PostgresWriter, name: str) -> None:
            for number in range(20):
                applied(by, *(job("memory.store", {"content": f"{name} {number} {each}"}) for each in range(3)))

        for done in [threads.submit(store, writer, "one"), threads.submit(store, other, "two")]:
            done.result(BOUND_S)
        other.idle()
        assert other.seq == 120
    with psycopg.connect(url) as look:
        found = look.execute("SELECT count(*), max(seq), count(DISTINCT row), max(row) FROM changes").fetchone()
        assert found == (120, 120, 120, 120)
        assert look.execute("SELECT value FROM meta WHERE key = 'memories'").fetchone() == ("120",)
        assert look.execute("SELECT count(*) FROM texts").fetchone() == (120,)


def test_what_the_server_sets_for_a_role_or_a_database_does_not_touch_a_session(url: str) -> None:
    theirs = {
        "statement_timeout": "1s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "1s",
        "idle_session_timeout": "1s",
        "default_transaction_isolation": "serializable",
        "default_transaction_deferrable": "on",
        "transaction_timeout": "1s",
    }
    with psycopg.connect(url, autocommit=True) as admin:
        if admin.info.server_version < 170_000:
            del theirs["transaction_timeout"]
        for name, value in theirs.items():
            admin.execute(f"ALTER DATABASE \"{admin.info.dbname}\" SET {name} = '{value}'".encode())
    for role in engine.Role:
        with closing(engine.connect(url, role)) as raw:
            told = {name: raw.execute(f"SHOW {name}".encode()).fetchone() for name in theirs}
            assert not [name for name, value in theirs.items() if told[name] == (value,)]


def test_the_row_of_a_health_check_is_found_though_another_machine_has_checked_since(
    writer: PostgresWriter, reader: PostgresReader, url: str, tmp_path: Path
) -> None:
    checks = [job("health.write", {"id": f"0198c0de-{number:028d}"}) for number in range(200)]
    with closing(PostgresWriter(url, tmp_path / "other")) as other:
        for number, check in enumerate(checks):
            applied((writer, other)[number % 2], check)
    with reader.snapshot(time.monotonic() + BOUND_S, silent):
        assert "row" not in reader.missed(HealthRow(id=f"0198c0de-{150:028d}"), ())
        assert "row" in reader.missed(HealthRow(id=f"0198c0de-{0:028d}"), ())


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


def test_a_writer_waits_for_anothers_transaction_and_says_so(writer: PostgresWriter, url: str) -> None:
    heard = threading.Event()
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as threads:
        other.execute("SELECT 1 FROM counters FOR UPDATE")
        waiting = threads.submit(writer.apply, [job("memory.store", {"content": "patient"})], heard.set)
        assert heard.wait(BOUND_S)
        assert not waiting.done()
        other.rollback()
        ((_, outcome),) = waiting.result(BOUND_S)
    assert told(outcome)["seq"] == 1


def test_a_rebuild_makes_words_and_counts_anew(writer: PostgresWriter, reader: PostgresReader, url: str) -> None:
    text = "words that were lost"
    told(*applied(writer, job("memory.store", {"content": text}, *embedding(text, (0.6, 0.8)))))
    with psycopg.connect(url, autocommit=True) as other:
        for harm in ("DELETE FROM postings", "DELETE FROM texts", "UPDATE meta SET value = '7' WHERE key = 'memories'"):
            other.execute(harm.encode())
    assert contents(reader, "lost") == []
    assert told(writer.rebuild(job("admin.rebuild", {}), silent)) == {"texts": 1, "vectors": 1, "dropped": 0}
    assert contents(reader, "lost") == ["words that were lost"]
    assert writer.facts()["memories"] == 1


def test_other_stems_make_the_words_anew(writer: PostgresWriter, url: str, tmp_path: Path) -> None:
    stored(writer, "Die Datenbanken wurden gesichert")
    writer.close()
    with (
        closing(PostgresWriter(url, tmp_path, languages=("german",))),
        closing(PostgresReader(url, tmp_path)) as reader,
    ):
        assert contents(reader, "gesicherte Datenbank") == ["Die Datenbanken wurden gesichert"]


def test_a_writer_cuts_words_as_another_one_has_made_the_index(
    writer: PostgresWriter, url: str, tmp_path: Path
) -> None:
    stored(writer, "an index without stems")
    with (
        closing(PostgresWriter(url, tmp_path, languages=("german",))),
        closing(PostgresReader(url, tmp_path)) as reader,
    ):
        stored(writer, "Die Datenbanken wurden gesichert")
        assert contents(reader, "gesicherte Datenbank") == ["Die Datenbanken wurden gesichert"]


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


def test_a_database_of_somebody_else_or_of_a_later_memmux_is_left_alone(url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseMissingError):
        PostgresReader(url, tmp_path)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("CREATE TABLE memories (x int)")
    with pytest.raises(DatabaseForeignError):
        PostgresWriter(url, tmp_path)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("DROP TABLE memories")
        PostgresWriter(url, tmp_path).close()
        other.execute("INSERT INTO schema_versions (version, oldest) VALUES (98, 1)")
        PostgresWriter(url, tmp_path).close()  # which only adds to what this one knows
        other.execute("INSERT INTO schema_versions (version, oldest) VALUES (99, 99)")
    for opened in (PostgresWriter, PostgresReader):
        with pytest.raises(DatabaseNewerError):
            opened(url, tmp_path)


def test_several_that_begin_at_once_make_one_database(url: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        for opened in [threads.submit(PostgresWriter, url, tmp_path) for _ in range(4)]:
            opened.result(BOUND_S).close()


@pytest.mark.skipif(not OLDEST.exists(), reason="PostgreSQL 15 is not installed")
@pytest.mark.usefixtures("postgres_template")  # which says whether any server can be run
def test_the_oldest_server_that_is_supported_understands_every_statement(tmp_path: Path) -> None:
    with servers.running() as place:
        place.programs = replace(place.programs, folder=OLDEST)
        primary = place.primary()
        with closing(PostgresWriter(primary.url, tmp_path)) as writer:
            assert stored(writer, "on an old server")["seq"] == 1
        with closing(PostgresReader(primary.url, tmp_path)) as reader:
            assert contents(reader, "server") == ["on an old server"]
        where = queries.load("filters")
        conditions = {name: f"SELECT FROM memories AS m WHERE {condition}" for name, condition in where.items()}
        with connect(primary) as connection:
            for path in queries.FOLDER.glob("[a-z]*.sql"):
                for query in (conditions if path.stem == "filters" else queries.load(path.stem)).values():
                    sql = query.replace("{where}", where["live"])
                    for number, name in enumerate(dict.fromkeys(ASKED.findall(sql)), 1):
                        sql = sql.replace(f"%({name})s", f"${number}")
                    connection.execute(f"PREPARE statement AS {sql}".encode())
                    connection.execute("DEALLOCATE statement")


# Servers that fail.


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
def frozen(postgres: Servers) -> Iterator[Callable[[Server], None]]:  # noqa: ARG001 - it ends them after
    """Stop all processes of a server, whose system keeps its connections."""
    stopped: list[int] = []

    def freeze(server: Server) -> None:
        assert server.pid is not None
        stopped.extend([server.pid, *children(server.pid)])
        for each in stopped:
            os.kill(each, signal.SIGSTOP)

    yield freeze
    for each in stopped:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGCONT)


def test_a_writer_leaves_a_primary_that_is_frozen_for_the_one_that_was_promoted(
    postgres: Servers, frozen: Callable[[Server], None], tmp_path: Path
) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(url_of([primary, replica]), tmp_path)) as writer:
        stored(writer, "before", key="before")
        caught_up(primary)
        frozen(primary)
        replica.promote()
        assert stored(writer, "after", key="after")["status"] == "created"
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
            assert contents(reader, "both") == ["on both"]


def test_who_waits_for_long_on_a_server_that_answers_goes_on_waiting(
    writer: PostgresWriter, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "QUIET_S", 0.05)
    heard = threading.Semaphore(0)
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as threads:
        other.execute("SELECT 1 FROM counters FOR UPDATE")
        waiting = threads.submit(writer.apply, [job("memory.store", {"content": "patient"})], heard.release)
        for _ in range(5):
            assert heard.acquire(timeout=BOUND_S)
        other.rollback()
        ((_, outcome),) = waiting.result(BOUND_S)
    assert told(outcome)["status"] == "created"


def test_a_reader_sees_what_it_was_told_of_though_its_replica_is_late(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        caught_up(primary)
        with closing(PostgresReader(url_of([primary, replica]), tmp_path)) as reader:
            value(replica, "SELECT pg_wal_replay_pause()")
            seq = stored(writer, "written just now")["seq"]
            assert contents(reader, "written") == []
            assert contents(reader, "written", min_seq=seq) == ["written just now"]
            with reader.snapshot(math.inf, silent, min_seq=seq):
                assert reader.degraded == ("replica_behind",)
            value(replica, "SELECT pg_wal_replay_resume()")
            eventually(replica, "SELECT max(seq) FROM changes", seq)
            with reader.snapshot(math.inf, silent, min_seq=seq):
                assert (reader.seq, reader.degraded) == (seq, ())


def test_a_replica_that_is_late_for_long_is_not_waited_for_by_each_read(
    postgres: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LATE_S", 1.0)
    primary, replica = postgres.primary(), postgres.replica()
    clock = Moving()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        caught_up(primary)
        with closing(PostgresReader(url_of([primary, replica]), tmp_path, clock=clock)) as reader:
            value(replica, "SELECT pg_wal_replay_pause()")
            seq = stored(writer, "written just now")["seq"]
            waited = [0.0]
            for _ in range(4):
                with reader.snapshot(math.inf, silent, min_seq=seq):
                    assert (reader.seq, reader.degraded) == (seq, ("replica_behind",))
                waited.append(float(str(reader.facts()["waited_s"])))
                clock.at += 0.5
            assert [later - sooner >= 1.0 for sooner, later in pairwise(waited)] == [True, False, True, False]
            value(replica, "SELECT pg_wal_replay_resume()")
            eventually(replica, "SELECT max(seq) FROM changes", seq)
            with reader.snapshot(math.inf, silent, min_seq=seq):
                assert reader.degraded == ()


def test_a_health_check_is_not_failed_by_a_replica_that_is_late(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        caught_up(primary)
        with closing(PostgresReader(url_of([primary, replica]), tmp_path)) as reader:
            value(replica, "SELECT pg_wal_replay_pause()")
            row = HealthRow(id="0198c0de-0000-7000-8000-000000000001")
            told(*applied(writer, job("health.write", {"id": row.id})))
            with reader.snapshot(math.inf, silent):
                assert "row" not in reader.missed(row, ())
                assert reader.degraded == ("replica_behind",)
            with reader.snapshot(math.inf, silent):
                assert "row" in reader.missed(HealthRow(id="0198c0de-0000-7000-8000-000000000002"), ())


def test_a_reader_waits_for_a_replica_that_is_late_by_a_moment(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        caught_up(primary)
        with closing(PostgresReader(url_of([primary, replica]), tmp_path)) as reader:
            for number in range(40):
                seq = stored(writer, f"number {number}")["seq"]
                with reader.snapshot(math.inf, silent, min_seq=seq):
                    assert reader.seq == seq


def test_a_reader_begins_anew_where_a_promoted_server_lacks_the_last_changes(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    both = url_of([primary, replica])
    with closing(PostgresWriter(both, tmp_path)) as writer:
        seq = stored(writer, "kept by both")["seq"]
        caught_up(primary)
        replica.kill()
        stored(writer, "lost words")
        with closing(PostgresReader(both, tmp_path)) as reader:
            assert contents(reader, "kept lost") == ["kept by both", "lost words"]
            primary.kill()
            replica.start()
            replica.promote()
            stored(writer, "in its place")
            stored(writer, "newer words")
            assert contents(reader, "kept lost newer") == ["kept by both", "newer words"]
            assert reader.rewound == 1
            with reader.snapshot(math.inf, silent, min_seq=seq + 9):
                assert reader.seq == writer.seq


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
