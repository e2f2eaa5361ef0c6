"""Faults of processes: whatever is killed, stopped or hangs, users see nothing, or one clear error."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from memmux import AsyncClient, Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.errors import (
    DeadlineExceededError,
    MemmuxError,
    PoisonedError,
)
from memmux.processes import alive
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import complete, gone, log_lines, pids_of, status_until, workers_of
from tests.integration.machines import logged_until


@pytest.mark.parametrize("kind", ["read", "write", "embed"])
def test_stopped_worker_is_replaced_and_its_requests_are_done_elsewhere(settings: Settings, kind: str) -> None:
    with Client(settings=replace(settings, stall_s=5.0)) as client:
        client.store("an early memory")
        before = status_until(client, complete)
        stopped = workers_of(before, kind)[0]
        os.kill(stopped, signal.SIGSTOP)
        for number in range(8):
            assert client.store(f"a memory while one sleeps {number}").status == "created"
            assert client.search("early", mode="hybrid").hits
        gone([stopped])
        after = status_until(client, complete)
        assert stopped not in pids_of(after)
        assert after.memories == 9


def test_request_that_makes_workers_hang_in_c_fails_alone(faults: Path, settings: Settings) -> None:
    assert not faults.exists()
    with Client(settings=replace(settings, stall_s=5.0)) as client:
        client.store("an early memory")
        before = status_until(client, complete)
        with pytest.raises(PoisonedError):
            client.search("fault:hang read", mode="keyword", timeout_s=BOUND_S)
        assert client.search("early", mode="keyword").hits
        after = status_until(client, complete)
        # On a busy machine others may be taken for workers that hang, too.
        assert sum(worker["restarts"] for worker in after.workers) >= 3
        (given_up,) = (line for line in log_lines(settings, "request_poisoned") if line["operation"] == "memory.match")
        requeued = log_lines(settings, "request_requeued", count=2)
        assert [line["request_id"] for line in requeued].count(given_up["request_id"]) == 2
        assert given_up["deaths"] == 3
        gone(list(set(pids_of(before)) - set(pids_of(after))))


@pytest.mark.parametrize("kind", ["read", "write", "embed"])
def test_request_that_kills_workers_is_given_up_alone(faults: Path, settings: Settings, kind: str) -> None:
    assert not faults.exists()
    with Client(settings=settings) as client, Client(settings=settings, name="other") as other:
        client.store("an early memory")
        status_until(client, complete)
        failed: list[Exception] = []

        def poison() -> None:
            try:
                if kind == "read":
                    client.search("fault:die read", mode="keyword", timeout_s=BOUND_S)
                else:
                    client.store(f"fault:die {kind}", timeout_s=BOUND_S)
            except PoisonedError as error:
                failed.append(error)

        poisoning = threading.Thread(target=poison)
        poisoning.start()
        stored = 0
        while poisoning.is_alive() or not stored:
            assert other.store(f"meanwhile {stored}", timeout_s=BOUND_S).status == "created"
            assert other.search("early", mode="keyword", timeout_s=BOUND_S).hits
            stored += 1
        poisoning.join()
        # An embedder that is not there is done without, so the text that kills embedders may be stored all the same.
        assert failed or kind == "embed"
        after = status_until(client, complete)
        assert after.memories == 1 + stored + (not failed)


@pytest.mark.parametrize("fault", ["none", "stopped", "hanging"])
def test_killed_router_takes_all_its_workers_with_it_and_the_next_one_serves(
    faults: Path, settings: Settings, fault: str
) -> None:
    assert not faults.exists()
    # The request that hangs readers comes to the next cluster too, where others may wait behind it for so long.
    settings = replace(settings, stall_s=5.0)
    with Client(settings=settings) as client, Client(settings=settings, name="hung") as hung:
        client.store("an early memory")
        before = status_until(client, complete)
        killed = threading.Event()
        hanging = threading.Thread(target=_search_in_vain, args=(hung, killed))
        if fault == "stopped":
            for worker in before.workers:
                os.kill(worker["pid"], signal.SIGSTOP)
        elif fault == "hanging":
            hung.status()
            hanging.start()
            status_until(client, lambda status: any(worker["in_flight"] for worker in status.workers))
        killed.set()
        os.kill(before.pid, signal.SIGKILL)
        client.store("a late memory")
        assert client.search("early", mode="keyword").hits
        gone(pids_of(before))
        if fault == "hanging":
            hanging.join(BOUND_S)
        assert status_until(client, complete).memories == 2


def test_cluster_that_stood_still_as_a_whole_goes_on_with_the_workers_that_it_has(
    settings_env: dict[str, str],
) -> None:
    """As on a laptop that was asleep; the workers have longer than one may be paused on a busy machine."""
    settings = load({"stall_s": 20.0}, settings_env)
    with Client(settings=settings) as client:
        client.store("before the night")
        before = status_until(client, complete)
        pids = pids_of(before)
        for pid in pids:  # the router first: one that goes on would kill a worker that is stopped
            os.kill(pid, signal.SIGSTOP)
        try:
            until = time.monotonic() + 1.2 * settings.stall_s
            while time.monotonic() < until:  # nothing happens that could be waited for
                assert all(map(alive, pids))
                pause()
        finally:
            for pid in pids:  # the router first again: it is to go on before it hears a worker
                os.kill(pid, signal.SIGCONT)
        assert [hit.memory.content for hit in client.search("night", mode="keyword").hits] == ["before the night"]
        assert client.store("in the morning").status == "created"
        assert pids_of(status_until(client, complete)) == pids
        logged_until(settings_env, "router_stood_still", lambda line: line["seconds"] >= settings.stall_s)


def _search_in_vain(client: Client, killed: threading.Event) -> None:
    """Search until the router is killed: one search may end before anybody has seen that a worker has it."""
    until = time.monotonic() + BOUND_S
    while not killed.is_set() and time.monotonic() < until:
        with suppress(MemmuxError):
            client.search("fault:hang read", mode="keyword", timeout_s=3)
        pause()


_VISIT = """
import sys
from memmux import AsyncClient, Client
from memmux.config.loader import load
with Client(settings=load(), name="victim") as client:
    client.status()
    print("there", flush=True)
    sys.stdin.read()
