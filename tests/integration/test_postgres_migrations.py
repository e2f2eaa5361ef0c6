"""Migrations on PostgreSQL: by one of several, wholly or not at all, and never of what a later version has made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from memmux.errors import DatabaseNewerError, MemmuxError
from tests.bounds import BOUND_S
from tests.integration.postgres_by_hand import asked, listed, stored
from workers.storage.postgres import engine, schema
from workers.storage.postgres.engine import Role
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter


@pytest.fixture
def url(own_url: str) -> str:
    """An empty database of the test's own."""
    return own_url


def test_of_several_that_migrate_at_once_one_does_and_what_is_there_stays(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer:
        stored(writer, "older")
    scripts = {**schema.migrations(), 2: "CREATE TABLE made_once (x int); SELECT pg_sleep(0.05)"}

    def migrate() -> None:
        with closing(engine.connect(url, Role.WRITE)) as raw:
            schema.prepare(raw, scripts)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(migrate) for _ in range(4)]:
            done.result(BOUND_S)
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        stored(writer, "newer, by one that does not know of it")
        assert listed(reader) == ["newer, by one that does not know of it", "older"]
    with psycopg.connect(url) as look:
        assert look.execute("SELECT version FROM schema_versions ORDER BY version").fetchall() == [(1,), (2,)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(url: str, tmp_path: Path) -> None:
    PostgresWriter(url, tmp_path).close()
    scripts = {**schema.migrations(), 2: "CREATE TABLE half (x int); SELECT 1 / 0"}
    with closing(engine.connect(url, Role.WRITE)) as raw, pytest.raises(MemmuxError, match="22012"):
        schema.prepare(raw, scripts)
    with psycopg.connect(url) as look:
        assert look.execute("SELECT to_regclass('half'), max(version) FROM schema_versions").fetchone() == (None, 1)


def test_a_database_of_a_later_memmux_is_not_changed(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer:
        stored(writer, "by the later one")
    asked(
        url,
        "INSERT INTO schema_versions (version, oldest) VALUES (99, 99)",
        "UPDATE meta SET value = 'x' WHERE key = 'words'",
    )
    with pytest.raises(DatabaseNewerError, match="upgrade it"):
        PostgresWriter(url, tmp_path)
    with psycopg.connect(url) as look:
        assert look.execute("SELECT value FROM meta WHERE key = 'words'").fetchone() == ("x",)
