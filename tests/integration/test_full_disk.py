"""A full disk: what can be read is served, and each write says so until there is space."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.settings import Settings
from memmux.errors import (
    MemmuxError,
    StorageFullError,
    StoragePermissionError,
)
from tests.integration.helpers import complete, pids_of, status_until
from tests.integration.machines import memmux
from tests.integration.stops import stop_in_time


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
        in_time = stop_in_time(client)
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
        in_time &= stop_in_time(client)
    if in_time:
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
