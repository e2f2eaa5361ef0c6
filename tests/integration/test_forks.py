"""What tests fork instead of starting it is as it would be: `tests.forks`."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from memmux import Client
from memmux.cluster import policy
from memmux.config.loader import load
from memmux.processes import command
from memmux.wire.answers import Status
from tests import forks
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import complete, status_until, workers_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

Seen = dict[str, object]
"""What the system says of a process."""


def _seen(pid: int, names: dict[int, str], folder: str) -> Seen:
    place = Path(f"/proc/{pid}")
    limits = [line.split()[:5] for line in (place / "limits").read_text().splitlines() if line.startswith("Max open")]
    status, opened = _at_rest(place)
    parent = int(status["PPid"])
    words = [word.decode() for word in command(pid).rstrip(b"\0").split(b"\0")]
    return {
        "command": [_kind(Path(re.sub(r"(-fd=|-)[0-9a-f]+$|-[0-9a-f]{8}\b", r"\1", word))) for word in words],
        "folder": str((place / "cwd").readlink()).removeprefix(folder),
        "parent": names.get(parent, "elsewhere"),
        "group": names[os.getpgid(pid)],
        "session": names[os.getsid(pid)],
        "limits": limits,
        "signals": [status[name] for name in ("SigBlk", "SigIgn", "SigCgt")],
        "opened": {kind: count for kind, count in opened.items() if kind != "socket"},
    }


def _at_rest(place: Path) -> tuple[dict[str, str], Counter[str]]:
    """The status of a process that waits for something, and what it has open: at work it opens more for a moment."""
    until = time.monotonic() + BOUND_S
    while True:
        before = _status(place)
        with suppress(FileNotFoundError):  # it has just closed one
            opened = Counter(_kind(entry.readlink()) for entry in (place / "fd").iterdir())
            status = _status(place)
            if status["State"].startswith("S") and _turns(status) == _turns(before):
                return status, opened
        assert time.monotonic() < until, before
        pause()


def _status(place: Path) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in (place / "status").read_text().splitlines() if ":\t" in line)


def _turns(status: dict[str, str]) -> list[str]:
    """How often a process has had the processor."""
    return [count for name, count in status.items() if name.endswith("voluntary_ctxt_switches")]


def _kind(path: Path) -> str:
    """Return what a descriptor leads to, whichever one it is."""
    return re.sub(r":\[?\d+\]?$|mm-\w+|[0-9a-f]{12}", "", str(path))


def _all_ready(status: Status) -> bool:
    return complete(status) and status.gateway is not None and status.gateway["state"] == "ready"


def _cluster(env: dict[str, str], *, forked: bool) -> dict[str, Seen]:
    """What a cluster consists of that a client of this process starts, by what its processes are called."""
    with policy.with_gateway(), Client(settings=load(environment=env), name="test") as client:
        status = status_until(client, _all_ready)
        children = Path(f"/proc/{status.pid}/task/{status.pid}/children").read_text().split()
        assert any(b"process_server" in command(int(pid)) for pid in children) is forked
        names = {status.pid: "router"}
        names |= {pid: kind for kind in ("read", "write", "embed") for pid in workers_of(status, kind)}
        assert status.gateway is not None
        names[status.gateway["pid"]] = "gateway"
        seen = {name: _seen(pid, names, env["MEMMUX_STATE_DIR"]) for pid, name in names.items()}
        client.stop()
        return seen


def test_what_is_forked_is_as_what_is_spawned(settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    forked = _cluster(settings_env, forked=True)
    monkeypatch.delenv(forks.SERVER)
    assert forked == _cluster(settings_env, forked=False)