"""


def test_session_of_a_killed_client_ends(client: Client, settings_env: dict[str, str]) -> None:
    client.status()
    command = [sys.executable, "-P", "-c", _VISIT]
    with subprocess.Popen(command, env=settings_env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"there\n"
        assert "victim" in {session["name"] for session in client.status().clients}
        victim.kill()
        status_until(client, lambda status: "victim" not in {session["name"] for session in status.clients})


@pytest.mark.usefixtures("faults")
def test_cancel_interrupts_what_sqlite_is_doing_and_skips_what_waits_for_it(settings: Settings) -> None:
    with Client(settings=settings, name="watcher") as watcher:
        watcher.store("an early memory")
        before = status_until(watcher, complete)

        async def ask_and_give_up() -> None:
            async with AsyncClient(settings=settings, name="impatient") as client:
                asked = [
                    asyncio.create_task(client.search(f"fault:slow {number}", mode="keyword", timeout_s=600))
                    for number in range(5)  # two for each reader, and one that waits in the router
                ]
                until = asyncio.get_running_loop().time() + BOUND_S
                while sum(worker["in_flight"] for worker in (await client.status()).workers) < 4:
                    assert asyncio.get_running_loop().time() < until
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
                while sum(worker["in_flight"] for worker in (await client.status()).workers):
                    assert asyncio.get_running_loop().time() < until

        asyncio.run(ask_and_give_up())
        assert watcher.search("early", mode="keyword").hits
        assert pids_of(watcher.status()) == pids_of(before)


@pytest.mark.usefixtures("faults")
def test_query_that_takes_too_long_ends_at_its_deadline(settings: Settings) -> None:
    with Client(settings=settings) as client:
        client.store("an early memory")
        before = status_until(client, complete)
        with pytest.raises(DeadlineExceededError):
            client.search("fault:slow", mode="keyword", timeout_s=1)
        status_until(client, lambda status: not any(worker["in_flight"] for worker in status.workers))
        assert pids_of(client.status()) == pids_of(before)
