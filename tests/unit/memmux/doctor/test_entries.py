"""What the clients' entries say: which database each uses, and which variables of theirs have no effect."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.doctor import entries
from memmux.doctor.finding import Finding, Level
from memmux.hosts.catalogue import HOSTS
from memmux.hosts.machine import Machine
from memmux.trust import remotes
from memmux.trust.remotes import Remote
from memmux.wire.curve import KeyPair
from tests.ports import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=tmp_path / "shell.db")


def _entry(machine: Machine, name: str, env: dict[str, str], *args: str) -> None:
    file = HOSTS[name].user_file(machine)
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "memmux", *args, "mcp"]
    file.write_text(json.dumps({"mcpServers": {"memory": {"command": command[0], "args": command[1:], "env": env}}}))


def _findings(settings: Settings, machine: Machine, folder: Path) -> list[Finding]:
    return list(entries.of_entries(settings, machine, folder, lambda _: False))


def test_a_client_of_the_same_database_is_well(settings: Settings, machine: Machine, tmp_path: Path) -> None:
    _entry(machine, "cursor", {"MEMMUX_DATABASE": str(settings.database)})
    (finding,) = _findings(settings, machine, tmp_path)
    assert finding.level is Level.OK
    assert "Cursor" in finding.text
    assert str(settings.database) in finding.text


def test_a_variable_that_the_client_replaces_is_no_error(settings: Settings, machine: Machine, tmp_path: Path) -> None:
    _entry(machine, "claude-code", {"MEMMUX_DATABASE": "${HOME}/team.db"})
    (finding,) = _findings(settings, machine, tmp_path)
    assert finding.level is Level.OK
    assert "that the client replaces" in finding.text


@pytest.mark.parametrize("flag", [False, True])
def test_a_client_of_another_database_than_the_shell_is_named_with_both(
    settings: Settings, machine: Machine, tmp_path: Path, *, flag: bool
) -> None:
    other = str(tmp_path / "other.db")
    if flag:
        _entry(machine, "cursor", {}, "--database", other)
    else:
        _entry(machine, "cursor", {"MEMMUX_DATABASE": other})
    (finding,) = _findings(settings, machine, tmp_path)
    assert finding.level is Level.WARNING
    assert all(said in finding.text for said in ("Cursor", other, str(settings.database), "MEMMUX_DATABASE"))


def test_clients_that_disagree_are_named_with_the_database_of_each(
    settings: Settings, machine: Machine, tmp_path: Path
) -> None:
    one, two = str(tmp_path / "one.db"), str(tmp_path / "two.db")
    _entry(machine, "cursor", {"MEMMUX_DATABASE": one})
    _entry(machine, "windsurf", {"MEMMUX_DATABASE": two})
    *each, together = _findings(settings, machine, tmp_path)
    assert len(each) == 2
    assert together.level is Level.WARNING
    assert all(said in together.text for said in ("Cursor", "Windsurf", one, two, "2 databases"))


def test_a_client_of_another_machine_s_memory_is_named(settings: Settings, machine: Machine, tmp_path: Path) -> None:
    _entry(machine, "cursor", {"MEMMUX_REMOTE": "office"})
    failure, finding = _findings(settings, machine, tmp_path)
    assert failure.level is Level.ERROR
    assert "memmux connect" in failure.text
    assert finding.level is Level.WARNING
    assert "office" in finding.text


def test_a_client_of_a_cluster_elsewhere_that_does_not_answer_is_an_error(
    settings: Settings, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memmux.cluster.ping.PONG_S", 0.1)
    path = remotes.path_of("office", tmp_path / "memmux.toml")
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    remotes.keep(Remote(name="office", endpoint=endpoint, server=KeyPair.make().public, own=KeyPair.make()), path)
    _entry(machine, "cursor", {"MEMMUX_REMOTE": str(path)})
    failure, _ = _findings(settings, machine, tmp_path)
    assert failure.level is Level.ERROR
    assert f"{endpoint} does not answer" in failure.text


def test_an_entry_with_a_value_that_is_none_is_an_error(settings: Settings, machine: Machine, tmp_path: Path) -> None:
    _entry(machine, "cursor", {"MEMMUX_DATABASE": str(settings.database), "MEMMUX_READERS": "many"})
    (finding,) = _findings(settings, machine, tmp_path)
    assert finding.level is Level.ERROR
    assert "MEMMUX_READERS is 'many'" in finding.text


def test_variables_of_theirs_in_an_entry_are_told_with_what_has_no_counterpart(
    settings: Settings, machine: Machine, tmp_path: Path
) -> None:
    env = {"MCP_OAUTH_ENABLED": "true", "MCP_CONSOLIDATION_ENABLED": "true", "MCP_AGENT_ID": "x"}
    _entry(machine, "cursor", {"MEMMUX_DATABASE": str(settings.database), **env})
    texts = [finding.text for finding in _findings(settings, machine, tmp_path)]
    assert any("MCP_OAUTH_ENABLED" in text and "MEMMUX_HTTP" in text and "Cursor" in text for text in texts)
    assert any("MCP_CONSOLIDATION_ENABLED" in text and "schedule" in text for text in texts)
    assert any("MCP_AGENT_ID" in text and "without effect" in text for text in texts)


def test_a_client_that_still_runs_theirs_is_told_what_would_have_no_counterpart(
    settings: Settings, machine: Machine, tmp_path: Path
) -> None:
    file = HOSTS["cursor"].user_file(machine)
    file.parent.mkdir(parents=True)
    server = {"command": "memory", "args": ["server"], "env": {"MCP_OAUTH_ENABLED": "true"}}
    file.write_text(json.dumps({"mcpServers": {"memory": server}}))
    (finding,) = _findings(settings, machine, tmp_path)
    assert "MEMMUX_HTTP" in finding.text


def test_hooks_of_theirs_are_a_warning(settings: Settings, machine: Machine, tmp_path: Path) -> None:
    hook = machine.home / ".claude" / "hooks" / "core" / "session-start.js"
    hook.parent.mkdir(parents=True)
    hook.write_text("fetch('http://127.0.0.1:8000/api/search')")
    (finding,) = _findings(settings, machine, tmp_path)
    assert finding.level is Level.WARNING
    assert str(hook) in finding.text


def test_a_variable_of_an_entry_that_is_misspelt_is_a_warning(
    settings: Settings, machine: Machine, tmp_path: Path
) -> None:
    _entry(machine, "cursor", {"MEMMUX_DATABSE": "/x.db"}, "--database", str(settings.database))
    finding, _ = _findings(settings, machine, tmp_path)
    assert finding.level is Level.WARNING
    assert "MEMMUX_DATABSE" in finding.text
    assert "MEMMUX_DATABASE was meant?" in finding.text


def test_a_setting_among_the_arguments_that_is_none_is_an_error(
    settings: Settings, machine: Machine, tmp_path: Path
) -> None:
    _entry(machine, "cursor", {}, "--database", str(settings.database), "--readers=many")
    (finding,) = _findings(settings, machine, tmp_path)
    assert finding.level is Level.ERROR
    assert "--readers is 'many'" in finding.text


def test_a_database_that_nothing_adopts_any_more_is_named_with_the_way_to_bring_it_in(
    settings: Settings, machine: Machine, tmp_path: Path
) -> None:
    theirs = tmp_path / "sqlite_vec.db"
    theirs.write_bytes(b"x")
    ours = {"MEMMUX_DATABASE": str(settings.database), "MEMMUX_STATE_DIR": str(tmp_path / "state")}
    _entry(machine, "cursor", {**ours, "MCP_MEMORY_SQLITE_PATH": str(theirs)})
    assert not _adoption(settings, machine, tmp_path)  # the first start adopts it
    settings.database.write_bytes(b"x")
    (text,) = _adoption(settings, machine, tmp_path)
    assert f"`memmux import {theirs}`" in text
    report = Places(load({}, ours)).adoption
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps({"source": str(theirs)}))
    assert not _adoption(settings, machine, tmp_path)  # it was adopted


def _adoption(settings: Settings, machine: Machine, folder: Path) -> list[str]:
    return [finding.text for finding in _findings(settings, machine, folder) if finding.name == "adoption"]
