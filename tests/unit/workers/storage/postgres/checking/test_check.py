"""The check finds what is broken on a server, and the repair heals what can be made from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from memmux.errors import MemmuxError, SchemaWrongError, StorageBusyError
from memmux.postgres.server import Server
from tests.postgres_server import own_database, value
from tests.unit.workers.desk import Vector, embedding, job
from tests.unit.workers.postgres_desk import PostgresDesk
from workers.runtime.jobs import Answer
from workers.storage.postgres import engine
from workers.storage.postgres.checking.check import RESTORE, check
from workers.storage.records.invariants import REPAIR, Finding

pytestmark = pytest.mark.slow
_NUMBERS = count(1)
_ONE: Vector = (0.6, 0.8)


@pytest.fixture(scope="module")
def whole(prepared_postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with a database `whole` that has memories of every kind, which tests copy."""
    value(prepared_postgres, "CREATE DATABASE whole TEMPLATE memmux")
    url = prepared_postgres.url.removesuffix("memmux") + "whole"
    desk = PostgresDesk(url, tmp_path_factory.mktemp("whole") / "memories")
    for number in range(6):
        content = f"memory number {number} is about ferries, harbours and the weather at sea"
        frames = embedding(content, _ONE, (0, 1)) if number % 2 else embedding(content, (1, 0))
        body = {"content": content, "tags": [f"Tag {number % 3}", "Straße"], "namespace": "ab"[number % 2]}
        desk.ask("memory.store", body, *frames, key=f"k{number}")
    desk.ask("memory.store", {"content": "still without a vector"})
    desk.ask("memory.store", {"content": "a memory to delete"}, *embedding("a memory to delete", (1, 0)))
    desk.ask("memory.delete", {"id": desk.sql("SELECT id FROM memories ORDER BY row DESC LIMIT 1")[0][0]})
    desk.close()
    return prepared_postgres


@pytest.fixture
def desk(whole: Server, tmp_path: Path) -> Iterator[PostgresDesk]:
    """A desk with a copy of it; unlike the shared desk it may be broken at the end."""
    with own_database(whole, f"broken_{next(_NUMBERS)}", "TEMPLATE whole STRATEGY file_copy") as url:
        desk = PostgresDesk(url, tmp_path / "memories")
        yield desk
        desk.close()


def found(desk: PostgresDesk, *, deep: bool = False) -> list[Finding]:
    return check(desk.url, deep=deep)


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}


def rebuild(desk: PostgresDesk) -> Answer | MemmuxError:
    ((_, outcome),) = desk.write(job("admin.rebuild", {}))
    return outcome


def test_nothing_is_wrong_with_a_database_that_nobody_broke(desk: PostgresDesk) -> None:
    assert found(desk, deep=True) == []
    assert desk.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'memmux%'") == []


