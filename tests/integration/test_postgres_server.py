"""The servers that tests and the demo run on, themselves: they replicate, are promoted, die, and leave nothing."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memmux import processes
from memmux.errors import PostgresServerError
from memmux.postgres import server as postgres_server
from memmux.postgres import servers
from memmux.postgres.servers import Servers
from tests.bounds import BOUND_S, pause
from tests.ports import free_port
from tests.postgres_server import connect, eventually, own_database, value


def test_a_primary_has_an_empty_database_and_is_entered_by_its_socket_alone(postgres: Servers) -> None:
    primary = postgres.primary()
    assert value(primary, "SELECT current_database() || current_user || inet_server_addr() IS NULL")
    assert value(primary, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0
    assert value(primary, "SHOW listen_addresses") == ""
    assert (postgres.folder.stat().st_mode & 0o777, primary.folder.stat().st_mode & 0o777) == (0o700, 0o700)


def test_it_never_runs_as_root(postgres: Servers) -> None:
    primary = postgres.primary()
    assert Path(f"/proc/{primary.pid}").stat().st_uid == (os.geteuid() or 65534)


def test_a_replica_has_what_the_primary_wrote_and_refuses_writes(postgres: Servers) -> None:
    import psycopg

    primary = postgres.primary()
    value(primary, "CREATE TABLE t AS SELECT 7 AS x")
    replica = postgres.replica()
    assert value(replica, "SELECT x FROM t") == 7
    value(primary, "UPDATE t SET x = 8")
    eventually(replica, "SELECT x FROM t", 8)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        value(replica, "UPDATE t SET x = 9")
    eventually(primary, "SELECT application_name || ' ' || state FROM pg_stat_replication", "b streaming")


def test_a_commit_waits_for_a_replica_that_is_named_for_as_long_as_it_is(postgres: Servers) -> None:
    primary = postgres.primary()
    replica = postgres.replica("b")
    value(primary, "CREATE TABLE t AS SELECT 1 AS x")
    primary.configure(synchronous_standby_names="b")
    eventually(primary, "SELECT sync_state FROM pg_stat_replication", "sync")
    replica.kill()
    with ThreadPoolExecutor(1) as threads:
        update = threads.submit(value, primary, "UPDATE t SET x = 2")
        eventually(primary, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", 1)
        assert value(primary, "SELECT x FROM t") == 1
        primary.configure(synchronous_standby_names="")
        update.result(BOUND_S)
    assert value(primary, "SELECT x FROM t") == 2


def test_the_replica_of_a_killed_primary_is_promoted_and_a_url_of_both_finds_it(postgres: Servers) -> None:
    import psycopg

    primary = postgres.primary()
    replica, other = postgres.replica("b"), postgres.replica("c")
    value(primary, "CREATE TABLE t AS SELECT 1 AS x")
    eventually(replica, "SELECT to_regclass('t') IS NOT NULL", expected=True)
    eventually(other, "SELECT to_regclass('t') IS NOT NULL", expected=True)
    primary.kill()
    replica.promote()
    both = postgres_server.url([primary, replica], target_session_attrs="read-write")
    with psycopg.connect(both, autocommit=True) as connection:
        connection.execute("UPDATE t SET x = 2")
    assert value(replica, "SELECT x FROM t") == 2


def test_a_replica_follows_whichever_of_the_servers_takes_writes(postgres: Servers) -> None:
    primary = postgres.primary()
    replica = postgres.replica("b")
    other = postgres.replica("c")  # of either
    value(primary, "CREATE TABLE t AS SELECT 1 AS x")
    for each in (replica, other):
        eventually(each, "SELECT to_regclass('t') IS NOT NULL", expected=True)
    primary.kill()
    replica.promote()
    value(replica, "UPDATE t SET x = 2")
    eventually(other, "SELECT x FROM t", 2)


def test_a_killed_server_leaves_no_process_and_starts_again_with_what_it_had(postgres: Servers) -> None:
    primary = postgres.primary()
    value(primary, "CREATE TABLE t AS SELECT 1 AS x")
    with connect(primary) as open_connection:
        pid = primary.pid
        assert pid is not None
        family = [pid, *postgres_server.children(pid)]
        assert open_connection.info.backend_pid in family
        primary.kill()
        assert not any(map(processes.alive, family))
    primary.start()
    assert value(primary, "SELECT x FROM t") == 1


def test_a_server_at_a_port_asks_for_a_password_there(postgres: Servers) -> None:
    import psycopg

    primary = postgres.primary(port=free_port())
    value(primary, "CREATE ROLE app LOGIN PASSWORD 'right'")
    at = {"host": "127.0.0.1", "port": primary.port, "user": "app", "dbname": "memmux"}
    with psycopg.connect(**at, password="right") as connection:  # type: ignore[arg-type]  # noqa: S106
        assert connection.info.host == "127.0.0.1"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**at, password="wrong")  # type: ignore[arg-type]  # noqa: S106


def test_what_keeps_a_server_from_starting_is_said_in_its_own_words(postgres: Servers) -> None:
    with pytest.raises(PostgresServerError, match="no_such_setting"):
        postgres.primary(no_such_setting="1")


def test_it_all_ends_with_the_block(postgres_template: Path) -> None:
    with servers.running(postgres_template) as place:
        primary = place.primary()
        pid = primary.pid
        place.replica()
    assert pid is not None
    assert not processes.alive(pid)
    assert not place.folder.exists()


def test_it_ends_with_who_started_it(postgres_template: Path) -> None:
    """Also where that is killed, as a test run may be."""
    read, write = os.pipe()
    with servers.running(postgres_template) as place:
        if (starter := os.fork()) == 0:
            pid = place.primary().pid
            os.write(write, str(pid).encode())
            os.close(write)
            signal.pause()
        os.close(write)
        pid = int(os.read(read, 32))
        os.kill(starter, signal.SIGKILL)
        os.waitpid(starter, 0)
        while processes.alive(pid):
            pause()
    os.close(read)


def test_databases_of_one_server_know_nothing_of_each_other(postgres: Servers) -> None:
    import psycopg

    primary = postgres.primary()
    value(primary, "CREATE TABLE t AS SELECT 1 AS x")
    with own_database(primary, "other") as url, psycopg.connect(url) as connection:
        row = connection.execute("SELECT to_regclass('t')").fetchone()
    assert row == (None,)
