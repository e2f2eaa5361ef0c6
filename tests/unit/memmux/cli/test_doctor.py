from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from memmux.cli import doctor
from memmux.cli.main import cli
from memmux.doctor import checks, connections, entries, hosts, http, relay, round_trip, servers
from tests.locked import locked

SLOW = ((servers, "of_servers"), (round_trip, "of_round_trip"), (relay, "of_relay"), (http, "of_http"))
OF_CLIENTS = ((hosts, "of_hosts"), (entries, "of_entries"), (connections, "of_connections"))


@pytest.fixture
def alone(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a doctor look at files alone, at those of a cluster that never was."""
    for module, name in (*SLOW, *OF_CLIENTS, (checks, "of_installation")):
        monkeypatch.setattr(module, name, lambda *_: iter(()))
    monkeypatch.setattr(doctor.worker_tasks, "run", lambda *_: {})
    monkeypatch.setenv("HOME", "/")  # which any user may look at
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    monkeypatch.setenv("MEMMUX_DATABASE", str(short_tmp / "data" / "memories.db"))
    monkeypatch.setenv("MEMMUX_STATE_DIR", str(short_tmp / "state"))


@pytest.mark.usefixtures("alone")
def test_a_folder_that_may_not_be_entered_is_a_finding_and_the_others_are_made(short_tmp: Path) -> None:
    with locked(short_tmp):
        told = CliRunner().invoke(cli, ["doctor", "--json"], standalone_mode=False)
    found = {finding["name"]: finding for finding in json.loads(told.stdout)["findings"]}
    assert {"database folder", "room", "backups"} <= found.keys(), "what can be told of folders and files"
    assert "give yourself permission" in found["examination"]["text"]
    assert "cluster" in found, "what comes after the logs is looked at"


@pytest.mark.usefixtures("alone")
def test_a_working_directory_that_is_gone_is_no_obstacle(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (short_tmp / "gone").mkdir()
    monkeypatch.chdir(short_tmp / "gone")
    (short_tmp / "gone").rmdir()
    told = CliRunner().invoke(cli, ["doctor", "--json"], standalone_mode=False)
    assert "examination" not in {finding["name"] for finding in json.loads(told.stdout)["findings"]}
