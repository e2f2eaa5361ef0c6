"""Storage on PostgreSQL: a database that is begun, of others, and of several writers."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from memmux.errors import (
    DatabaseForeignError,
    DatabaseMissingError,
    DatabaseNewerError,
    QuotaExceededError,
)
from memmux.postgres import servers
from memmux.wire.grants import Grant
from memmux.wire.requests import HealthRow
from tests.bounds import BOUND_S
from tests.integration.postgres_storage.calls import applied, contents, stored, told
from tests.postgres_server import connect
from tests.unit.workers.desk import job
from workers.runtime.jobs import Job, silent
from workers.storage.postgres import engine, queries
from workers.storage.postgres.queries import ASKED
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter

OLDEST = Path("/usr/lib/postgresql/15/bin")  # as Debian has it


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


def test_a_bound_of_memories_counts_what_other_writers_have_stored(
    writer: PostgresWriter, url: str, tmp_path: Path
) -> None:
    def bounded(content: str) -> Job:
        return job("memory.store", {"content": content}, grant=Grant(name="ada", memories=4))

    told(*applied(writer, bounded("counted here")))
    with closing(PostgresWriter(url, tmp_path / "other")) as other:
        for number in range(3):
            stored(other, f"elsewhere {number}")
    writer.idle()  # looks what others have written
    told(*applied(writer, job("health.write", {"id": f"0198c0de-{0:028d}"})))  # a transaction that needs no room
    (refused,) = applied(writer, bounded("one too many"))
    assert isinstance(refused, QuotaExceededError)


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


def test_a_writer_waits_for_anothers_transaction_and_says_so(writer: PostgresWriter, url: str) -> None:
    heard = threading.Event()
    writer._connection.raw.execute("SET lock_timeout = 0")
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as threads:
        other.execute("SELECT 1 FROM counters FOR UPDATE")
        waiting = threads.submit(writer.apply, [job("memory.store", {"content": "patient"})], heard.set)
        assert heard.wait(BOUND_S)
        assert not waiting.done()
        other.rollback()
        ((_, outcome),) = waiting.result(BOUND_S)
    assert told(outcome)["seq"] == 1


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
