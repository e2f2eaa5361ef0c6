"""Clusters on PostgreSQL, each as on a machine of its own: what they promise while servers are late, or die."""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from memmux import Client, Store
from memmux.errors import DatabaseUnreachableError, DeadlineExceededError, MemmuxError
from memmux.postgres.server import url
from memmux.postgres.servers import Servers
from memmux.wire.answers import Status
from tests.bounds import BOUND_S
from tests.integration.conftest import Machine
from tests.integration.helpers import all_ready, every_kind, status_until
from tests.ports import free_port
from tests.postgres_server import eventually, value

METRIC = re.compile(r"\bmemmux_\w+")
MEMORIES, BATCH = 600, 200  # for which the hash embedder takes a while
WITH_VECTORS = "SELECT string_agg(name, ' ') FROM models WHERE memories > 0"


def test_two_machines_share_one_memory(machine: Machine, postgres: Servers) -> None:
    primary = postgres.primary()
    one, two = machine("one", primary), machine("two", primary)
    status_until(one, every_kind)
    stored = one.store("the staging database listens on port 5433", key="k")
    assert two.get(stored.id).content == "the staging database listens on port 5433"
    assert two.store("the staging database listens on port 5433", key="k").id == stored.id
    assert [hit.memory.id for hit in two.search("staging database")] == [stored.id]
    assert two.store("another").seq == stored.seq + 1
    status = one.status()
    assert status.database == url([primary])
    assert "replication_asynchronous" in status.degraded


def test_a_read_sees_what_was_acknowledged_before_it_however_late_the_replica_is(
    machine: Machine, postgres: Servers
) -> None:
    primary = postgres.primary()
    machine("before", primary).store("by which there are tables")
    late = postgres.replica(recovery_min_apply_delay="1min")
    port = free_port()
    client = machine("one", late, primary, metrics_port=port)
    missed = behind = 0
    for number in range(10):
        stored = client.store(f"memory {number}")
        try:
            memory = client.get(stored.id)
        except MemmuxError:
            missed += 1
        else:
            behind += "replica_behind" in memory.degraded  # unless the machine is as late itself
    assert (missed, behind > 0) == (0, True)
    told = status_until(client, lambda status: status.replication["asked_primary"] >= behind).replication
    assert told["waits"] >= behind
    assert told["waited_s"] >= 0.2  # of the first; for a second the others then ask the primary at once
    assert (told["held"], told["held_s"]) == (0, 0.0)
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    named = {name for line in page.splitlines() if "database is a file" in line for name in METRIC.findall(line)}
    assert len(named) == 8

    def exported(_: Status) -> bool:  # once the port is open
        try:
            with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/metrics", timeout=BOUND_S) as answer:
                return named <= set(METRIC.findall(answer.read().decode()))
        except OSError:
            return False

    status_until(client, exported)


def test_a_replica_that_stands_still_is_told_with_what_it_lacks_and_for_how_long(
    machine: Machine, postgres: Servers
) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    client = machine("one", replica, primary)
    status_until(client, every_kind)
    client.store("seen by both")
    status = status_until(client, lambda status: (status.memories, status.pending) == (1, 0) and all_ready(status))
    eventually(replica, "SELECT max(seq) FROM changes", status.seq)
    status_until(client, lambda status: status.replicating().startswith("up to date"))
    value(replica, "SELECT pg_wal_replay_pause()")
    for number in range(3):
        client.store(f"not yet there {number}")
    status_until(client, lambda status: status.replication["lag_s"] > 2 and status.replication["lag_changes"] >= 3)
    value(replica, "SELECT pg_wal_replay_resume()")
    status_until(client, lambda status: status.replication["lag_changes"] == 0)


def test_writes_wait_for_a_promotion_and_reads_go_on(machine: Machine, postgres: Servers) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    primary.configure(synchronous_standby_names="b")
    eventually(primary, "SELECT sync_state FROM pg_stat_replication", "sync")
    client, writer = machine("one", primary, replica), machine("one", primary, replica)
    stored = client.store("before")
    primary.kill()
    write = threading.Thread(target=writer.store, args=("during",))
    write.start()
    status_until(client, lambda status: "primary_unavailable" in status.degraded and status.replication["held"] == 1)
    assert client.get(stored.id).content == "before"
    replica.promote()
    write.join(BOUND_S)
    status = status_until(client, lambda status: "primary_unavailable" not in status.degraded)
    assert status.replication["reconnects"] >= 1
    assert {memory.content for memory in client.list()} == {"before", "during"}


