"""Faults: whatever is killed, stopped, full, exchanged or held, users see nothing, or one clear error."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
import zmq

from memmux import AsyncClient, Client
from memmux.cluster import endpoint as endpoints
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import (
    DatabaseReplacedError,
    DeadlineExceededError,
    MemmuxError,
    PoisonedError,
    StorageBusyError,
    StorageFullError,
    StoragePermissionError,
)
from memmux.processes import alive
from memmux.wire import protocol, sockets
from memmux.wire.answers import Status
from memmux.wire.protocol import Header, Kind
from tests.bounds import BOUND_S, pause
from tests.import_path import python_path
from tests.integration.helpers import all_ready, complete, gone, pids_of, status_until, workers_of
from tests.integration.machines import logged, memmux

WORDS = f"{'x' * 999} " * 600  # six hundred kilobytes that are soon embedded
FAULTS = Path(__file__).parents[1] / "faults"


def _moved_away(database: Path) -> None:
    database.rename(database.with_name("moved.db"))


def _exchanged(database: Path) -> None:
    """Another database of ours takes its place: one that was copied before it had the test's memories."""
    database.with_name("other.db").replace(database)


def _copy(database: Path) -> None:
    """Put a consistent copy of the database beside it."""
    with closing(apsw.Connection(str(database))) as source:
        source.execute("VACUUM INTO ?", (str(database.with_name("other.db")),))


