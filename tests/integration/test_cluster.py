"""The cluster with real processes: one for all clients, nothing acknowledged lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import ClusterUnreachableError
from tests.bounds import BOUND_S
from tests.integration.helpers import complete, gone, pids_of, status_until, workers_of
from tests.integration.stops import stop_in_time

RunClients = Callable[[int, int], list[dict[str, object]]]


def test_eight_clients_starting_at_once_make_one_cluster(run_clients: RunClients, settings: Settings) -> None:
    answers = run_clients(8, 1)
    assert len({answer["router"] for answer in answers}) == 1
    with Client(settings=settings, start=False) as client:
        assert client.status().pid == answers[0]["router"]


def test_eight_clients_storing_fifty_each_make_four_hundred_memories(
    run_clients: RunClients, settings: Settings
) -> None:
    answers = run_clients(8, 50)
    stored = {memory_id for answer in answers for memory_id in answer["ids"]}
    assert len(stored) == 400
    with Client(settings=settings, start=False) as client:
        page = client.list(limit=1000)
        assert page.total == 400
        assert {memory.id for memory in page} == stored
        assert client.status().memories == 400


def test_read_after_an_acknowledged_write_sees_it(client: Client, settings: Settings) -> None:
    status_until(client, complete)  # what is stored before there is an embedder gets its vector later
    with Client(settings=settings, name="reader") as reader:
        for number in range(40):
            stored = client.store(f"the secret word of day {number} is xyzzy{number}")
            assert reader.get(stored.id).id == stored.id
            assert reader.list(limit=1).memories[0].id == stored.id
            for mode in ("keyword", "exact", "hybrid", "semantic"):
                query = f"xyzzy{number}" if mode != "semantic" else f"the secret word of day {number} is xyzzy{number}"
                assert stored.id in [hit.memory.id for hit in reader.search(query, mode=mode, limit=5)], mode
            client.delete(stored.id)
            assert reader.search(f"xyzzy{number}", mode="exact").hits == ()


def test_killed_read_worker_is_replaced_and_no_request_fails(client: Client, settings: Settings) -> None:
    for number in range(20):
        client.store(f"memory number {number}")
    before = status_until(client, complete)
    victims = workers_of(before, "read")
    answered = {"before": 0, "after": 0}
    enough, killed = threading.Event(), threading.Event()

    def search_on() -> None:
        with Client(settings=settings, name="searcher") as searcher:
            while answered["after"] < 50:
                when = "after" if killed.is_set() else "before"
                assert searcher.search(f"memory number {sum(answered.values()) % 20}", limit=3).hits
                answered[when] += 1
                if answered["before"] == 20:
                    enough.set()

    searching = threading.Thread(target=search_on)
    searching.start()
    assert enough.wait(BOUND_S)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    killed.set()
    searching.join(BOUND_S)
    assert answered["after"] == 50
    after = status_until(client, lambda status: complete(status) and not set(workers_of(status, "read")) & set(victims))
    assert sum(worker["restarts"] for worker in after.workers if worker["kind"] == "read") == 2


@pytest.mark.parametrize("kind", ["write", "embed"])
def test_killed_worker_loses_no_store(client: Client, kind: str) -> None:
    stored = [client.store("before the end").id]
    ready = status_until(client, complete)
    os.kill(workers_of(ready, kind)[0], signal.SIGKILL)
    stored += [client.store(f"after the end {number}").id for number in range(20)]
    assert {memory.id for memory in client.list(limit=100)} == set(stored)
    # A store that went round the missing embedder gets its vector once there is one again.
    assert status_until(client, lambda status: status.pending == 0).memories == 21


def test_killed_router_is_replaced_and_the_client_does_not_notice(client: Client) -> None:
    first = client.store("said to the first router")
    before = client.status()
    os.kill(before.pid, signal.SIGKILL)
    second = client.store("said to whoever listens now")
    after = client.status()
    assert after.pid != before.pid
    assert {memory.id for memory in client.list()} == {first.id, second.id}
    gone(pids_of(before))


def test_stop_drains_and_leaves_nothing_behind(client: Client, settings: Settings) -> None:
    places = Places(settings)
    client.store("something")
    status = status_until(client, complete)
    answers: list[str] = []

    def store_on() -> None:
        with Client(settings=settings, name="writer", start=False) as writer:
            try:
                while len(answers) < 10_000:
                    answers.append(writer.store(f"stored while stopping {len(answers)}").id)
            except ClusterUnreachableError:
                return

    storing = threading.Thread(target=store_on)
    storing.start()
    status_until(client, lambda _: len(answers) >= 20)
    in_time = stop_in_time(client)
    storing.join(BOUND_S)
    assert not storing.is_alive()
    gone(pids_of(status))
    assert not places.endpoint.exists()
    if in_time:
        assert not Path(f"{settings.database}-wal").exists()  # the last checkpoint took everything in
    with Client(settings=settings) as again:
        kept = {memory.id for memory in again.list(limit=1000)}
        page = 1000
        while len(kept) < again.list(limit=1).total:
            kept |= {memory.id for memory in again.list(limit=1000, offset=page)}
            page += 1000
        assert set(answers) <= kept


def test_cluster_without_clients_exits(settings_env: dict[str, str]) -> None:
    from memmux.config.loader import load

    settings = load({"idle_exit_s": 0.5}, settings_env)
    with Client(settings=settings) as client:
        client.store("short visit")
        status = status_until(client, complete)
    gone(pids_of(status))
    assert not Places(settings).endpoint.exists()


def test_client_that_may_not_start_a_cluster_says_so(settings: Settings) -> None:
    with Client(settings=settings, start=False) as client, pytest.raises(ClusterUnreachableError, match="memmux serve"):
        client.status()
