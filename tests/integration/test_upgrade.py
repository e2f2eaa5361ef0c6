"""One cluster takes the place of another while clients go on; the versions are really different ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faults import editions, upgrade
from bench.faults.editions import Edition
from bench.harness.arena import Arena, arena
from memmux import AsyncClient, Client
from memmux.cluster import ping as pings
from memmux.cluster.endpoint import read
from memmux.cluster.replace import restart
from memmux.cluster.steps import run
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ProtocolVersionError
from memmux.processes import alive
from memmux.version import __version__
from tests.bounds import BOUND_S, PONG_S, pause
from tests.import_path import python_path
from tests.integration.helpers import complete, gone, lines_of, pids_of, status_until

pytestmark = pytest.mark.spawned

CLIENTS = 16


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """memmux of a later version."""
    return _edition(tmp_path_factory.mktemp("newer"))


def _edition(folder: Path) -> Edition:
    """memmux of a later version, to whom a cluster is not dead that stands still for a moment."""
    made = editions.make(folder, editions.later())
    ping = folder / "code" / "memmux" / "cluster" / "ping.py"
    text = ping.read_text()
    assert "PONG_S = 3.0 " in text
    ping.write_text(text.replace("PONG_S = 3.0 ", f"PONG_S = {PONG_S} "))
    return made


def _restart(edition: Edition, settings: Settings) -> dict[str, object]:
    ended = subprocess.run(
        edition.command(settings, "restart", "--json"), capture_output=True, timeout=BOUND_S, check=False
    )
    document: dict[str, object] = json.loads(ended.stdout or ended.stderr)
    return document


def _events(settings: Settings, process: str = "router") -> list[dict[str, object]]:
    logs = Places(settings).logs  # two that run at once have a file each
    found = [line for log in logs.glob(f"{process}*.jsonl") for line in lines_of(log)]
    return sorted(found, key=lambda line: str(line["timestamp"]))


def _event(settings: Settings, name: str) -> dict[str, object]:
    """The last event of that name, once it is there."""
    until = time.monotonic() + BOUND_S
    while not (found := [line for line in _events(settings) if line["event"] == name]):
        assert time.monotonic() < until, f"there was no {name}"
        pause()
    return found[-1]


@pytest.fixture
def siege() -> Iterator[Arena]:
    with arena(embedder=EmbedderChoice.HASH, **upgrade.PATIENT) as here:
        yield here


def test_no_call_fails_and_nothing_is_lost_while_versions_change_under_load(siege: Arena, newer: Edition) -> None:
    options = upgrade.Options(clients=CLIENTS, rounds=2, steady_s=1.0)
    found = upgrade.run(siege, [editions.this(), newer], options)
    print(f"pauses: {found.pauses_s} s")  # noqa: T201 - measured, and shown with -s
    assert found.cases == []
    assert found.left == {}
    assert [(one.before, one.after) for one in found.hand_overs] == [
        (__version__, newer.version),
        (newer.version, __version__),
    ]
    answered = {entry.client for entry in found.entries if entry.at > found.hand_overs[-1].ended}
    assert len(answered) == CLIENTS
    assert max(found.pauses_s) < BOUND_S  # how long the pause is, is measured in bench


def test_hand_over_is_told_by_both_routers_and_leaves_one(client: Client, settings: Settings, newer: Edition) -> None:
    client.store("before")
    old = status_until(client, complete)
    told = _restart(newer, settings)
    assert told["before"] == {"pid": old.pid, "version": __version__}
    new = client.status()
    assert (new.version, new.pid) == (newer.version, told["pid"])
    assert [memory.content for memory in client.list()] == ["before"]
    gone(pids_of(old))
    began, ended = _event(settings, "hand_over_began"), _event(settings, "hand_over_finished")
    assert began["successor"] == ended["successor"] == new.pid
    assert began["pid"] == ended["pid"] == old.pid
    assert float(str(ended["seconds"])) > 0
    assert _event(settings, "database_taken_over")["pid"] == new.pid
    endpoint = read(Places(settings))
    assert endpoint is not None
    assert endpoint.pid == new.pid


async def _two_calls(settings: Settings, between: threading.Event, asked: threading.Event) -> tuple[int, int]:
    import asyncio

    async with AsyncClient(settings=settings, name="idle") as client:
        before = (await client.status()).pid
        asked.set()
        await asyncio.to_thread(between.wait, BOUND_S)
        return before, (await client.status()).pid


def test_idle_client_finds_the_successor_with_its_next_call(settings: Settings, newer: Edition) -> None:
    import asyncio

    between, asked = threading.Event(), threading.Event()
    seen: list[tuple[int, int]] = []
    idle = threading.Thread(target=lambda: seen.append(asyncio.run(_two_calls(settings, between, asked))))
    idle.start()
    assert asked.wait(BOUND_S)
    told = _restart(newer, settings)
    between.set()
    idle.join(BOUND_S)
    assert seen == [(told["before"]["pid"], told["pid"])]  # type: ignore[index]  # it is an object


def test_successor_that_can_not_start_leaves_the_cluster_as_it_is(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    broken = _edition(tmp_path)
    (tmp_path / "code" / "workers" / "embed.py").write_text("raise SystemExit('no such luck')\n")
    (tmp_path / "code" / "workers" / "write.py").write_text("raise SystemExit('no such luck')\n")
    client.store("before")
    old = client.status()
    told = _restart(broken, settings)
    assert told["error"]["code"] == "hand_over_failed"  # type: ignore[index]  # it is an object
    assert __version__ in told["error"]["message"]  # type: ignore[index]  # the same
    assert client.status().pid == old.pid
    assert [line["event"] for line in _events(settings)].count("hand_over_began") == 0


def test_cluster_serves_again_when_its_successor_can_not_use_the_database(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    broken = _edition(tmp_path)
    code = "from memmux.errors import DatabaseForeignError\nfrom workers.runtime.jobs import silent\n"
    write = tmp_path / "code" / "workers" / "write.py"
    opening = "    def open(self, alive: Alive = silent) -> None:\n"
    text = write.read_text()
    assert opening in text
    write.write_text(
        text.replace(opening, f"{opening}        raise DatabaseForeignError('not mine')\n").replace(
            "import math\n", f"import math\n{code}", 1
        )
    )
    stored = client.store("before")
    old, found = client.status(), read(Places(settings))
    told = _restart(broken, settings)
    assert told["error"]["code"] == "hand_over_failed"  # type: ignore[index]  # it is an object
    assert "not mine" in told["error"]["message"]  # type: ignore[index]  # the same
    after = client.status()
    assert after.version == old.version
    assert found is not None
    assert found.detached
    assert read(Places(settings)) == found, "it is not the same as before for who would upgrade it"
    assert client.get(stored.id).content == "before"
    assert client.store("after").status == "created"
    assert _event(settings, "hand_over_failed")["pid"] == old.pid


def test_cluster_serves_again_when_its_successor_is_killed_half_way(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    slow = _edition(tmp_path)
    write = tmp_path / "code" / "workers" / "write.py"
    opening = "    def open(self, alive: Alive = silent) -> None:\n"
    halt = "        import time\n        while True:\n            alive()\n            time.sleep(0.05)\n"
    write.write_text(write.read_text().replace(opening, f"{opening}{halt}"))
    client.store("before")
    old = client.status()
    with subprocess.Popen(slow.command(settings, "restart", "--json"), stderr=subprocess.PIPE) as restarting:
        successor = _event(settings, "database_taken_over")["pid"]
        assert isinstance(successor, int)
        os.kill(successor, signal.SIGKILL)
        assert restarting.stderr is not None
        told = json.loads(restarting.stderr.read())
    assert told["error"]["code"] == "hand_over_failed"
    assert client.status().version == old.version
    assert [memory.content for memory in client.list()] == ["before"]
    assert not alive(successor)


def test_request_that_takes_longer_than_a_hand_over_may_is_done_by_the_successor(
    settings: Settings, newer: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the first cluster knows the fault, which makes a search endless.
    clean = dict(os.environ)
    monkeypatch.setenv("PYTHONPATH", python_path(Path(__file__).parents[1] / "faults"))
    found: list[int] = []

    def search() -> None:
        with Client(settings=settings, name="patient") as patient:
            found.append(len(patient.search("fault:slow text", mode="keyword", timeout_s=BOUND_S).hits))

    with Client(settings=settings) as client:
        client.store("a text about a fault")
        searching = threading.Thread(target=search)
        searching.start()
        status_until(client, lambda status: any(one["in_flight"] for one in status.workers))
        ended = subprocess.run(
            newer.command(settings, "restart", "--json"), capture_output=True, check=True, timeout=BOUND_S, env=clean
        )
        searching.join(BOUND_S)
        assert found == [1]
        assert client.status().pid == json.loads(ended.stdout)["pid"]


def test_a_router_that_answers_late_is_the_one_of_before(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = client.status().pid
    monkeypatch.setattr(pings, "PONG_S", 0.0)
    before, after = run(restart(settings))
    assert before is not None
    assert (before.pid, after.pid != pid) == (pid, True)


def test_restart_without_a_cluster_starts_one(settings: Settings) -> None:
    before, after = run(restart(settings))
    assert before is None
    with Client(settings=settings, start=False) as client:
        assert client.status().pid == after.pid


def test_newer_client_upgrades_the_cluster_and_an_older_one_does_not_turn_it_back(
    client: Client, settings: Settings, newer: Edition
) -> None:
    client.store("before")
    search = [*newer.command(settings, "search", "before", "--mode", "keyword", "--json")]
    found = json.loads(subprocess.run(search, capture_output=True, check=True, timeout=BOUND_S).stdout)
    assert len(found["hits"]) == 1
    upgraded = client.status()
    assert upgraded.version == newer.version
    with Client(settings=settings, name="older") as older:
        older.store("by an older client")
        assert older.status().pid == upgraded.pid
    assert json.loads(subprocess.run(search, capture_output=True, check=True, timeout=BOUND_S).stdout)["hits"]
    assert client.status().pid == upgraded.pid


def test_newer_clients_at_once_upgrade_once(client: Client, settings: Settings, newer: Edition) -> None:
    client.store("before")
    command = newer.command(settings, "search", "before", "--mode", "keyword", "--json")
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
    answers = [json.loads(process.communicate(timeout=BOUND_S)[0]) for process in processes]
    assert all(len(answer["hits"]) == 1 for answer in answers)
    assert client.status().version == newer.version
    assert [line["event"] for line in _events(settings)].count("database_taken_over") == 1


def test_cluster_that_somebody_watches_over_is_not_upgraded_by_a_client(
    settings_env: dict[str, str], newer: Edition
) -> None:
    settings = load(environment=settings_env)
    with subprocess.Popen(editions.this().command(settings, "serve")) as serving:
        try:
            until = time.monotonic() + BOUND_S
            while read(Places(settings)) is None:
                assert time.monotonic() < until
                pause()
            subprocess.run(newer.command(settings, "store", "a text"), check=True, capture_output=True, timeout=BOUND_S)
            with Client(settings=settings, start=False) as client:
                assert client.status().version == __version__
        finally:
            serving.terminate()
    assert serving.returncode == 0


def test_serve_takes_over_when_told(client: Client, settings: Settings) -> None:
    client.store("before")
    old = client.status()
    with subprocess.Popen(editions.this().command(settings, "serve", "--take-over")) as serving:
        try:
            gone([old.pid])
            assert client.status().pid == serving.pid
            assert [memory.content for memory in client.list()] == ["before"]
        finally:
            serving.terminate()
    assert serving.returncode == 0


@pytest.mark.parametrize("side", ["client", "cluster"])
def test_protocols_that_do_not_overlap_are_told_with_the_side_to_upgrade(
    side: str, settings: Settings, tmp_path: Path
) -> None:
    other = editions.make(tmp_path, __version__)
    protocol = tmp_path / "code" / "memmux" / "wire" / "protocol.py"
    text = (
        protocol.read_text()
        .replace("VERSION: Final = 1 ", "VERSION: Final = 2 ")
        .replace("OLDEST: Final = 1 ", "OLDEST: Final = 2 ")
    )
    protocol.write_text(text)
    if side == "client":  # the client is the older one
        subprocess.run(other.command(settings, "store", "a text"), check=True, capture_output=True, timeout=BOUND_S)
        try:
            with Client(settings=settings, start=False) as client, pytest.raises(ProtocolVersionError) as raised:
                client.status()
            assert "upgrade" in raised.value.message
        finally:
            subprocess.run(other.command(settings, "stop"), check=True, capture_output=True, timeout=BOUND_S)
        return
    with Client(settings=settings) as client:
        client.store("a text")
        ended = subprocess.run(
            other.command(settings, "get", "0", "--json"), capture_output=True, timeout=BOUND_S, check=False
        )
        told = json.loads(ended.stderr)["error"]
        assert told["code"] == "protocol_version"
        assert "upgrade" in told["message"]
