"""The fork server: it is a gain and never a condition, and what it forks is the router's own."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.errors import PoisonedError
from memmux.processes import _stat, command
from memmux.wire.answers import Status
from memmux.wire.forks import KIND
from tests.bounds import BOUND_S, pause
from tests.conftest import stop_cluster
from tests.import_path import python_path
from tests.integration.helpers import complete, gone, pids_of, status_until, workers_of
from tests.integration.machines import logged, logged_until
from tests.unit.workers.embedding.capitals import tell_capitals
from workers.embedding import onnx_backend, sources

pytestmark = [pytest.mark.spawned, pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")]

FAULTS = Path(__file__).parents[1] / "faults"
KINDS = ("read", "write", "embed")


@pytest.fixture(autouse=True)
def restless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have fork servers stay, except in tests of how they end, and not be given up while they are only slow."""
    monkeypatch.setenv("PYTHONPATH", python_path(FAULTS))
    if "rests" not in request.node.name:
        monkeypatch.setenv("MEMMUX_TEST_NO_REST", "1")
    if "is_stopped" not in request.node.name:
        monkeypatch.setenv("MEMMUX_TEST_ANSWER_S", f"{BOUND_S}")


def _server(env: dict[str, str], *before: int) -> int:
    """The pid of the fork server that is ready, other than those before."""
    line = logged_until(env, "fork_server_ready", lambda line: line["fork_server_pid"] not in before)
    return int(line["fork_server_pid"])


def _ready(client: Client) -> Status:
    return status_until(client, complete)


def _replaced(client: Client, before: Status) -> Status:
    """The status once no worker is one of those before, and all are ready."""
    old = {worker["pid"] for worker in before.workers}
    return status_until(client, lambda status: complete(status) and not old & {w["pid"] for w in status.workers})


def _stack(pid: int) -> bytes:
    """Where the stack of a process begins: a forked one has that of the process that it was forked from."""
    return _stat(pid).rpartition(b") ")[2].split()[25]


def _opened(pid: int) -> dict[str, str]:
    """Where the descriptors of a process lead to, without those that it closes meanwhile."""
    opened = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            opened[entry.name] = os.readlink(entry)  # noqa: PTH115  # it is no path
    return opened


def _zombies(pid: int) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):  # it has just been collected
            if child.status() == psutil.STATUS_ZOMBIE:
                found.append(child)
    return found


def _until(good: Callable[[], object]) -> None:
    until = time.monotonic() + BOUND_S
    while not good():
        assert time.monotonic() < until
        pause()


@pytest.mark.shared
def test_workers_are_forked_and_each_is_a_child_of_the_router_under_its_own_name(
    client: Client, settings_env: dict[str, str], settings: Settings
) -> None:
    status = _ready(client)
    server = _server(settings_env)
    for worker in status.workers:
        words = command(worker["pid"]).decode().split("\0")
        assert words[:6] == [words[0], "-P", "-m", "workers", worker["kind"], words[5]]
        assert words[5].startswith(f"--identity={worker['name']}-")
        assert f"--database={settings.database}" in words
        assert KIND not in words
        assert psutil.Process(worker["pid"]).ppid() == status.pid
        assert _stack(worker["pid"]) == _stack(server)
    assert psutil.Process(server).ppid() == status.pid


@pytest.mark.shared
def test_fork_server_has_one_thread_and_nothing_open_that_workers_could_share(
    client: Client, settings_env: dict[str, str]
) -> None:
    _ready(client)
    server = _server(settings_env)
    assert os.listdir(f"/proc/{server}/task") == [str(server)]  # noqa: PTH208  # names
    opened = _opened(server)
    connections = {name for name, target in opened.items() if target.startswith("socket:")}
    assert len(set(map(opened.get, connections))) == 1  # it is the standard input, too
    assert set(opened) - connections == {"1", "2"}


@pytest.mark.shared
def test_workers_have_no_descriptor_of_the_fork_servers(client: Client, settings_env: dict[str, str]) -> None:
    status = _ready(client)
    server = os.readlink(f"/proc/{_server(settings_env)}/fd/0")  # noqa: PTH115  # it is no path
    for worker in status.workers:
        opened = _opened(worker["pid"])
        assert opened["0"].startswith("pipe:")
        assert opened["1"] == os.devnull
        assert server not in opened.values()


def test_kill_of_the_fork_server_hurts_nobody_and_the_next_worker_is_replaced(
    client: Client, settings_env: dict[str, str]
) -> None:
    before = _ready(client)
    server = _server(settings_env)
    os.kill(server, signal.SIGKILL)
    logged_until(settings_env, "fork_server_lost", lambda line: line["fork_server_pid"] == server)
    assert pids_of(client.status()) == pids_of(before)
    assert client.store("all the same").status == "created"
    for worker in before.workers:
        os.kill(worker["pid"], signal.SIGKILL)
    after = _replaced(client, before)
    assert after.pid == before.pid
    following = _server(settings_env, server)
    for worker in after.workers:
        os.kill(worker["pid"], signal.SIGKILL)
    for worker in _replaced(client, after).workers:
        assert _stack(worker["pid"]) == _stack(following)


def test_fork_server_that_is_stopped_holds_up_neither_the_router_nor_for_long_a_worker(
    client: Client, settings_env: dict[str, str]
) -> None:
    before = _ready(client)
    server = _server(settings_env)
    os.kill(server, signal.SIGSTOP)
    (writer,) = workers_of(before, "write")
    os.kill(writer, signal.SIGKILL)
    logged_until(settings_env, "worker_lost", lambda line: line["worker"].startswith("write"))
    assert client.status().pid == before.pid  # at once, while nobody is forked
    assert client.store("once there is a writer").status == "created"
    stalled = logged_until(settings_env, "fork_server_stalled", lambda line: line["fork_server_pid"] == server)
    gone([server])
    after = _ready(client)
    assert after.pid == before.pid
    (row,) = (worker for worker in after.workers if worker["kind"] == "write")
    assert row["restarts"] == 1  # for the kill alone
    assert stalled["silent_s"] < BOUND_S


