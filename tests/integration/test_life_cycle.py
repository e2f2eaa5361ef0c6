"""What a cluster does by itself: it ends when nobody needs it, backs off, leaves no orphans, and says so in its log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from memmux import Client
from memmux.cluster import find
from memmux.cluster.endpoint import read
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.processes import alive
from memmux.wire.addresses import path_of
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import complete, every_kind, gone, log_lines, pids_of, status_until, workers_of


def test_cluster_that_ends_for_want_of_clients_says_so(settings_env: dict[str, str]) -> None:
    settings = load({"idle_exit_s": 0.5}, settings_env)
    with Client(settings=settings) as client:
        status = status_until(client, complete)
    gone(pids_of(status))
    assert log_lines(settings, "stop_began")[-1]["reason"] == "idle"
    assert log_lines(settings, "cluster_stopped")[-1]["pid"] == status.pid


def test_slot_whose_process_fails_again_and_again_is_backed_off_from_and_reported(
    settings_env: dict[str, str], short_tmp: Path
) -> None:
    settings = load({"embedder": "onnx", "model": str(short_tmp / "nothing")}, settings_env)
    with Client(settings=settings) as client:
        status = status_until(client, lambda status: {"embed-0_failing", "model_missing"} <= set(status.degraded))
        (failing,) = (worker for worker in status.workers if worker["kind"] == "embed")
        assert failing["error"]["code"] == "model_missing"
        assert client.store("all the same").status == "created"
    said = log_lines(settings, "slot_backed_off")[-1]
    assert said["slot"] == "embed-0"
    assert isinstance(said["failures"], int)
    assert said["failures"] >= 2
    assert said["seconds"] == min(0.25 * 2 ** (said["failures"] - 2), 30.0)


def test_socket_that_somebody_removed_is_made_again_and_nobody_starts_another_cluster(
    client: Client, settings: Settings
) -> None:
    status = status_until(client, complete)
    pid = status.pid
    folder = path_of(Places(settings).sockets()[0]).parent
    # Under another name first: the router makes its socket again as soon as that is missing, also while this removes.
    shutil.rmtree(folder.rename(folder.with_name("removed")))
    with Client(settings=settings, name="late") as late:
        assert late.status().pid == pid
    for worker in workers_of(status, "read"):
        os.kill(worker, signal.SIGKILL)
    assert client.list().memories == client.list().memories  # by workers that came after that
    assert client.status().pid == pid
    assert log_lines(settings, "socket_made_again")[-1]["pid"] == pid


def test_cluster_whose_python_is_gone_for_a_while_serves_with_what_it_has_and_heals(
    settings_env: dict[str, str], short_tmp: Path
) -> None:
    """As when its environment is renamed, or upgraded in place."""
    settings = load(environment=settings_env)
    environment = short_tmp / "environment"
    environment.symlink_to(sys.prefix)
    serve = [environment / "bin" / "python", "-P", "-m", "memmux", "serve"]
    with (
        subprocess.Popen(serve, env=settings_env, stdout=subprocess.DEVNULL) as process,
        Client(settings=settings) as client,
    ):
        until = time.monotonic() + BOUND_S
        while read(Places(settings)) is None:
            assert process.poll() is None
            assert time.monotonic() < until
            pause()
        before = status_until(client, complete)
        environment.unlink()
        if sys.platform == "linux":  # else workers would be forked all the same
            with suppress(ProcessLookupError):  # it has ended, as all workers work
                os.kill(cast("int", log_lines(settings, "fork_server_ready")[-1]["fork_server_pid"]), signal.SIGKILL)
        for worker in before.workers:
            if worker["kind"] != "write":
                os.kill(worker["pid"], signal.SIGKILL)
        assert client.store("while it is gone").status == "created"
        status = status_until(client, lambda status: "embed-0_failing" in status.degraded)
        errors = [worker["error"]["message"] for worker in status.workers if worker["pid"] is None]
        assert all("environment/bin/python" in error for error in errors)
        environment.symlink_to(sys.prefix)
        assert [hit.memory.content for hit in client.search("while it is gone").hits] == ["while it is gone"]
        after = status_until(client, lambda status: not [code for code in status.degraded if "_failing" in code])
        assert after.pid == before.pid
        client.stop()
    assert log_lines(settings, "worker_not_started")[-1]["slot"] in ("embed-0", "read-0", "read-1")


def test_endpoint_of_a_killed_router_is_replaced_and_told_by_the_next_one(client: Client, settings: Settings) -> None:
    status = status_until(client, complete)
    os.kill(status.pid, signal.SIGKILL)
    gone(pids_of(status))
    left = read(Places(settings))
    assert left is not None
    assert left.pid == status.pid
    after = client.status()
    assert after.pid != status.pid
    stale = log_lines(settings, "endpoint_stale")[-1]
    assert (stale["router_pid"], stale["pid"]) == (status.pid, after.pid)
    now = read(Places(settings))
    assert now is not None
    assert now.pid == after.pid


def test_cluster_that_was_stopped_leaves_nothing_that_is_stale(client: Client, settings: Settings) -> None:
    client.status()
    client.stop()
    client.status()
    lines = (Places(settings).logs / "router.jsonl").read_bytes()
    assert b"_stale" not in lines


@pytest.mark.usefixtures("faults")
def test_cluster_ends_though_a_reader_is_stopped_and_the_writer_takes_the_log_in(
    settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMMUX_TEST_STOP_S", f"{BOUND_S}")  # on a busy machine
    monkeypatch.setattr(find, "STOP_S", BOUND_S)
    settings = load(environment={**settings_env, "MEMMUX_DRAIN_S": "1", "MEMMUX_STALL_S": "600", "MEMMUX_READERS": "1"})
    failed: list[MemmuxError] = []

    def ask() -> None:
        with Client(settings=settings, name="asks", start=False) as asking:
            try:
                asking.search("early", mode="keyword")
            except MemmuxError as error:
                failed.append(error)

    with Client(settings=settings) as client:
        client.store("an early memory")
        before = status_until(client, every_kind)
        (reader,) = workers_of(before, "read")
        os.kill(reader, signal.SIGSTOP)
        asker = threading.Thread(target=ask)
        asker.start()
        status_until(client, lambda status: any(one["in_flight"] for one in status.workers if one["pid"] == reader))
        client.stop()
        assert not alive(before.pid)
        assert not Path(f"{settings.database}-wal").exists()
        gone(pids_of(before))
        asker.join(BOUND_S)
    assert [error.code for error in failed] == ["cluster_unreachable"]


def test_socket_of_a_successor_that_was_killed_is_removed_and_told(settings: Settings) -> None:
    address = Places(settings).sockets()[0]
    folder = Path(address.removeprefix("ipc://")).parent
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left, theirs = folder / f"w{ended.pid}", folder / f"w{os.getpid()}"
    left.touch()
    theirs.touch()
    with Client(settings=settings) as client:
        client.status()
    assert not left.exists()
    assert theirs.exists()
    assert log_lines(settings, "socket_stale")[-1]["path"] == str(left)


def _worker(settings: Settings, *flags: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "workers", "write", "--identity=write-0-test"]
    address = f"ipc://{settings.database.parent.parent}/nobody"
    return subprocess.Popen([*command, f"--router={address}", *settings.flags(), *flags], stdin=subprocess.PIPE)


@pytest.mark.parametrize("flags", [(), ("--held",)])
def test_worker_whose_standard_input_ends_leaves_and_says_so(settings: Settings, flags: tuple[str, ...]) -> None:
    settings.database.parent.mkdir()
    with _worker(settings, *flags) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(BOUND_S) == 0
    assert log_lines(settings, "worker_orphaned", process="write-0")[-1]["pid"] == process.pid


def test_held_worker_opens_nothing_before_it_is_told(settings: Settings) -> None:
    settings.database.parent.mkdir()
    with _worker(settings, "--held") as process:
        assert process.stdin is not None
        until = time.monotonic() + BOUND_S
        while not (Places(settings).logs / "write-0.jsonl").exists():
            assert time.monotonic() < until
            pause()
        assert not settings.database.exists()
        process.stdin.write(b"\n")
        process.stdin.flush()
        log_lines(settings, "worker_started", process="write-0")[-1]
        assert settings.database.exists()
        process.kill()
