"""Two machines on this one: what tests of clients elsewhere need, beside the fixtures of `conftest`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.trust import keys
from memmux.wire.answers import Status
from tests import commands
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import lines_of


def memmux(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.text(commands.run(arguments, env, cwd=Path(env["HOME"])))


def remote_settings(elsewhere: dict[str, str], file: Path, **more: str) -> Settings:
    return load(environment={**elsewhere, "MEMMUX_REMOTE": str(file), **more})


def revoke_all(env: dict[str, str]) -> None:
    """Let no key of the cluster be valid any more, so that their names are free."""
    places = Places(load(environment=env))
    for key in keys.read(places).standing:
        keys.revoke(places, key.name, time.time())


def clients(status: Status) -> list[str]:
    """Return what the clients of a cluster call themselves; what stands before that is the name of the key."""
    return [str(client["name"]).rpartition("/")[2] for client in status.clients]


def logged(env: dict[str, str], event: str) -> list[dict[str, Any]]:
    """What the router has logged of that event."""
    log = Places(load(environment=env)).logs / "router.jsonl"
    return [line for line in lines_of(log) if line["event"] == event]


def logged_until(env: dict[str, str], event: str, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    until = time.monotonic() + BOUND_S
    while not (found := [line for line in logged(env, event) if good(line)]):
        assert time.monotonic() < until, f"{event} was never logged"
        pause()
    return found[-1]
