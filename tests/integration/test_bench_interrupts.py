"""A benchmark that is ended by a signal leaves nothing behind: no cluster, no server of PostgreSQL, no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from tests.bounds import BOUND_S, pause

UPGRADE = ("upgrade", "--clients=1", "--embedder=hash")
CHAOS = ("chaos", "--clients=1", "--embedder=hash", "--engine=postgresql")


def of(folder: Path) -> dict[int, str]:
    """The command lines, by pid, of the processes that name the folder."""
    lines = {each.pid: " ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])}
    return {pid: line for pid, line in lines.items() if str(folder) in line}


@pytest.mark.spawned
@pytest.mark.parametrize(
    ("arguments", "number", "parts"),
    [
        (UPGRADE, signal.SIGTERM, ("router", "workers write")),
        (UPGRADE, signal.SIGINT, ("router", "workers write")),
        (CHAOS, signal.SIGTERM, ("postgres", "router")),
    ],
)
def test_a_benchmark_that_is_ended_ends_what_it_has_started(
    settings_env: Mapping[str, str], short_tmp: Path, arguments: tuple[str, ...], number: int, parts: tuple[str, ...]
) -> None:
    folder = short_tmp.resolve() / "own"
    folder.mkdir()
    for each in (short_tmp, folder):
        each.chmod(0o711)  # servers of PostgreSQL run as another user
    env = {name: value for name, value in settings_env.items() if not name.startswith("MEMMUX_")}
    command = [sys.executable, "-P", "-m", "bench", *arguments]
    with subprocess.Popen(command, env={**env, "TMPDIR": str(folder)}, stderr=subprocess.DEVNULL) as bench:
        while not all(any(part in line for line in of(folder).values()) for part in parts):
            assert bench.poll() is None
            pause()
        bench.send_signal(number)
        assert bench.wait(BOUND_S) == 128 + number
    assert of(folder) == {}
    assert {path.name for path in folder.iterdir()} <= {f"memmux-{os.getuid()}"}  # the user's, of no one cluster
