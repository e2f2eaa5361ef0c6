"""What the doctor finds of the servers of a database on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.config.settings import Settings
from memmux.doctor import servers as examination
from memmux.doctor.finding import Finding, Level
from memmux.postgres.server import Server, url
from memmux.postgres.servers import Servers
from tests.bounds import BOUND_S
from tests.postgres_server import connect, eventually, value

Examine = Callable[..., list[Finding]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=tmp_path / "memmux")


def examined(settings: Settings, *servers: Server, **variables: str) -> dict[str, list[tuple[Level, str]]]:
    """The findings by their names, in order."""
    found: dict[str, list[tuple[Level, str]]] = {}
    for finding in examination.of_servers(replace(settings, server=url(list(servers))), variables):
        found.setdefault(finding.name, []).append((finding.level, finding.text))
    return found


def test_nothing_is_asked_where_the_database_is_a_file(settings: Settings) -> None:
    assert list(examination.of_servers(settings, {})) == []


def test_one_server_is_well(settings: Settings, postgres: Servers) -> None:
    primary = postgres.primary(fsync="on")
    found = examined(settings, primary)
    assert {level for each in found.values() for level, _ in each} == {Level.OK}
    ((_, said),) = found["servers"]
    assert "PostgreSQL 18" in said
    assert "primary" in said
    assert "pg_amcheck --install-missing" in found["indexes"][0][1]
    assert found["rights"] == [(Level.OK, "memmux may make and write the tables in public")]


def test_each_server_is_told_with_its_role_and_how_late_it_is(settings: Settings, postgres: Servers) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    eventually(primary, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", 1)
    found = examined(settings, replica, primary)
    roles = [text.split(", ")[1] for level, text in found["servers"] if level is Level.OK]
    assert roles == ["replica", "primary"]
    ((level, text),) = found["lag"]
    assert level is Level.OK
    assert f"{replica.folder}:5432 is 0.0 MiB behind" in text
    ((level, text),) = found["replication"]
    assert level is Level.WARNING
    assert "synchronous_standby_names" in text


def test_a_synchronous_replica_is_well_until_it_is_gone(settings: Settings, postgres: Servers) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    primary.configure(synchronous_standby_names="b")
    eventually(primary, "SELECT sync_state FROM pg_stat_replication", "sync")
    ((level, text),) = examined(settings, primary, replica)["replication"]
    assert (level, "each commit waits for b (on)" in text) == (Level.OK, True)
    replica.kill()
    eventually(primary, "SELECT count(*) FROM pg_stat_replication", 0)
    found = examined(settings, primary, replica)
    assert found["replication"][0][0] is Level.ERROR
    assert "waits for ever" in found["replication"][0][1]
    assert [level for level, _ in found["servers"]] == [Level.OK, Level.ERROR]


def test_a_replica_that_stands_still_is_told(settings: Settings, postgres: Servers) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    value(replica, "SELECT pg_wal_replay_pause()")
    eventually(replica, "SELECT pg_get_wal_replay_pause_state()", "paused")
    assert examined(settings, primary, replica)["lag"][0][0] is Level.WARNING
    value(replica, "SELECT pg_wal_replay_resume()")
    primary.kill()
    eventually(replica, "SELECT count(*) FROM pg_stat_wal_receiver", 0)
    found = examined(settings, primary, replica)
    assert found["primary"] == [
        (Level.ERROR, "no server takes writes: promote a replica, or start the primary; `memmux docs scale` says how")
    ]


def test_a_replica_is_not_late_for_what_was_written_a_moment_ago(
    settings: Settings, postgres: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "LATE_S", 0.0)
    monkeypatch.setattr(examination, "CATCH_UP_S", BOUND_S)
    primary, replica = postgres.primary(), postgres.replica(recovery_min_apply_delay="300ms")
    eventually(primary, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", 1)
    value(primary, "CREATE TABLE t ()")
    assert [level for level, _ in examined(settings, primary, replica)["lag"]] == [Level.OK]


def test_two_primaries_are_told(settings: Settings, postgres: Servers) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    replica.promote()
    ((level, text),) = examined(settings, primary, replica)["primary"]
    assert level is Level.ERROR
    assert "each by itself" in text


def test_what_would_lose_what_is_acknowledged_is_an_error(settings: Settings, postgres: Servers) -> None:
    found = examined(settings, postgres.primary(full_page_writes="off", fsync="off"))
    said = [text for level, text in found["servers"] if level is Level.ERROR]
    assert [text.split(": ")[1].split()[0] for text in said] == ["fsync", "full_page_writes"]


def test_a_user_without_rights_is_told_with_the_line_that_gives_them(settings: Settings, postgres: Servers) -> None:
    primary = postgres.primary()
    with connect(primary) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("CREATE TABLE memories (x int)")
    as_guest = primary.url.replace("memmux@", "guest@")
    found = list(examination.of_servers(replace(settings, server=as_guest), {}))
    (rights,) = (finding for finding in found if finding.name == "rights")
    assert rights.level is Level.ERROR
    assert "OWNER TO guest" in rights.text
    value(primary, "GRANT CREATE ON SCHEMA public TO guest")
    value(primary, "GRANT SELECT, INSERT, UPDATE ON memories TO guest")
    found = list(examination.of_servers(replace(settings, server=as_guest), {}))
    (rights,) = (finding for finding in found if finding.name == "rights")
    assert "may not write memories; run: GRANT ALL ON ALL TABLES IN SCHEMA public TO guest" in rights.text


def test_amcheck_looks_through_the_indexes_where_it_may(settings: Settings, postgres: Servers) -> None:
    primary = postgres.primary()
    with connect(primary) as connection:
        connection.execute("CREATE EXTENSION amcheck")
        connection.execute("CREATE TABLE t AS SELECT i, md5(i::text) AS x FROM generate_series(1, 1000) AS i")
        connection.execute("CREATE INDEX i ON t (x)")
    assert examined(settings, primary)["indexes"] == [(Level.OK, "amcheck found nothing in 1")]
    file = primary.data / value(primary, "SELECT pg_relation_filepath('i')")
    primary.stop()
    spoilt = bytearray(file.read_bytes())
    spoilt[8192 + 4096 : 8192 + 8000] = b"\xff" * (8000 - 4096)
    file.write_bytes(spoilt)
    primary.start()
    ((level, _),) = examined(settings, primary)["indexes"]
    assert level is Level.ERROR


def test_a_password_file_that_others_may_read_is_told(settings: Settings, postgres: Servers, tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:*:x\n")
    file.chmod(0o644)
    assert examined(settings, postgres.primary(), PGPASSFILE=str(file))["password"][0][0] is Level.WARNING


def test_settings_for_files_are_named(settings: Settings, postgres: Servers) -> None:
    found = examined(replace(settings, backup_keep=3), postgres.primary())
    assert "backup_keep: without effect" in found["settings"][0][1]


def test_servers_that_do_not_answer_are_told_without_a_secret(settings: Settings, tmp_path: Path) -> None:
    server = f"postgresql://memmux@{str(tmp_path).replace('/', '%2F')}/memmux"
    found = list(examination.of_servers(replace(settings, server=server), {"PGPASSWORD": "s3cr3t"}))
    assert [finding.level for finding in found if finding.name in ("servers", "primary")] == [Level.ERROR] * 2
    assert not any("s3cr3t" in finding.text for finding in found)