def test_cluster_whose_fork_server_can_not_import_spawns_its_workers(
    settings_env: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", python_path(FAULTS))
    monkeypatch.setenv("MEMMUX_TEST_NO_FORKS", "1")
    with Client(settings=settings) as client:
        status = _ready(client)
        assert client.store("all the same").status == "created"
        assert {worker["restarts"] for worker in status.workers} == {0}
        assert status.degraded == ("hash_embedder",)
    assert logged(settings_env, "fork_server_lost")[0]["code"] == 1
    assert not logged(settings_env, "fork_server_ready")


def test_fork_server_that_can_open_no_file_is_done_without(client: Client, settings_env: dict[str, str]) -> None:
    before = _ready(client)
    server = _server(settings_env)
    resource.prlimit(server, resource.RLIMIT_NOFILE, (3, 3))
    for worker in before.workers:
        os.kill(worker["pid"], signal.SIGKILL)
    _replaced(client, before)
    assert logged(settings_env, "worker_not_forked")[0]["worker"].startswith(KINDS)


def test_twenty_kills_leave_no_zombie(client: Client, settings_env: dict[str, str]) -> None:
    status = _ready(client)
    server = _server(settings_env)
    seen = {worker["pid"] for worker in status.workers}
    for _ in range(5):
        for worker in status.workers:
            os.kill(worker["pid"], signal.SIGKILL)
        status = _replaced(client, status)
        seen |= {worker["pid"] for worker in status.workers}
    assert len(seen) == 24
    _until(lambda: not _zombies(status.pid))
    assert not _zombies(server)
    assert {child.pid for child in psutil.Process(status.pid).children()} == {
        server,
        *(worker["pid"] for worker in status.workers),
    }


def test_fork_server_that_rests_is_gone_until_a_worker_is_due_and_that_one_is_forked(
    client: Client, settings_env: dict[str, str]
) -> None:
    before = _ready(client)
    server = _server(settings_env)
    logged_until(settings_env, "fork_server_rested", lambda line: line["fork_server_pid"] == server)
    gone([server])
    assert client.store("all the same").status == "created"
    os.kill(before.pid, signal.SIGSTOP)  # it is to find all of them dead at once
    for worker in before.workers:
        os.kill(worker["pid"], signal.SIGKILL)
    os.kill(before.pid, signal.SIGCONT)
    after = _replaced(client, before)
    following = _server(settings_env, server)
    # Spawned ones have a stack each; that of the fork server can't be seen any more once it rests.
    assert len({_stack(worker["pid"]) for worker in after.workers}) == 1
    logged_until(settings_env, "fork_server_rested", lambda line: line["fork_server_pid"] == following)
    gone([following])
    assert not logged(settings_env, "fork_server_lost")
    assert pids_of(client.status()) == pids_of(after)


def test_workers_and_the_fork_server_end_with_their_router_though_they_are_stopped(
    client: Client, settings_env: dict[str, str]
) -> None:
    status = _ready(client)
    processes = [*pids_of(status), _server(settings_env)]
    for pid in processes[1:]:
        os.kill(pid, signal.SIGSTOP)
    os.kill(status.pid, signal.SIGKILL)
    gone(processes)


@pytest.mark.slow
def test_model_that_changes_after_workers_were_forked_is_not_that_of_the_next_ones(
    model_env: dict[str, str], tmp_path: Path
) -> None:
    whole = sources.find(load(environment=model_env)).folder
    folder = tmp_path / "model"
    shutil.copytree(whole, folder)
    env = {**model_env, "MEMMUX_MODEL": str(folder), "MEMMUX_CACHE_DIR": str(tmp_path / "cache")}
    settings = load(environment=env)
    onnx_backend.load(settings, sources.find(settings))
    with Client(settings=settings) as client:
        before = status_until(client, lambda status: complete(status) and bool(status.embedder["one_hop"]))
        tell_capitals(folder)
        for worker in before.workers:
            os.kill(worker["pid"], signal.SIGKILL)
        refused = status_until(client, lambda status: "model_invalid" in status.degraded)
        assert not refused.embedder.get("one_hop")
        shutil.copytree(whole, folder, dirs_exist_ok=True)
        after = status_until(client, lambda status: complete(status) and bool(status.embedder["one_hop"]))
        (embedder,) = workers_of(after, "embed")
        assert _stack(embedder) == _stack(_server(env))
        client.store("the queue is drained")
        assert client.search("QUEUE", mode="semantic").hits[0].similarity > 0.3
        stop_cluster(settings)


def test_nothing_is_left_of_a_cluster_that_was_stopped(client: Client, settings_env: dict[str, str]) -> None:
    processes = [*pids_of(_ready(client)), _server(settings_env)]
    client.stop()
    gone(processes)


def test_child_that_a_worker_leaves_behind_is_collected_when_it_ends(
    settings: Settings, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", python_path(FAULTS))
    with Client(settings=settings) as client:
        before = _ready(client)
        for number in range(3):
            with pytest.raises(PoisonedError):
                client.search(f"fault:orphan read {short_tmp / str(number)}", mode="keyword")
            orphan = int((short_tmp / str(number)).read_text())
            _until(lambda orphan=orphan: not Path(f"/proc/{orphan}").exists())
        after = _ready(client)
        assert after.pid == before.pid
        _until(lambda: not _zombies(after.pid))
