"""Other programs and long reads: a write waits for a lock, and a log that can't shrink is said and ended."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import apsw
import pytest

from memmux import Client, Store
from memmux.config.settings import Settings
from memmux.errors import (
    MemmuxError,
    StorageBusyError,
)
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import complete, pids_of, status_until, workers_of

TRIES = 3
WORDS = f"{'x' * 999} " * 600  # six hundred kilobytes that are soon embedded


@pytest.mark.usefixtures("faults")
def test_read_in_the_way_of_a_large_log_ends_and_the_log_shrinks(settings: Settings) -> None:
    settings = replace(settings, wal_mb=1)
    with Client(settings=settings) as client, Client(settings=settings, name="stuck") as stuck:
        client.store("an early memory")
        before = status_until(client, complete)
        failed: list[str] = []

        def read() -> None:
            try:
                stuck.search("fault:slow", mode="keyword", timeout_s=BOUND_S)
            except MemmuxError as error:
                failed.append(error.code)

        reading = threading.Thread(target=read)
        reading.start()
        status_until(client, lambda status: status.oldest_read_s > 1)  # it has begun, and the log grows behind it
        client.store_batch([Store(content=f"{number} {WORDS}") for number in range(12)])
        status_until(client, lambda status: status.events.get("made_way", 0) > 0)
        status_until(client, lambda status: status.wal_bytes < 1 << 20 and "log_large" not in status.degraded)
        reading.join(BOUND_S)
        assert failed
        assert failed[0] in ("busy", "deadline_exceeded")  # it was sent again, and made way again
        assert pids_of(client.status()) == pids_of(before)


def test_writes_wait_for_another_programs_lock_and_then_say_busy(settings: Settings) -> None:
    settings = replace(settings, stall_s=4.0)  # less than a write waits
    with Client(settings=settings) as client, closing(_another(client, settings)) as other:
        for _ in range(TRIES):
            before = status_until(client, complete)
            failed, reads = _shut(client, other)
            client.store("a late memory")
            stayed = workers_of(client.status(), "write") == workers_of(before, "write")
            if stayed and reads > 1:
                break  # or else it was killed, as one is that stood still, or this process stood still
        assert stayed, "a writer that waits for a lock is taken to be one that hangs"
        assert len(failed) == 1
        assert "another program" in failed[0].lower()
        assert reads > 1, "the first one may have ended only with the write"


def _shut(client: Client, other: apsw.Connection) -> tuple[list[str], int]:
    """Store while another program has the lock; return what that failed of, and how often was read meanwhile."""
    failed: list[str] = []

    def write() -> None:
        with Client(settings=client.settings, name="writer") as writer:
            try:
                writer.store("a memory that finds the door shut")
            except StorageBusyError as error:
                failed.append(error.message)

    other.execute("BEGIN IMMEDIATE")
    writing = threading.Thread(target=write)
    writing.start()
    reads = 0
    while writing.is_alive():
        assert client.search("early", mode="keyword").hits
        reads += 1
        pause()
    other.execute("ROLLBACK")
    return failed, reads


def _another(client: Client, settings: Settings) -> apsw.Connection:
    """Return the connection of another program to the client's database, which has a memory by then."""
    client.store("an early memory")
    other = apsw.Connection(str(settings.database))
    other.set_busy_timeout(int(BOUND_S * 1000))  # the writer commits when it likes
    return other


def test_log_that_another_programs_reader_holds_is_reported_and_shrinks_again(settings: Settings) -> None:
    settings = replace(settings, wal_mb=1)
    with Client(settings=settings) as client, closing(_another(client, settings)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM memories").fetchall()
        for number in range(12):
            client.store(f"{number} {WORDS}")
        status_until(client, lambda status: status.wal_bytes > 4 << 20 and "log_large" in status.degraded)
        other.execute("ROLLBACK")
        after = status_until(client, lambda status: status.wal_bytes < 1 << 20 and "log_large" not in status.degraded)
        assert after.memories == 13