@pytest.mark.parametrize("fault", [Path.unlink, _moved_away, _exchanged])
def test_cluster_whose_database_is_exchanged_stops_and_the_next_one_serves_what_is_there(
    client: Client, settings: Settings, fault: Callable[[Path], None]
) -> None:
    client.store("in every copy")
    _copy(settings.database)
    for number in range(20):
        client.store(f"in the old database alone {number}")
    before = status_until(client, complete)
    fault(settings.database)
    gone(pids_of(before))  # though nobody asks for anything
    with Client(settings=settings, name="next") as other:
        after = other.store("in the new database")
        left = {memory.content for memory in other.list(limit=100)}
    assert after.status == "created"
    assert left == {"in the new database"} | ({"in every copy"} if fault is _exchanged else set())
    with closing(apsw.Connection(str(settings.database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        assert connection.pragma("integrity_check") == "ok"


def test_write_to_an_exchanged_database_says_so_or_goes_to_the_next_cluster(client: Client, settings: Settings) -> None:
    client.store("in every copy")
    _copy(settings.database)
    client.store("in the old database alone")
    before = status_until(client, complete)
    _exchanged(settings.database)
    try:
        client.store("whose database is this")
    except DatabaseReplacedError:
        client.store("whose database is this")
    assert {memory.content for memory in client.list()} == {"in every copy", "whose database is this"}
    gone(pids_of(before))


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch, short_tmp: Path) -> Path:
    """Let the clusters of this test obey faults; the file that makes writes fail while it holds an errno's name."""
    order = short_tmp / "errno"
    monkeypatch.setenv("PYTHONPATH", python_path(FAULTS))
    monkeypatch.setenv("MEMMUX_TEST_ERRNO", str(order))
    return order


@pytest.fixture
def small_disk(short_tmp: Path) -> Iterator[Path]:
    """A folder with a file system of its own, of 8 MB."""
    folder = short_tmp / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]
    mounted = subprocess.run(mount, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)  # noqa: S607  # the same


def _fill_the_log(client: Client) -> None:
    """Store until the write-ahead log has no room any more that the disk has given it already."""
    for number in range(100):
        client.store(f"{number} fits " * 80_000, namespace="fits")


def _go_on_reading_while_writes_fail(client: Client, error: type[MemmuxError]) -> None:
    with pytest.raises(error):
        _fill_the_log(client)
    for number in range(3):
        with pytest.raises(error):
            client.store(f"{number} too many " * 80_000)
        assert [hit.memory.content for hit in client.search("early", mode="keyword").hits] == ["an early memory"]


@pytest.mark.parametrize(
    ("errno", "error"),
    [("ENOSPC", StorageFullError), ("EDQUOT", StorageFullError), ("EROFS", StoragePermissionError)],
)
def test_writes_that_the_disk_refuses_fail_alone_until_it_takes_them_again(
    faults: Path, settings: Settings, errno: str, error: type[MemmuxError]
) -> None:
    with Client(settings=settings) as client:
        client.store("an early memory")
        before = status_until(client, complete)
        faults.write_text(errno)
        _go_on_reading_while_writes_fail(client, error)
        faults.unlink()
        client.store("a late memory")
        assert {memory.content for memory in client.list()} == {"an early memory", "a late memory"}
        assert pids_of(client.status()) == pids_of(before)


def _fill(ballast: Path) -> None:
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while file.write(os.urandom(1 << 16)):
            pass


def test_writes_to_a_full_disk_go_on_when_there_is_space(small_disk: Path, settings: Settings) -> None:
    settings = replace(settings, database=small_disk / "memories.db")
    with Client(settings=settings) as client:
        client.store("an early memory")
        before = status_until(client, complete)
        ballast = small_disk / "ballast"
        _fill(ballast)
        _go_on_reading_while_writes_fail(client, StorageFullError)
        ballast.unlink()
        client.store("a late memory")
        assert {memory.content for memory in client.list()} == {"an early memory", "a late memory"}
        assert pids_of(client.status()) == pids_of(before)
        client.stop()


def test_keys_on_a_full_disk_say_so_and_stay_as_they_were(
    small_disk: Path, settings_env: dict[str, str], short_tmp: Path
) -> None:
    env = {**settings_env, "MEMMUX_DATABASE": str(small_disk / "memories.db"), "HOME": str(short_tmp)}
    file = short_tmp / "ada.json"
    made = ["key", "add", "ada", "--role", "write", "--endpoint", "tcp://localhost:7700", "--out", str(file)]
    assert memmux(env, *made).returncode == 0
    kept = {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()}
    ballast = small_disk / "ballast"
    _fill(ballast)
    for arguments in (
        ["key", "add", "eve", "--role", "write", "--http"],
        [
            "key",
            "add",
            "bob",
            "--role",
            "write",
            "--endpoint",
            "tcp://localhost:7700",
            "--out",
            str(small_disk / "bob.json"),
        ],
        [
            "key",
            "add",
            "bob",
            "--role",
            "write",
            "--endpoint",
            "tcp://localhost:7700",
            "--out",
            str(short_tmp / "bob.json"),
        ],
        ["key", "revoke", "ada"],
        ["web", "--logout"],
        ["install", "cursor", "--http"],
    ):
        ended = memmux(env, *arguments, "--json")
        error = json.loads(ended.stderr)["error"]
        assert (error["code"], error["retryable"]) == ("storage_full", True), arguments
        assert "free some space" in error["message"]
    ballast.unlink()
    assert {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file() and path in kept} == kept
    assert not (short_tmp / "bob.json").exists()
    assert memmux(env, "key", "add", "eve", "--role", "write", "--http").returncode == 0


def test_cluster_that_starts_on_a_full_disk_serves_what_is_there_and_writes_when_there_is_space(
    small_disk: Path, settings: Settings
) -> None:
    settings = replace(settings, database=small_disk / "memories.db", state_dir=small_disk / "state")
    with Client(settings=settings) as client:
        client.store("an early memory")
        client.stop()
    files = set(small_disk.iterdir())
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(os.urandom(1 << 12)):
            pass
    with Client(settings=settings) as client:
        for number in range(3):
            assert [memory.content for memory in client.list()] == ["an early memory"]
            found = client.search("early", mode="keyword")
            assert "storage_full" in found.degraded
            assert [hit.memory.content for hit in found] == ["an early memory"]
            with pytest.raises(StorageFullError, match="free some space"):
                client.store(f"{number} too many")
        with Client(settings=settings) as second:  # finds the same cluster
            assert second.status().pid == client.status().pid
        ballast.unlink()
        status_until(client, complete)
        client.store("a late memory")
        assert {memory.content for memory in client.list()} == {"an early memory", "a late memory"}
        client.stop()
    assert set(small_disk.iterdir()) == files  # nothing was left by any try


def test_database_that_can_not_be_made_on_a_full_disk_is_said(small_disk: Path, settings: Settings) -> None:
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(os.urandom(1 << 12)):
            pass
    settings = replace(settings, database=small_disk / "memories.db")
    with pytest.raises(StorageFullError, match="free some space"), Client(settings=settings) as client:
        client.status()
    ballast.unlink()
    with Client(settings=settings) as client:
        client.store("a late memory")
        client.stop()


@pytest.mark.parametrize("kind", ["read", "write", "embed"])
def test_stopped_worker_is_replaced_and_its_requests_are_done_elsewhere(settings: Settings, kind: str) -> None:
    with Client(settings=replace(settings, stall_s=2.0)) as client:
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
    with Client(settings=replace(settings, stall_s=1.5)) as client:
        client.store("an early memory")
        before = status_until(client, complete)
        with pytest.raises(PoisonedError):
            client.search("fault:hang read", mode="keyword", timeout_s=BOUND_S)
        assert client.search("early", mode="keyword").hits
        after = status_until(client, complete)
        assert sum(worker["restarts"] for worker in after.workers) == 3
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
    settings = replace(settings, stall_s=2)
    with Client(settings=settings) as client, Client(settings=settings, name="hung") as hung:
        client.store("an early memory")
        before = status_until(client, complete)
        hanging = threading.Thread(target=_search_in_vain, args=(hung,))
        if fault == "stopped":
            for worker in before.workers:
                os.kill(worker["pid"], signal.SIGSTOP)
        elif fault == "hanging":
            hanging.start()
            status_until(client, lambda status: any(worker["in_flight"] for worker in status.workers))
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
    """As on a laptop that was asleep."""
    settings = load({"stall_s": 2.0}, settings_env)
    with Client(settings=settings) as client:
        client.store("before the night")
        before = status_until(client, complete)
        pids = pids_of(before)
        for pid in reversed(pids):
            os.kill(pid, signal.SIGSTOP)
        try:
            until = time.monotonic() + 3 * settings.stall_s
            while time.monotonic() < until:  # nothing happens that could be waited for
                assert all(map(alive, pids))
                pause()
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert [hit.memory.content for hit in client.search("night", mode="keyword").hits] == ["before the night"]
        assert client.store("in the morning").status == "created"
        assert pids_of(status_until(client, complete)) == pids
        assert len(logged(settings_env, "router_stood_still")) == 1


def _search_in_vain(client: Client) -> None:
    with suppress(MemmuxError):
        client.search("fault:hang read", mode="keyword", timeout_s=3)


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
    with Client(settings=settings) as client, Client(settings=settings, name="fat") as fat:
        client.store("an early memory")
        before = status_until(client, lambda status: len(status.workers) == 3 and all_ready(status))
        ended: list[str] = []

        def fatten() -> None:
            with suppress(DeadlineExceededError):
                fat.search("fault:fatten", mode="keyword", timeout_s=12)
            ended.append("the fat one")

        fattening = threading.Thread(target=fatten)
        fattening.start()
        old = workers_of(before, "read")
        status_until(client, lambda status: {"ready"} == _states(status, "read") and workers_of(status, "read") != old)
        assert client.search("early", mode="keyword").hits
        assert not ended
        fattening.join(BOUND_S)
        assert ended
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


@pytest.mark.usefixtures("faults")
def test_read_in_the_way_of_a_large_log_ends_and_the_log_shrinks(settings: Settings) -> None:
    settings = replace(settings, wal_mb=1)
    with Client(settings=settings) as client, Client(settings=settings, name="stuck") as stuck:
        client.store("an early memory")
        before = status_until(client, complete)
        failed: list[str] = []

        def read() -> None:
            try:
                stuck.search("fault:slow", mode="keyword", timeout_s=9)
            except MemmuxError as error:
                failed.append(error.code)

        reading = threading.Thread(target=read)
        reading.start()
        status_until(client, lambda status: any(worker["in_flight"] for worker in status.workers))
        for number in range(12):
            client.store(f"{number} {WORDS}")
        status_until(client, lambda status: status.wal_bytes > 4 << 20 and "log_large" in status.degraded)
        status_until(client, lambda status: status.wal_bytes < 1 << 20 and "log_large" not in status.degraded)
        reading.join(BOUND_S)
        assert failed
        assert failed[0] in ("busy", "deadline_exceeded")  # it was sent again, and made way again
        assert pids_of(client.status()) == pids_of(before)


def test_writes_wait_for_another_programs_lock_and_then_say_busy(settings: Settings) -> None:
    settings = replace(settings, stall_s=2.0)  # less than a write waits
    with Client(settings=settings) as client, closing(_another(client, settings)) as other:
        before = status_until(client, complete)
        other.execute("BEGIN IMMEDIATE")
        failed: list[str] = []

        def write() -> None:
            with Client(settings=settings, name="writer") as writer:
                try:
                    writer.store("a memory that finds the door shut")
                except StorageBusyError as error:
                    failed.append(error.message)

        writing = threading.Thread(target=write)
        writing.start()
        reads = 0
        while writing.is_alive():
            assert client.search("early", mode="keyword").hits
            reads += 1
            pause()
        assert len(failed) == 1
        assert "another program" in failed[0].lower()
        assert reads > 1
        other.execute("ROLLBACK")
        client.store("a late memory")
        assert pids_of(client.status()) == pids_of(before)


def _another(client: Client, settings: Settings) -> apsw.Connection:
    """Return the connection of another program to the client's database, which has a memory by then."""
    client.store("an early memory")
    return apsw.Connection(str(settings.database))


def test_log_that_another_programs_reader_holds_is_reported_and_shrinks_again(settings: Settings) -> None:
    with Client(settings=settings) as client, closing(_another(client, settings)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM memories").fetchall()
        for number in range(12):
            client.store(f"{number} {WORDS}")
        status_until(client, lambda status: status.wal_bytes > 4 << 20)
        other.execute("ROLLBACK")
        after = status_until(client, lambda status: status.wal_bytes < 1 << 20)
        assert after.memories == 13
        assert after.oldest_read_s < 1


def test_flood_is_refused_at_once_and_other_clients_are_served(client: Client, settings: Settings) -> None:
    client.store("an early memory")
    before = status_until(client, complete)
    endpoint = endpoints.read(Places(settings))
    assert endpoint is not None
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    flooders = [sockets.dealer(context, endpoint.address) for _ in range(16)]
    asked = 512  # by each: twice of what one client may have in flight
    body = b'{"query":"early","mode":"exact","limit":1,"filter":{}}'
    try:
        for number, flooder in enumerate(flooders):
            hello = {"protocol": [1, 1], "name": "flood", "pid": os.getpid(), "version": "0", "instance": str(number)}
            flooder.send_multipart(protocol.encode(Header(kind=Kind.HELLO, detail=hello)))
            for count in range(asked):
                request_id = f"{number}-{count}"
                header = Header(kind=Kind.REQUEST, id=request_id, operation="memory.match", deadline_ms=60_000)
                flooder.send_multipart(protocol.encode(header, body))
        assert client.search("early", mode="keyword").hits  # in its turn, not behind the flood
        refused = 0
        for flooder in flooders:
            flooder.rcvtimeo = round(BOUND_S * 1000)
            left = {f"{flooders.index(flooder)}-{count}" for count in range(asked)}
            while left:
                header = protocol.decode(flooder.recv_multipart()).header
                left.discard(header.id)
                if header.kind is Kind.ERROR:
                    refused += 1
                    assert header.detail["code"] == "overloaded"
                    assert header.detail["retry_after_ms"] > 0
    finally:
        context.destroy(linger=0)
    assert refused > 0
    after = client.status()
    assert pids_of(after) == pids_of(before)
    assert after.rss_bytes - before.rss_bytes < 32 << 20


def test_clients_that_ask_for_more_than_there_is_get_it_all_done(settings: Settings) -> None:
    with Client(settings=settings) as client:
        client.status()
        ids: list[str] = []

        def store_all(number: int) -> None:
            async def run() -> None:
                async with AsyncClient(settings=settings, name=f"client-{number}") as many:
                    stores = [many.store(f"memory {number}-{count}", timeout_s=BOUND_S) for count in range(40)]
                    ids.extend(stored.id for stored in await asyncio.gather(*stores))

            asyncio.run(run())

        threads = [threading.Thread(target=store_all, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND_S)
        assert len(set(ids)) == 64 * 40
        assert client.status().memories == 64 * 40
