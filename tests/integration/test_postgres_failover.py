"""Clusters whose servers fail while many work: nothing acknowledged is lost or applied twice, and no call fails."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from bench.faults import failovers
from bench.harness.pair import Pair
from memmux import Client
from memmux.errors import NotFoundError
from memmux.postgres.server import Server, children
from memmux.postgres.servers import Servers
from memmux.processes import command
from tests.bounds import BOUND_S, pause
from tests.integration.conftest import Machine
from tests.integration.helpers import every_kind, gone, status_until, workers_of
from tests.postgres_server import connect, eventually, value

GETS = 40
CONNECT_S = 2  # with a server that is stopped, which never ends earlier
CLIENTS = 16
PATIENT = {"stall_s": BOUND_S}  # no worker counts as hanging: without an embedder, vectors come by changes of their own


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process for the block, as a machine that hangs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def receiver(replica: Server) -> int:
    """Wait for the process of a replica that receives what its primary wrote."""
    while True:
        assert replica.pid is not None
        for child in children(replica.pid):
            if b"walreceiver" in command(child):
                return child
        pause()


def in_doubt(primary: Server, other_than: int = 0) -> int:
    """Wait until a commit waits for a replica, and return the process of its connection."""
    while True:
        pid = value(primary, "SELECT max(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        if pid and pid != other_than:
            return int(pid)
        pause()


def test_a_primary_is_killed_under_sixteen_clients_twice_and_no_call_fails(machine: Machine, postgres: Servers) -> None:
    both = Pair(postgres)
    machines = [machine(name, both.primary, both.replica).settings for name in ("one", "two")]
    found = failovers.run(both, machines, kills=2, clients=CLIENTS, readers=2)
    assert found.failures == []
    assert (found.lost, found.twice, len(found.outages)) == (0, 0, 2)
    assert len(found.stores) >= 3 * failovers.STEADY


def test_a_server_that_is_killed_makes_no_process_between_the_look_for_them_and_its_end(
    postgres: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    primary = postgres.primary()
    refused: list[str] = []

    def listed(pid: int) -> list[int]:
        found = children(pid)
        with pytest.raises(psycopg.OperationalError) as raised:
            connect(primary, connect_timeout=CONNECT_S)
        refused.append(str(raised.value))
        return found

    monkeypatch.setattr("memmux.postgres.server.children", listed)
    primary.kill()
    assert len(refused) == 1
    assert "timeout" in refused[0]


def test_each_of_two_machines_reads_its_own_writes_however_late_their_replicas_are(
    machine: Machine, postgres: Servers
) -> None:
    primary, late = postgres.primary(), postgres.replica(recovery_min_apply_delay="100ms")

    def missed(name: str) -> int:
        count = 0
        client = machine(name, late, primary)
        for number in range(GETS // 2):
            stored = client.store(f"{name} {number}")
            try:
                client.get(stored.id)
            except NotFoundError:
                count += 1
        return count

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(missed, ("one", "two"))) == [0, 0]


def test_a_replica_whose_receiver_hangs_holds_what_it_must_confirm_and_costs_no_read(
    machine: Machine, postgres: Servers
) -> None:
    both = Pair(postgres, wal_sender_timeout="0")  # it hangs for as long as the test wants
    with machine("one", both.primary, both.replica, **PATIENT) as client:
        status_until(client, every_kind)
        before = client.store("before")
        with ThreadPoolExecutor(1) as threads:
            with stopped(receiver(both.replica)):
                held = threads.submit(client.store, "held", key="held")
                in_doubt(both.primary)
                with Client(settings=client.settings, name="other") as other:
                    assert other.get(before.id).content == "before"
                assert not held.done()
            assert held.result(BOUND_S).seq == before.seq + 1
        assert client.store("held", key="held").seq == before.seq + 1


def test_a_commit_that_was_cancelled_is_acknowledged_only_once_the_replica_has_it(
    machine: Machine, postgres: Servers
) -> None:
    both = Pair(postgres, wal_sender_timeout="0")
    with machine("one", both.primary, both.replica) as client:
        client.store("before")
        with ThreadPoolExecutor(1) as threads:
            with stopped(receiver(both.replica)):
                held = threads.submit(client.store, "in doubt")
                pid = in_doubt(both.primary)
                for how in ("pg_cancel_backend", "pg_terminate_backend"):
                    value(both.primary, f"SELECT {how}({pid})")
                    pid = in_doubt(both.primary, other_than=pid)  # it was sent again: its key is known, but no more
                assert not held.done()
            held.result(BOUND_S)
    both.fail_over()
    assert value(both.replica, "SELECT count(*) FROM memories WHERE content = 'in doubt'") == 1


def test_a_writer_on_a_primary_that_was_replaced_acknowledges_nothing_and_finds_the_new_one(
    machine: Machine, postgres: Servers
) -> None:
    both = Pair(postgres)
    with machine("one", both.primary, both.replica, **PATIENT) as stale:
        status_until(stale, every_kind)
        stale.store("before")
        both.replica.promote()  # by somebody who thinks that the primary is dead
        eventually(both.primary, "SELECT count(*) FROM pg_stat_replication", 0)
        with ThreadPoolExecutor(1) as threads:
            held = threads.submit(stale.store, "during")
            in_doubt(both.primary)
            with machine("two", both.replica, **PATIENT) as fresh:
                status_until(fresh, every_kind)
                fresh.store("of the new one")
            assert not held.done()
            both.primary.kill()
            assert held.result(BOUND_S).seq == 3
        assert sorted(memory.content for memory in stale.list()) == ["before", "during", "of the new one"]
    assert value(both.replica, "SELECT count(*) FROM memories") == 3


def test_a_writer_that_hangs_is_replaced_and_what_it_had_is_applied_once(machine: Machine, postgres: Servers) -> None:
    both = Pair(postgres)
    with machine("one", both.primary, both.replica, stall_s=10.0) as client:
        status_until(client, every_kind)
        client.store("before")
        (writer,) = workers_of(client.status(), "write")
        answered: list[int] = []
        stores = [
            threading.Thread(target=lambda number=number: answered.append(client.store(f"text {number}").seq))
            for number in range(4)
        ]
        os.kill(writer, signal.SIGSTOP)
        for store in stores:
            store.start()
        gone([writer])  # the router has killed it
        for store in stores:
            store.join(BOUND_S)
        assert len(set(answered)) == len(stores)
        status_until(client, lambda status: workers_of(status, "write") != [writer])
    assert value(both.primary, "SELECT count(*) FROM memories") == 5
