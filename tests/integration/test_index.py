"""The index of many vectors: built beside the work, taken up by every reader, right at any moment."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.settings import Settings
from memmux.files import private
from memmux.files.lock import FileLock
from memmux.wire.requests import Store
from tests.integration.helpers import gone, status_until
from workers.index import segment as segments
from workers.tasks.build_segment import NICENESS

COUNT = 1_500
DIMENSIONS = 384  # as the hash embedder's
BATCH = 250


def vector(number: int) -> list[float]:
    chance = random.Random(number)  # noqa: S311  # the same numbers each time
    return [chance.gauss(0, 1) for _ in range(DIMENSIONS)]


def fill(client: Client, numbers: range) -> list[str]:
    ids: list[str] = []
    for start in range(numbers.start, numbers.stop, BATCH):
        some = range(start, min(start + BATCH, numbers.stop))
        memories = [Store(content=f"memory {number}") for number in some]
        ids += [stored.id for stored in client.store_batch(memories, vectors=[vector(number) for number in some])]
    return ids


def found(client: Client, number: int) -> str:
    """The content of the memory that is nearest to the vector of a number."""
    return client.search("anything", mode="semantic", limit=3, vector=vector(number)).hits[0].memory.content


@pytest.fixture
def many(settings: Settings) -> Settings:
    return replace(settings, index_from=1_000)


@contextmanager
def builders_waiting(settings: Settings) -> Iterator[None]:
    """Have every builder of the index wait: they build one at a time, and here is who has the lock for that."""
    folder = segments.folder(settings.database)
    private.make_folder(folder)
    with FileLock(folder / "lock") as lock:
        lock.wait()
        yield


def test_index_is_built_beside_the_work_and_every_reader_takes_it_up(many: Settings) -> None:
    with Client(settings=many) as client:
        client.status()
        with builders_waiting(many):
            ids = fill(client, range(COUNT))
            assert client.status().index["state"] in ("none", "building")
            assert found(client, 11) == "memory 11"
        built = status_until(client, lambda status: status.index["state"] == "ready")
        assert built.index["vectors"] == COUNT
        client.delete(ids[11])
        fill(client, range(COUNT, COUNT + 10))
        for _ in range(8):  # whichever reader it is
            assert found(client, 11) != "memory 11"
            assert found(client, COUNT + 3) == f"memory {COUNT + 3}"
            verified = client.verify()
            assert (verified.vectors, verified.drifted) == (COUNT + 9, 0)
        client.stop()
    with Client(settings=many) as client:  # the next cluster starts with what is there
        assert found(client, 12) == "memory 12"
        assert found(client, 11) != "memory 11"
        status_until(client, lambda status: status.index["state"] == "ready")


def test_killed_router_takes_the_build_with_it_and_the_next_cluster_builds(many: Settings) -> None:
    with Client(settings=many) as client:
        client.status()
        with builders_waiting(many):
            fill(client, range(COUNT))
            building = status_until(client, lambda _status: bool(_builders(many)))
            builders = _builders(many)
            os.kill(building.pid, signal.SIGKILL)
            gone(builders)
        assert found(client, 11) == "memory 11"
        status_until(client, lambda status: status.index["state"] == "ready")
        assert found(client, 11) == "memory 11"


def _builders(settings: Settings) -> Sequence[int]:
    """The pids of the processes that build this database's index: they are nicer as soon as they watch their parent."""
    flag = f"--database={settings.database}"
    niceness = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [pid for pid in pids if {"segment", flag} <= _words(pid) and _niceness(pid) >= niceness]


def _words(pid: int) -> set[str]:
    try:
        return set(Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0"))
    except OSError:
        return set()


def _niceness(pid: int) -> int:
    try:
        return os.getpriority(os.PRIO_PROCESS, pid)
    except OSError:
        return 0