def test_a_promotion_that_loses_changes_is_noticed_and_nobody_waits_for_them(
    machine: Machine, postgres: Servers
) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    client = machine("one", replica, primary)
    status_until(client, every_kind)
    kept = client.store("kept")
    eventually(replica, "SELECT count(*) FROM memories", 1)
    replica.configure(primary_conninfo="")
    eventually(replica, "SELECT count(*) FROM pg_stat_wal_receiver", 0)
    lost = client.store("lost")
    assert client.get(lost.id).content == "lost"
    primary.kill()
    replica.promote()
    again = client.store("again")
    assert again.seq == lost.seq
    assert [memory.content for memory in client.list()] == ["again", "kept"]
    assert [hit.memory.content for hit in client.search("again kept lost", limit=5)][:2] != ["lost"]
    assert client.get(kept.id).content == "kept"


def test_a_cluster_starts_without_a_primary_and_serves_what_a_replica_has(machine: Machine, postgres: Servers) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    first = machine("one", primary, replica)
    status_until(first, every_kind)
    stored = first.store("there")
    eventually(replica, "SELECT count(*) FROM memories", 1)
    primary.kill()
    second = machine("two", primary, replica)
    memory = second.get(stored.id)
    assert memory.content == "there"
    assert "primary_unavailable" in memory.degraded
    status = status_until(second, lambda status: status.memories == 1)
    assert (status.seq, status.pending, "primary_unavailable" in status.degraded) == (stored.seq, 0, True)
    replica.promote()
    assert second.store("and more").status == "created"


def test_without_a_server_a_cluster_says_so(machine: Machine, postgres: Servers) -> None:
    primary = postgres.primary()
    primary.stop()
    client = machine("one", primary, request_timeout_s=5)  # a router that is there before that is known waits for one
    with pytest.raises(DatabaseUnreachableError):
        _store_until_told(client)


def _store_until_told(client: Client) -> None:
    """Store until the cluster says what that fails of: soon after its time a client says that it had no answer."""
    until = time.monotonic() + BOUND_S
    while time.monotonic() < until:
        with suppress(DeadlineExceededError):
            client.store("x")


def test_a_synchronous_replica_that_is_gone_holds_writes_and_not_reads(machine: Machine, postgres: Servers) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    client, writer = machine("one", primary, replica), machine("one", primary, replica)
    stored = client.store("before")
    primary.configure(synchronous_standby_names="b")
    eventually(primary, "SELECT sync_state FROM pg_stat_replication", "sync")
    replica.kill()
    write = threading.Thread(target=writer.store, args=("held",))
    write.start()
    eventually(primary, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", 1)
    assert client.get(stored.id).content == "before"
    assert write.is_alive()
    primary.configure(synchronous_standby_names="")
    write.join(BOUND_S)
    assert {memory.content for memory in client.list()} == {"before", "held"}


def test_many_vectors_are_searched_by_an_index_of_this_machine(
    machine: Machine, postgres: Servers, short_tmp: Path
) -> None:
    client = machine("one", postgres.primary(), index_from=50)
    status_until(client, every_kind)  # or an index is built of those that have their vectors by then
    client.store_batch([Store(content=f"memory number {number} of the harbour") for number in range(100)])
    status = status_until(client, lambda status: status.index.get("state") == "ready")
    assert status.index["vectors"] == 100
    assert (short_tmp / "one" / "memmux.index").is_dir()
    assert client.search("memory number 7 of the harbour", mode="semantic").hits[0].memory.content.startswith("memory")


def test_searches_by_meaning_go_by_the_old_model_until_all_memories_have_the_new_one(
    machine: Machine, postgres: Servers
) -> None:
    primary = postgres.primary()
    before = machine("one", primary, model="hash")
    status_until(before, every_kind)
    for first in range(0, MEMORIES, BATCH):
        before.store_batch([Store(content=_text(number)) for number in range(first, first + BATCH)])
    status_until(before, lambda status: not status.pending and status.model == "hash")
    before.stop()
    after = machine("one", primary, model="hash-768")

    def begun(status: Status) -> bool:  # or over already, for who looks late
        return all_ready(status) and bool(status.switch or value(primary, WITH_VECTORS) == "hash-768")

    began = status_until(after, begun)
    assert began.model == "hash" or not began.switch
    seen = {began.model}
    number = 0
    while "hash-768" not in seen:
        number = (number + 37) % MEMORIES
        found = after.search(_text(number), mode="semantic", limit=1)
        assert (found.hits[0].memory.content, "indexing" in found.degraded) == (_text(number), False)
        status = after.status()
        if status.switch and status.switch["done"] < status.switch["of"]:
            assert (status.model, "lost" in status.switch) == ("hash", False)
        seen.add(status.model)
    assert seen <= {"hash", "hash-768"}
    status_until(after, lambda status: not status.switch)
    eventually(primary, WITH_VECTORS, "hash-768")


def _text(number: int) -> str:
    return f"note {number} says that vessel{number} sails to harbour{number % 7}"