HEALED = [
    ("counter_wrong", "UPDATE meta SET value = '1' WHERE key = 'memories'"),
    ("counter_wrong", "DELETE FROM meta WHERE key = 'memories'"),
    ("counter_wrong", "UPDATE models SET vectors = 1"),
    ("counter_wrong", "UPDATE models SET memories = memories - 1"),
    ("counter_wrong", "DELETE FROM meta WHERE key = 'model'"),
    ("counter_wrong", "UPDATE counters SET changes = 2, memories = 2"),
    ("counter_wrong", "UPDATE counters SET vectors = 0, models = 0"),
    ("counter_wrong", "DELETE FROM counters"),
    ("counter_wrong", "INSERT INTO counters VALUES (1, 1, 1, 1, 1)"),
    ("answers_twice", "INSERT INTO idempotency SELECT at, seq, key, fingerprint, '' FROM idempotency WHERE seq = 1"),
    ("fulltext_stale", "DELETE FROM postings"),
    ("fulltext_stale", "DELETE FROM postings WHERE term LIKE 'ferr%' AND row = 1"),
    ("fulltext_stale", "INSERT INTO postings VALUES (999, 'ghost', '\\x0000000000000000')"),
    ("fulltext_stale", "UPDATE postings SET places = '\\x0000000000000000' WHERE term LIKE 'ferr%' AND row = 1"),
    ("fulltext_stale", "DELETE FROM texts WHERE row = 1"),
    ("fulltext_stale", "INSERT INTO texts VALUES (999, 1, 'x', 'ghost')"),
    ("fulltext_stale", "UPDATE texts SET words = 7 WHERE row = 1"),
    ("fulltext_stale", "UPDATE meta SET value = 'words 0' WHERE key = 'words'"),
    ("fulltext_stale", "DELETE FROM meta WHERE key = 'words'"),
    ("vectors_wrong", "UPDATE vectors SET embedding = '\\x0000803f' WHERE id = 2"),
    ("vectors_wrong", "UPDATE vectors SET embedding = '\\x0000004000000000' WHERE id = 2"),
    ("vectors_wrong", "UPDATE vectors SET embedding = '\\x0000c07f00000000' WHERE id = 2"),
    ("vectors_wrong", 'UPDATE vectors SET "end" = "end" - 1 WHERE id = 1'),
    ("vectors_wrong", "UPDATE vectors SET start = 1 WHERE id = 1"),
    ("vectors_wrong", 'DELETE FROM vectors WHERE "window" = 0 AND memory = 2'),
    ("vectors_wrong", "UPDATE memories SET deleted_at = 1 WHERE row = 2"),
    ("orphan_rows", "UPDATE vectors SET memory = 999 WHERE id = 1"),
    ("orphan_rows", "UPDATE vectors SET model = 9 WHERE id = 1"),
    ("orphan_rows", "DELETE FROM tags WHERE id = 1"),
    ("orphan_rows", "INSERT INTO aliases VALUES ('default', 'x', 999)"),
    ("orphan_rows", "INSERT INTO origins VALUES (999, '{}')"),
    ("orphan_rows", "INSERT INTO links VALUES (999, 'x', 'r', NULL, '[]', '{}', 1)"),
    ("orphan_rows", "INSERT INTO uses VALUES (999, 1, 1)"),
    ("orphan_rows", "INSERT INTO audits VALUES (1, 9, 1, 2)"),
    ("tags_wrong", "UPDATE tags SET name = 'Tag 0' WHERE name = 'tag 0'"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "damage"), HEALED)
def test_what_is_broken_is_found_and_a_rebuild_heals_it(desk: PostgresDesk, code: str, damage: str) -> None:
    # No foreign key and no trigger hinders it.
    desk.sql(f"SET session_replication_role = replica; {damage}; SET session_replication_role = origin")
    findings = found(desk)
    assert code in codes(findings)
    assert all(REPAIR in finding.remedy for finding in findings)
    assert isinstance(rebuild(desk), Answer)
    assert found(desk, deep=True) == []
    desk.store("numbered as it should be", key="after")
    desk.check()


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("changes_missing", "DELETE FROM changes WHERE seq = 3"),
        ("changes_missing", "DELETE FROM changes WHERE row = 1"),
        ("content_changed", "UPDATE memories SET content = 'something else' WHERE row = 3"),
        ("schema_wrong", "ALTER TABLE uses DROP COLUMN last_at"),
        ("schema_wrong", "DROP TABLE texts"),
    ],
)
def test_what_the_rows_can_not_give_back_is_for_a_backup(desk: PostgresDesk, code: str, damage: str) -> None:
    desk.sql(damage)
    findings = found(desk, deep=True)
    assert {finding.remedy for finding in findings if finding.code == code} == {RESTORE}


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("schema_wrong", "DROP INDEX memories_by_hash"),
        ("schema_wrong", "DROP INDEX links_by_target; CREATE INDEX links_by_target ON links (relation)"),
        ("schema_wrong", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'links_by_target'::regclass"),
        ("schema_wrong", "DROP TRIGGER vectors_counted ON vectors"),
        ("schema_wrong", "ALTER TABLE memories DISABLE TRIGGER memories_counted"),
        ("schema_wrong", "ALTER TABLE links DROP CONSTRAINT links_pkey"),
        ("schema_wrong", "ALTER TABLE links DROP CONSTRAINT links_row_fkey"),
        (
            "schema_wrong",
            "CREATE OR REPLACE FUNCTION uncount_vectors() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        ),
        ("schema_wrong", "ALTER TABLE idempotency SET UNLOGGED"),
        ("schema_wrong", "ALTER TABLE memories ENABLE ROW LEVEL SECURITY"),
        ("schema_foreign", "CREATE TRIGGER theirs AFTER DELETE ON links EXECUTE FUNCTION uncount_vectors()"),
        ("schema_foreign", "CREATE RULE theirs AS ON DELETE TO links DO INSTEAD NOTHING"),
        ("schema_foreign", "ALTER TABLE memories ADD CONSTRAINT theirs CHECK (length(content) < 1000)"),
        ("schema_foreign", "CREATE UNIQUE INDEX theirs ON memories (namespace, content)"),
    ],
)
def test_what_is_wrong_with_the_schema_is_said_with_the_statement_that_mends_it(
    desk: PostgresDesk, code: str, damage: str
) -> None:
    desk.sql(damage)
    (finding,) = found(desk)
    assert finding.code == code
    desk.sql(finding.remedy.partition(": ")[2])
    assert found(desk) == []


