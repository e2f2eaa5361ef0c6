"""Workers that grow too large: they are replaced, and no request of another fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from memmux import AsyncClient, Client
from memmux.config.settings import Settings
from memmux.errors import PoisonedError
from memmux.wire.answers import Status
from tests.bounds import BOUND_S
from tests.integration.helpers import all_ready, complete, gone, status_until, workers_of


@pytest.mark.usefixtures("faults")
@pytest.mark.parametrize("kind", ["read", "write"])
def test_worker_that_grows_too_large_is_replaced_and_no_request_fails(settings: Settings, kind: str) -> None:
    with Client(settings=replace(settings, readers=1, worker_rss_mb=1)) as client:
        client.store("an early memory")
        before = status_until(client, lambda status: len(status.workers) == 3 and all_ready(status))
        # Once: a second leak may already meet the successor, and have it replaced as well.
        client.store(f"fault:leak {kind}")
        client.search(f"fault:leak {kind}", mode="keyword")
        after = status_until(client, lambda status: not set(workers_of(status, kind)) & set(workers_of(before, kind)))
        assert client.store("a late memory").status == "created"
        assert client.search("late", mode="keyword").hits
        assert client.search("early", mode="keyword").hits
        after = status_until(client, lambda status: len(status.workers) == 3 and all_ready(status))
        assert [worker["restarts"] for worker in after.workers if worker["kind"] == kind] == [1]
        others = {"read", "write", "embed"} - {kind}
        assert all(workers_of(after, other) == workers_of(before, other) for other in others)


@pytest.mark.usefixtures("faults")
def test_worker_that_grows_too_large_in_the_middle_of_a_request_has_a_successor_before_that_ends(
    settings: Settings,
) -> None:
    settings = replace(settings, readers=1, worker_rss_mb=1)
    with Client(settings=settings) as client:
        client.store("an early memory")
        before = status_until(client, lambda status: len(status.workers) == 3 and all_ready(status))
        old = workers_of(before, "read")

        def served_by_a_successor() -> None:
            status_until(
                client, lambda status: {"ready"} == _states(status, "read") and workers_of(status, "read") != old
            )
            assert client.search("early", mode="keyword").hits

        async def fatten() -> None:
            async with AsyncClient(settings=settings, name="fat") as fat:
                fattening = asyncio.create_task(fat.search("fault:fatten", mode="keyword"))  # which has no end
                await asyncio.to_thread(served_by_a_successor)
                assert not fattening.done()
                fattening.cancel()
                await asyncio.wait({fattening})

        asyncio.run(fatten())
        gone(old)


def _states(status: Status, kind: str) -> set[str]:
    """The states of the newest worker of each slot of a kind."""
    newest = {worker["name"]: worker["state"] for worker in status.workers if worker["kind"] == kind}
    return set(newest.values())


@pytest.mark.usefixtures("faults")
def test_request_that_takes_more_and_more_memory_fails_alone(settings: Settings) -> None:
    with Client(settings=replace(settings, worker_rss_mb=1)) as client:
        client.store("an early memory")
        status_until(client, complete)
        with pytest.raises(PoisonedError):
            client.search("fault:bloat", mode="keyword", timeout_s=BOUND_S)
        assert client.search("early", mode="keyword").hits
        after = status_until(client, complete)
        assert all(worker["rss_bytes"] < 256 << 20 for worker in after.workers)
