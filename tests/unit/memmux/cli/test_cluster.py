"""What `memmux status` shows."""

from __future__ import annotations

from typing import Any

import pytest

from memmux.cli.cluster import _show
from memmux.wire.answers import Status

TOLD: dict[str, Any] = {"state": "serving", "version": "1.2", "model": "m", "uptime_s": 3.0, "degraded": ()}


def test_a_client_with_a_key_is_shown_what_that_allows_and_no_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    grant = {"name": "ada", "role": "write", "namespaces": ["notes", "work"]}
    own = {"name": "ada/cli", "pid": 7, "version": "1.2", "in_flight": 0, "requests": 1}
    _show(Status(**TOLD, clients=(own,), grant=grant))
    said = capsys.readouterr().out
    facts = dict(line.split(maxsplit=1) for line in said.partition("\n\n")[0].splitlines())
    told = {"state": "serving, for 3 s", "key": "ada, write, notes, work", "model": "m", "router": "version 1.2"}
    assert facts == told | dict.fromkeys(("read", "write"), "unknown, not looked yet")
    assert "ada/cli" in said
    assert "workers" not in said


def test_a_local_client_is_shown_everything(capsys: pytest.CaptureFixture[str]) -> None:
    _show(Status(**TOLD, clients=(), pid=5, memories=0, pending=0, seq=0, database="/d", endpoint="ipc://e"))
    said = capsys.readouterr().out
    for shown in ("memories", "seq", "wal", "/d", "ipc://e", "pid 5, version 1.2", "workers", "clients"):
        assert shown in said
    assert "key" not in said
