"""Clusters that do not come up: databases that are refused leave nothing behind, and one that hangs can be ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from memmux import Client
from memmux.cluster.holder import Holder
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.processes import alive
from tests import commands
from tests.bounds import AS_USERS, BOUND_S, pause
from tests.commands import MEMMUX
from tests.import_path import python_path
from tests.integration.helpers import gone

pytestmark = pytest.mark.spawned

FAULTS = Path(__file__).parents[1] / "faults"
Ended = subprocess.CompletedProcess[bytes]


def _memmux(env: dict[str, str], *arguments: str) -> Ended:
    return commands.run(arguments, {**env, AS_USERS: "1"})


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _text(path: Path) -> None:
    path.write_text("no database at all")


def _cut_off(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00")


def _of_another(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()


@pytest.mark.parametrize("made", [_folder, _pipe, _text, _cut_off, _of_another])
@pytest.mark.parametrize("command", [("store", "x"), ("list",), ("serve",), ("restart",), ("status",)])
def test_database_that_is_refused_leaves_nothing_beside_it(
    made: Callable[[Path], None], command: tuple[str, ...], settings_env: dict[str, str], short_tmp: Path
) -> None:
    folder = short_tmp / "data"
    folder.mkdir()
    made(folder / "memories.db")
    ended = _memmux(settings_env, *command)
    assert ended.returncode != 0
    assert b"Traceback" not in ended.stderr
    left = [path.name for path in folder.iterdir()]
    shutil.rmtree(folder)  # or nobody could look for a cluster to stop
    assert left == ["memories.db"]
    assert not (short_tmp / "state").exists()


@pytest.mark.parametrize(
    "command",
    [
        *("backup", "restart", "check --repair", "restore --newest", "restore none.db", "export out.jsonl", "stop"),
        *("import none.db", "import none.db --dry-run", "ingest none.md", "key revoke ada", "key list", "undo --last"),
        *("search x", "forget --tag x", "service status", "top --once", "tail", "uninstall --dry-run"),
    ],
)
def test_wrong_database_is_not_made_and_nothing_is_left_beside_it(
    command: str, settings_env: dict[str, str], short_tmp: Path
) -> None:
    (short_tmp / "data").mkdir()
    ended = commands.run(command.split(), {**settings_env, "HOME": str(short_tmp)}, cwd=short_tmp)
    assert b"Traceback" not in ended.stderr
    assert [path.name for path in (short_tmp / "data").iterdir()] == []


def test_path_through_a_file_leaves_nothing(settings_env: dict[str, str], short_tmp: Path) -> None:
    (short_tmp / "file").touch()
    ended = _memmux({**settings_env, "MEMMUX_DATABASE": str(short_tmp / "file" / "memories.db")}, "store", "x")
    assert ended.returncode == 1
    assert b"storage_permission" in ended.stderr
    assert not (short_tmp / "state").exists()


@pytest.fixture
def hanging(settings_env: dict[str, str], settings: Settings) -> Iterator[Holder]:
    """A router whose writer hangs before it has opened anything."""
    env = {**settings_env, "PYTHONPATH": python_path(FAULTS), "MEMMUX_TEST_HANG": "1"}
    with subprocess.Popen([*MEMMUX, "serve"], env=env, stderr=subprocess.DEVNULL) as router:
        try:
            until = time.monotonic() + BOUND_S
            while (held := Holder.of(Places(settings))) is None:
                assert time.monotonic() < until
                assert router.poll() is None
                pause()
            assert held.pid == router.pid
            yield held
        finally:
            router.kill()
            router.wait()


def _findings(env: dict[str, str]) -> dict[str, str]:
    """What `memmux doctor` says, by name; of several with one name, the last."""
    said = json.loads(_memmux(env, "doctor", "--json").stdout)
    return {finding["name"]: finding["text"] for finding in said["findings"]}


def test_cluster_that_hangs_while_starting_is_shown(hanging: Holder, settings_env: dict[str, str]) -> None:
    shown = _memmux(settings_env, "status", "--json")
    assert shown.returncode == 3
    status = json.loads(shown.stdout)
    assert (status["state"], status["pid"]) == ("starting", hanging.pid)
    assert status["since"]
    assert f"(pid {hanging.pid})".encode() in _memmux(settings_env, "status").stdout
    client = _memmux({**settings_env, "MEMMUX_START_TIMEOUT_S": "1"}, "list")
    assert client.stderr.startswith(
        b"memmux: database_in_use: a cluster (pid %d) has been starting since" % hanging.pid
    )
    findings = _findings({**settings_env, "MEMMUX_START_TIMEOUT_S": "1"})
    assert "memmux stop" in findings["cluster"]
    assert "starting" in findings["round_trip"]
    assert findings["mcp"].startswith("`memmux mcp` was not tried: a cluster")  # it would wait once more


def test_cluster_that_hangs_while_starting_is_ended_by_a_stop(hanging: Holder, settings_env: dict[str, str]) -> None:
    stopped = _memmux(settings_env, "stop", "--json")
    assert json.loads(stopped.stdout)["was_running"] is True
    gone([hanging.pid])
    assert json.loads(_memmux(settings_env, "status", "--json").stdout)["state"] == "stopped"


def test_router_that_serves_is_the_holder_of_its_lock_and_one_that_is_gone_is_not(
    client: Client, settings: Settings
) -> None:
    pid = client.status().pid
    held = Holder.of(Places(settings))
    assert held is not None
    assert held.pid == pid
    client.stop()
    assert not alive(pid)
    assert Holder.of(Places(settings)) is None


@pytest.fixture
def stopped(client: Client, settings: Settings) -> Iterator[int]:
    """The pid of a router that served, and is stopped in the middle of it."""
    pid = client.status().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        until = time.monotonic() + BOUND_S
        while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < until
            pause()
        assert Holder.of(Places(settings)) is not None
        yield pid
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    "settings_s",
    [
        {"MEMMUX_START_TIMEOUT_S": "1"},  # over before a router was started
        {"MEMMUX_START_TIMEOUT_S": "5"},  # while it waits for the lock
        {"MEMMUX_START_TIMEOUT_S": "600", "MEMMUX_REQUEST_TIMEOUT_S": "4"},  # nothing starts: an answer is awaited
    ],
    ids=["start-1", "start-5", "request-4"],
)
def test_cluster_that_served_and_does_not_answer_is_not_said_to_start(
    stopped: int, settings_env: dict[str, str], settings_s: dict[str, str]
) -> None:
    with ThreadPoolExecutor(2) as both:  # of whom one has the lock of starts, and the other waits for it
        for listed in [both.submit(_memmux, {**settings_env, **settings_s}, "list") for _ in range(2)]:
            ended = listed.result()
            assert ended.returncode == 1
            assert ended.stderr.startswith(
                b"memmux: database_in_use: a cluster (pid %d) runs and does not answer" % stopped
            ), ended.stderr
            assert b"`memmux stop`" in ended.stderr


def test_cluster_that_served_and_does_not_answer_is_shown_and_ended_by_a_stop(
    stopped: int, settings_env: dict[str, str]
) -> None:
    status = _memmux(settings_env, "status", "--json")
    assert status.returncode == 3
    assert (json.loads(status.stdout)["state"], json.loads(status.stdout)["pid"]) == ("unresponsive", stopped)
    assert b"does not answer" in _memmux(settings_env, "status").stdout
    findings = _findings(settings_env)  # which waits for no start of a cluster
    for name in ("cluster", "round_trip", "mcp"):
        assert "does not answer" in findings[name]
        assert "starting" not in findings[name]
    assert findings["mcp"].startswith("`memmux mcp` was not tried: a cluster")
    ended = json.loads(_memmux(settings_env, "stop", "--json").stdout)
    assert ended["was_running"] is True
    gone([stopped])
