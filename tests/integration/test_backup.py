"""Backups of a live cluster, and their restore, through the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import BackupFailedError
from tests import commands
from tests.bounds import BOUND_S, pause
from tests.conftest import stop_cluster
from tests.integration.helpers import complete, gone, pids_of, status_until, workers_of
from tests.integration.stops import stop_in_time

Memmux = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def memmux(settings_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return commands.text(commands.run(arguments, settings_env, cwd=short_tmp))

    return run


def answer(ended: subprocess.CompletedProcess[str]) -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_what_was_backed_up_comes_back_and_what_was_replaced_is_kept(
    client: Client, memmux: Memmux, settings: Settings, short_tmp: Path
) -> None:
    status_until(client, complete)  # what is stored before there is an embedder is changed once more, for its vector
    before = {client.store(f"before the backup {number}").id for number in range(20)}
    made = answer(memmux("backup", "--json"))
    assert (made["count"], made["seq"]) == (20, 20)
    assert Path(made["path"]).parent == Places(settings).backups
    client.store("after the backup")
    refused = memmux("restore", made["path"])
    assert refused.returncode == 1
    assert "memmux stop" in refused.stderr
    client.stop()
    done = answer(memmux("restore", os.path.relpath(made["path"], short_tmp), "--json"))
    assert {memory.id for memory in client.list(limit=100)} == before
    status_until(client, complete)
    assert client.search("before the backup", mode="semantic", limit=20).hits
    client.stop()
    kept = answer(memmux("--database", done["kept"], "list", "--limit", "100", "--json"))
    assert kept["total"] == 21
    stop_cluster(load({"database": done["kept"], "runtime_dir": settings.runtime_dir}))
    assert answer(memmux("check", "--deep", "--json"))["clean"]


def test_a_backup_goes_where_it_is_asked_and_a_wrong_place_is_named(client: Client, short_tmp: Path) -> None:
    client.store("something")
    made = client.backup(to=short_tmp / "elsewhere")
    assert Path(made.path).parent == short_tmp / "elsewhere"
    (short_tmp / "file").touch()
    with pytest.raises(BackupFailedError, match="name another"):
        client.backup(to=short_tmp / "file")


def test_writes_are_answered_while_backups_are_made(client: Client, settings: Settings) -> None:
    client.store_batch([_store(number) for number in range(200)])
    made = []

    def back_up() -> None:
        with Client(settings=settings, name="keeper") as keeper:
            made.extend(keeper.backup() for _ in range(5))

    saving = threading.Thread(target=back_up)
    saving.start()
    stored = 0
    while saving.is_alive() or not stored:
        client.store(f"stored meanwhile {stored}")
        stored += 1
    saving.join()
    assert len(made) == 5
    assert made[-1].memories >= made[0].memories >= 200
    assert client.status().memories == 200 + stored


def _store(number: int) -> Any:
    from memmux.wire.requests import Store

    return Store(content=f"memory number {number}, with a few words more " + "and more " * 200)


def test_a_backup_whose_writer_is_killed_is_made_by_the_next_and_leaves_nothing_half(
    client: Client, settings: Settings
) -> None:
    client.store_batch([_store(number) for number in range(200)])
    ready = status_until(client, complete)
    made = []

    def back_up() -> None:
        with Client(settings=settings, name="keeper") as keeper:
            made.append(keeper.backup())

    saving = threading.Thread(target=back_up)
    saving.start()
    os.kill(workers_of(ready, "write")[0], signal.SIGKILL)
    saving.join(BOUND_S)
    assert made[0].memories == 200
    assert Path(made[0].path).exists()


def test_scheduled_backups_are_made_and_only_so_many_kept(settings_env: dict[str, str]) -> None:
    settings = load({"backup_interval_s": 0.2, "backup_keep": 2}, settings_env)
    folder = Places(settings).backups
    seen: set[str] = set()
    with Client(settings=settings) as client:
        until = time.monotonic() + BOUND_S
        while len(seen) < 4:
            assert time.monotonic() < until
            pause()
            client.store(f"so far {len(seen)}, {client.status().seq}")
            seen |= {path.name for path in folder.glob("*.db")} if folder.exists() else set()
        pids = pids_of(client.status())
        in_time = stop_in_time(client)
    gone(pids)
    assert len(list(folder.glob("*.db"))) <= 3  # the newest may not have made room yet when the cluster stopped
    if in_time:
        assert not list(folder.glob("*.partial"))
