"""Ctrl-C while a command is being imported: the process ends, and says nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bounds import BOUND_S
from tests.import_path import python_path

FAULTS = Path(__file__).parents[1] / "faults"
MODULE = [sys.executable, "-P", "-m", "memmux"]
SCRIPT = [sys.executable, "-P", "-c", "from memmux.__main__ import main; main()"]


@pytest.mark.parametrize("program", [MODULE, SCRIPT], ids=["module", "script"])
@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("list", "memmux.cli.interrupts"),
        ("list", "memmux.cli"),
        ("list", "memmux.cli.streams"),
        ("list", "memmux.cli.main"),
        ("list", "click"),
        ("list", "orjson"),
        ("list", "platformdirs"),
        ("list", "memmux.cli.memories"),
        ("list", "memmux.client.blocking"),
        ("list", "zmq"),
        ("--help", "memmux.cli.table"),
        ("status", "memmux.cli.cluster"),
        ("serve", "router.io.loop"),
        ("mcp", "memmux.relay.process"),
        ("mcp", "memmux.relay.way"),
        ("mcp", "mcp_dealer.gateway.gateway"),
        ("mcp", "zmq"),
    ],
)
def test_an_interrupt_in_an_import_ends_the_process_silently(
    settings_env: dict[str, str], program: list[str], command: str, module: str
) -> None:
    env = {**settings_env, "PYTHONPATH": python_path(FAULTS), "MEMMUX_TEST_INTERRUPT": module}
    if not module.startswith("memmux.relay"):
        env["MEMMUX_GATEWAY"] = "0"  # a relay imports none of the others
    ended = subprocess.run(
        [*program, command], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOUND_S, check=False
    )
    assert ended.returncode in (130, -signal.SIGINT), ended
    assert ended.stdout + ended.stderr.strip() == b""


def test_an_interrupt_that_is_ignored_stays_so(settings_env: dict[str, str]) -> None:
    env = {**settings_env, "PYTHONPATH": python_path(FAULTS), "MEMMUX_TEST_INTERRUPT": "click"}
    code = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    ended = subprocess.run(
        [sys.executable, "-c", code, *MODULE, "--version"], env=env, capture_output=True, timeout=BOUND_S, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
