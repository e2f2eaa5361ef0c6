"""What administrators and their servers do to a session: each is survived, or refused with what to do."""

from __future__ import annotations

import math
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import orjson
import psycopg
import pytest

from memmux.errors import (
    DatabaseUnreachableError,
    SchemaWrongError,
    SettingInvalidError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
)
from memmux.postgres import programs
from memmux.postgres.server import Server
from memmux.postgres.server import url as url_of
from memmux.postgres.servers import Servers
from memmux.wire.requests import Get, List, Search
from tests.bounds import BOUND_S, pause
from tests.integration.postgres_by_hand import applied, asked, guest, listed, stored
from tests.postgres_server import connect, eventually, own_database, value
from tests.unit.workers.desk import job
from workers.runtime.jobs import Answer, silent
from workers.storage.postgres import engine
from workers.storage.postgres.checking.check import check
from workers.storage.postgres.engine import Role
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter

MOUNT = Path("/bin/mount")
TRIES = 3
ROOM = 14  # MiB, of which an empty database takes eight


@pytest.fixture
def url(own_url: str) -> str:
    """An empty database of the test's own."""
    return own_url


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused_and_left_as_it_is(shared_postgres: Server, encoding: str) -> None:
    like = f"ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'"
    with own_database(shared_postgres, encoding.lower(), like) as url:
        for role in Role:
            with pytest.raises(StorageError, match=f"has the encoding {encoding}; make one in UTF8"):
                engine.connect(url, role)
        with psycopg.connect(url) as look:
            assert look.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_locale_of_the_database_changes_no_order_and_no_comparison(shared_postgres: Server, tmp_path: Path) -> None:
    value(shared_postgres, "CREATE DATABASE elsewhere TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
    url = shared_postgres.url.removesuffix("/memmux") + "/elsewhere"
    asked(
        url,
        "ALTER DATABASE DATABASE_NAME SET DateStyle = 'German'",
        "ALTER DATABASE DATABASE_NAME SET TimeZone = 'Asia/Kathmandu'",
    )
    asked(
        url,
        "ALTER DATABASE DATABASE_NAME SET bytea_output = 'escape'",
        "ALTER DATABASE DATABASE_NAME SET standard_conforming_strings = off",
    )
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        contents = ("Zebra", "apfel", "Äpfel", "\u0131I \u0130i", "back\\slash 'quoted'")
        for content in contents:
            stored(writer, content)
        assert listed(reader) == sorted(contents)


def test_a_user_who_may_make_no_tables_is_told_and_given_no_half_of_them(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoragePermissionError, match="grant it the rights"):
        PostgresWriter(guest(url), tmp_path)
    with psycopg.connect(url) as look:
        assert look.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_search_path_to_nowhere_is_told_and_one_to_elsewhere_is_used(url: str, tmp_path: Path) -> None:
    asked(url, "ALTER DATABASE DATABASE_NAME SET search_path = nowhere")
    with pytest.raises(SettingInvalidError, match="RESET search_path"):
        PostgresWriter(url, tmp_path)
    asked(url, "CREATE SCHEMA nowhere")
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        stored(writer, "in a schema of its own")
        assert listed(reader) == ["in a schema of its own"]


def test_transactions_that_only_read_by_default_are_told_and_waited_for(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer:
        stored(writer, "before")
        asked(url, "ALTER DATABASE DATABASE_NAME SET default_transaction_read_only = on")
        stored(writer, "on the connection that is there")
        with pytest.raises(DatabaseUnreachableError, match="default_transaction_read_only") as refused:
            PostgresWriter(url, tmp_path / "other")
        assert refused.value.retryable
        with closing(PostgresReader(url, tmp_path)) as reader:
            assert listed(reader) == ["before", "on the connection that is there"]


def test_a_server_that_takes_no_more_connections_is_asked_again(
    url: str, shared_postgres: Server, tmp_path: Path
) -> None:
    other = guest(url, "ALTER DATABASE DATABASE_NAME OWNER TO GUEST", "ALTER ROLE GUEST CONNECTION LIMIT 1")
    with closing(PostgresWriter(other, tmp_path)) as writer:
        stored(writer, "the only one")
        with pytest.raises(DatabaseUnreachableError, match="max_connections") as refused:
            PostgresReader(other, tmp_path)
        assert refused.value.retryable
    left = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'guest%'"
    eventually(shared_postgres, left, 0)  # the server has seen that its connection was closed
    until = time.monotonic() + BOUND_S
    while time.monotonic() < until:
        with suppress(DatabaseUnreachableError), closing(PostgresReader(other, tmp_path)) as reader:
            assert listed(reader) == ["the only one"]
            return
        pause()  # it looks for a replica first, and the server may not have seen that end yet
    pytest.fail("it was asked again, and took no connection")


def test_statements_that_are_gone_as_behind_a_pooler_are_told_as_that(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        for number in range(4):
            stored(writer, f"number {number}")
            listed(reader)
        for raw in (writer._connection.raw, reader._postgres.raw):
            raw.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")  # which the driver does not see
        refused = applied(writer, "lost", key="k")
        assert isinstance(refused, SettingInvalidError)
        assert "pooler in transaction mode" in refused.message
        with pytest.raises(SettingInvalidError, match="pooler in transaction mode"):
            listed(reader)


def test_what_was_refused_while_it_was_prepared_is_asked_anew(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engine._SETTINGS, "lock_timeout", "20ms")
    for often in range(5):  # of which one is that at which the driver prepares
        with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
            for _ in range(often):
                listed(reader)
                writer.idle()
            with psycopg.connect(url) as other:
                other.execute("LOCK TABLE memories, meta, changes, models, counters")
                for _ in range(2):
                    with pytest.raises(StorageBusyError):
                        listed(reader)
                    writer.idle()
                    assert isinstance(applied(writer, f"refused {often}"), StorageBusyError)
            listed(reader)
            stored(writer, f"after {often}")
            writer.idle()
            assert writer.facts()["memories"] == often + 1


def test_a_session_that_the_server_ended_is_begun_anew(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        stored(writer, "one")
        listed(reader)
        asked(
            url,
            "SELECT pg_terminate_backend(pid, 240000) FROM pg_stat_activity "  # it waits until they have ended
            "WHERE datname = current_database() AND application_name = 'memmux'",
        )
        assert stored(writer, "two")["seq"] == 2
        assert listed(reader) == ["one", "two"]
        assert (writer.facts()["reconnects"], reader.facts()["reconnects"]) == (1, 1)


def test_what_an_administrator_took_away_is_told_and_nobody_dies_of_it(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        stored(writer, "before")
        for table, column in [("memories", "content"), ("postings", "places"), ("idempotency", "answer")]:
            asked(url, f"ALTER TABLE {table} RENAME {column} TO elsewhere")
            refused = applied(writer, f"without {column}", key=column)
            assert isinstance(refused, SchemaWrongError), refused
            assert "memmux check" in refused.message
            if table == "memories":
                with pytest.raises(SchemaWrongError, match=column):
                    listed(reader)
            asked(url, f"ALTER TABLE {table} RENAME elsewhere TO {column}")
        stored(writer, "after")
        assert set(listed(reader)) == {"before", "after"}


def test_a_rule_of_somebody_fails_what_it_forbids_and_nothing_else(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer:
        asked(url, "ALTER TABLE memories ADD CONSTRAINT short CHECK (length(content) < 20)")
        asks = [job("memory.store", {"content": text}) for text in ("short enough", "by far too long for that rule")]
        (_, kept), (_, refused) = writer.apply(asks, silent)
        assert isinstance(kept, Answer)
        assert isinstance(refused, SchemaWrongError)
        assert '"short"' in refused.message


def test_a_writer_opens_whatever_rows_of_its_own_are_gone(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer:
        stored(writer, "one")
        asked(url, "TRUNCATE counters")
        refused = applied(writer, "numbered by nothing")
        assert type(refused) is StorageError
        assert "check --repair" in refused.message
    asked(url, "TRUNCATE meta")
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        assert isinstance(writer.rebuild(job("admin.rebuild", {}), silent), Answer)
        stored(writer, "two")
        assert set(listed(reader)) == {"one", "two"}
    assert check(url, deep=True) == []


def test_a_search_goes_on_without_the_words_of_memories(url: str, tmp_path: Path) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        for number in range(4):
            stored(writer, f"number {number}")
        asked(url, "TRUNCATE texts")
        with reader.snapshot(math.inf, silent):
            reader.search(Search(query="number 2"), ())


def test_a_writer_that_is_gone_without_a_word_holds_others_for_a_bounded_time(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("workers.storage.postgres.writer.SILENT_S", 1)
        silent_one = PostgresWriter(url, tmp_path)
    with closing(silent_one) as gone, closing(PostgresWriter(url, tmp_path / "other")) as writer:
        gone._connection.raw.execute("BEGIN; SELECT 1 FROM counters FOR UPDATE")
        stored(writer, "soon")


def test_triggers_count_whatever_the_role_is_set_to(url: str, tmp_path: Path) -> None:
    asked(url, "ALTER DATABASE DATABASE_NAME SET session_replication_role = replica")
    with closing(PostgresWriter(url, tmp_path)) as writer:
        stored(writer, "counted")
        assert writer.facts()["memories"] == 1


def test_a_lock_of_another_is_heard_through_and_told(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer:
        stored(writer, "one")
    monkeypatch.setitem(engine._SETTINGS, "lock_timeout", "3s")  # in which there is a beat though a process is paused
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE memories, meta, changes, models")
            beats: list[int] = []
            for _ in range(TRIES):  # there is none where a process was paused all the time
                with pytest.raises(StorageBusyError):
                    reader.idle(lambda: beats.append(1))
                if beats:
                    break
            heard = len(beats)
            for _ in range(TRIES):
                writer.idle(lambda: beats.append(1))
                if len(beats) > heard:
                    break
            assert 0 < heard < len(beats)
            with pytest.raises(StorageBusyError):
                PostgresReader(url, tmp_path)
        assert listed(reader) == ["one"]


def test_a_replica_that_has_not_got_the_tables_yet_is_left_for_the_primary(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary("a"), postgres.replica("b")
    value(replica, "SELECT pg_wal_replay_pause()")
    eventually(replica, "SELECT pg_get_wal_replay_pause_state()", "paused")
    both = url_of([primary, replica])
    with closing(PostgresWriter(both, tmp_path)) as writer:
        stored(writer, "one")
        with closing(PostgresReader(both, tmp_path)) as reader:
            assert listed(reader) == ["one"]
            value(replica, "SELECT pg_wal_replay_resume()")
            eventually(replica, "SELECT count(*) FROM pg_tables WHERE tablename = 'memories'", 1)
            stored(writer, "two")
            assert set(listed(reader)) == {"one", "two"}


def test_which_server_is_asked_is_not_for_the_environment_to_say(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    with closing(PostgresWriter(f"{url}?target_session_attrs=any", tmp_path)) as writer:
        stored(writer, "one")
    with closing(PostgresReader(url, tmp_path)) as reader:
        assert listed(reader) == ["one"]


def test_a_url_that_libpq_can_not_read_is_a_fault_of_the_setting(url: str) -> None:
    with pytest.raises(SettingInvalidError, match="%00"):
        engine.connect(f"{url}?application_name=%00", Role.READ)


@pytest.fixture
def small_disk(short_tmp: Path) -> Iterator[Path]:
    """A folder on a disk of a few MiB; skips where none may be mounted."""
    folder = short_tmp / "small"
    folder.mkdir()
    if os.geteuid() or not MOUNT.exists() or _mount(folder, f"size={ROOM}m").returncode:
        pytest.skip("nothing may be mounted here")
    short_tmp.chmod(0o711)
    yield folder
    subprocess.run([MOUNT.with_name("umount"), "--lazy", folder], check=True)


def _mount(folder: Path, options: str) -> subprocess.CompletedProcess[bytes]:
    command: list[str | Path] = [MOUNT, "-t", "tmpfs", "-o", options, "tmpfs", folder]
    return subprocess.run(command, check=False, capture_output=True)


def test_a_full_disk_is_told_loses_nothing_and_is_over_when_there_is_room(
    postgres: Servers, small_disk: Path, tmp_path: Path
) -> None:
    primary = postgres.primary()
    programs.give(small_disk)
    value(primary, f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    value(primary, "CREATE DATABASE small TABLESPACE small")
    url = primary.url.removesuffix("/memmux") + "/small"
    kept: list[str] = []
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        while isinstance(outcome := applied(writer, secrets.token_hex(50_000)), Answer):
            kept.append(str(orjson.loads(outcome.frames[0])["id"]))
            assert len(kept) < 20 * ROOM
        assert isinstance(outcome, StorageFullError), outcome
        assert "free some space" in outcome.message
        for memory_id in kept:
            with reader.snapshot(math.inf, silent):
                assert reader.get(Get(id=memory_id)).id == memory_id
        assert _mount(small_disk, f"remount,size={4 * ROOM}m").returncode == 0
        assert stored(writer, "once there is room")["seq"] == len(kept) + 1
        assert check(url, deep=True) == []
        assert writer.facts()["degraded"] == ["replication_asynchronous"]


def test_a_replica_that_was_made_anew_from_an_older_backup_takes_nobody_back(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        stored(writer, "in the backup")
        eventually(replica, "SELECT count(*) FROM memories", 1)
        replica.stop()
        older = replica.folder / "older"
        shutil.copytree(replica.data, older)
        replica.start()
        stored(writer, "after it")
        eventually(replica, "SELECT count(*) FROM memories", 2)
        with closing(PostgresReader(url_of([replica, primary]), tmp_path)) as reader:
            assert listed(reader) == ["after it", "in the backup"]
            replica.stop()
            shutil.rmtree(replica.data)
            older.rename(replica.data)
            replica.configure(primary_conninfo="")
            replica.start()
            assert value(replica, "SELECT count(*) FROM memories") == 1
            with reader.snapshot(math.inf, silent):
                assert len(reader.list(List()).memories) == 2
                assert reader.degraded in ((), ("replica_behind",))  # the primary itself, or by way of the replica
            assert reader.rewound == 0


def test_a_replica_whose_slot_was_lost_is_left_for_the_primary(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(wal_keep_size="0", max_slot_wal_keep_size="1MB"), postgres.replica()
    value(primary, "SELECT pg_create_physical_replication_slot('b', true)")
    replica.configure(primary_slot_name="b")
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        stored(writer, "seen by both")
        eventually(replica, "SELECT count(*) FROM memories", 1)
        replica.stop()
        with connect(primary) as connection:
            for _ in range(3):
                connection.execute("SELECT pg_switch_wal()")
                connection.execute("CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
                connection.execute("DROP TABLE filler")
            connection.execute("CHECKPOINT")
        eventually(primary, "SELECT wal_status FROM pg_replication_slots", "lost")
        seq = stored(writer, "seen by one")["seq"]
        replica.start()
        with closing(PostgresReader(url_of([replica, primary]), tmp_path)) as reader:
            assert listed(reader) == ["seen by both"]
            with reader.snapshot(math.inf, silent, min_seq=seq):
                assert len(reader.list(List()).memories) == 2
                assert reader.degraded == ("replica_behind",)
