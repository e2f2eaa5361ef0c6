"""What `memmux install` refuses before it looks at any file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from memmux.cli import client_files
from memmux.cli.main import cli
from memmux.errors import ArgumentInvalidError, SettingInvalidError


@pytest.mark.parametrize(
    ("variable", "error", "said"),
    [
        ("MEMMUX_DATABSE=/x.db", ArgumentInvalidError, "MEMMUX_DATABASE was meant?"),
        ("memmux_tools=full", ArgumentInvalidError, "MEMMUX_TOOLS was meant?"),
        ("MEMMUX_READERS=two", SettingInvalidError, "MEMMUX_READERS is 'two'"),
    ],
)
def test_a_variable_that_would_have_no_effect_is_refused(variable: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said.replace("?", r"\?")):
        cli.main(["install", "cursor", "--dry-run", "--env", variable], standalone_mode=False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--shadow", "--http"], "--shadow"),
        (["--shadow", "--name", "memory"], "--shadow"),
        (["--shadow", "--env", "MEMMUX_NAMESPACE=a"], "--shadow"),
        (["cursor", "--http", "--uninstall", "--key", "laptop"], "--key"),
        (["cursor", "--dry-run", "--readers", "4"], "--env MEMMUX_READERS=4"),
        (["cursor", "--http", "--dry-run", "--namespace", "work"], "memmux key add NAME"),
        (["cursor", "--http", "--dry-run", "--tools", "full"], "put tools into memmux.toml"),
    ],
)
def test_what_would_not_be_heeded_is_refused(given: list[str], said: str) -> None:
    told = CliRunner().invoke(cli, ["install", *given], standalone_mode=False)
    assert isinstance(told.exception, ArgumentInvalidError)
    assert said in told.exception.message


def test_the_settings_of_a_client_that_flags_give_stand_in_its_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memmux.toml").write_text('remote = "work"\n')
    for name, value in {"HOME": tmp_path, "MEMMUX_CONFIG": tmp_path / "memmux.toml"}.items():
        monkeypatch.setenv(name, str(value))
    given = ["--remote", "none", "install", "cursor", "--dry-run", "--json", "--namespace", "work"]
    told = CliRunner().invoke(cli, given, standalone_mode=False)
    for written in ('"MEMMUX_REMOTE": "none"', '"MEMMUX_NAMESPACE": "work"'):
        assert written in json.loads(told.stdout)["diff"]


def test_an_entry_with_a_variable_of_the_clients_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MEMMUX_REMOTE", "none")
    monkeypatch.setattr(client_files, "model_trouble", lambda _: None)
    team = {"command": "memmux", "args": ["mcp"], "env": {"MEMMUX_DATABASE": "${HOME}/team.db"}}
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"memory": team}}))
    given = ["install", "claude-code", "--project", str(tmp_path), "--json"]
    told = CliRunner().invoke(cli, given, standalone_mode=False)
    answer = json.loads(told.stdout)
    assert "it is not started" in " ".join(answer["notes"])
    assert answer.keys().isdisjoint({"server", "error"})
    assert not (tmp_path / "${HOME}").exists()