def test_a_table_that_is_missing_is_said_once(desk: PostgresDesk) -> None:
    desk.sql("DROP TABLE texts")
    assert [finding.what for finding in found(desk)] == ["the table texts is missing"]


def test_a_database_of_no_version_is_not_checked(desk: PostgresDesk) -> None:
    desk.sql("DELETE FROM schema_versions")
    with pytest.raises(SchemaWrongError, match="schema_versions"):
        found(desk)


def test_a_check_does_not_wait_for_ever_for_the_lock_of_another(
    desk: PostgresDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engine._SETTINGS, "lock_timeout", "50ms")
    with psycopg.connect(desk.url) as other:
        other.execute("LOCK TABLE memories")
        with pytest.raises(StorageBusyError):
            found(desk)


def test_what_others_keep_in_the_database_is_none_of_ours(desk: PostgresDesk) -> None:
    desk.sql("CREATE TABLE theirs (x int PRIMARY KEY); CREATE INDEX theirs_too ON memories (created_at)")
    assert found(desk) == []


def test_a_user_who_may_make_no_schema_has_the_rest_checked(desk: PostgresDesk) -> None:
    name = desk.url.rpartition("/")[2]
    desk.sql("CREATE ROLE guest LOGIN; GRANT pg_read_all_data TO guest")
    desk.sql("UPDATE models SET vectors = 1")
    findings = check(desk.url.replace("memmux@", "guest@"), deep=False)
    assert codes(findings) == {"schema_unknown", "counter_wrong"}
    assert f"ALTER DATABASE {name} OWNER TO guest" in findings[0].remedy


def test_memories_that_lost_their_vectors_wait_for_new_ones_and_readers_know(desk: PostgresDesk) -> None:
    desk.questions.idle()
    desk.sql("UPDATE vectors SET start = 1 WHERE memory = 1")
    outcome = rebuild(desk)
    assert isinstance(outcome, Answer)
    assert outcome.frames[0] == b'{"texts":7,"vectors":8,"dropped":1}'
    assert desk.engine.facts()["pending"] == 2
    assert desk.sql("SELECT operation, row FROM changes ORDER BY seq DESC LIMIT 1") == [("admin.rebuild", 1)]


def test_a_damaged_page_is_found_and_said_with_what_else_there_may_be(whole: Server) -> None:
    with psycopg.connect(whole.url.removesuffix("memmux") + "whole") as look:
        ((path,),) = look.execute("SELECT pg_relation_filepath('changes')").fetchall()
    value(whole, "CREATE DATABASE spoilt TEMPLATE whole STRATEGY file_copy")
    oid = value(whole, "SELECT oid FROM pg_database WHERE datname = 'spoilt'")
    file = whole.data / "base" / str(oid) / Path(path).name  # nobody has read it yet
    page = bytearray(file.read_bytes())
    page[12:16] = b"\xff" * 4  # where its lines end, and its rows begin
    file.write_bytes(page)
    findings = check(whole.url.removesuffix("memmux") + "spoilt", deep=False)
    assert codes(findings) == {"database_corrupt"}
    assert all("memmux restore" in finding.remedy for finding in findings)
    assert any("the check of changes could not read it" in finding.what for finding in findings)
