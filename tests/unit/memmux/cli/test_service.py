"""What `memmux service` says; what it does is tested with the service itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from memmux.cli.main import cli
from memmux.cli.service import NOT_RUNNING


@pytest.fixture
def config(short_tmp: Path, settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that systemd's user units are looked for in, on a machine without systemctl."""
    for name, value in settings_env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.platform", "linux")
    return short_tmp / "config" / "systemd" / "user"


def _run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(cli, ["service", *arguments])
    return ended.exit_code, ended.output


def _document(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_run(*arguments, "--json")[1])
    return document


def test_dry_run_prints_the_file_and_the_commands_and_writes_nothing(config: Path) -> None:
    code, said = _run("install", "--dry-run")
    assert code == 0
    assert "ExecStart=" in said
    assert "run systemctl --user daemon-reload" in said
    assert not config.exists()
    document = _document("install", "--dry-run")
    assert "ExecStart=" in document["content"]
    assert document["commands"][0] == "systemctl --user daemon-reload"


def test_install_without_a_manager_writes_the_file_and_names_what_is_left_to_run(config: Path) -> None:
    code, said = _run("install")
    assert code == 0
    (path,) = config.iterdir()
    assert f"wrote {path}" in said
    assert f"to run: systemctl --user enable --now {path.name}" in said
    assert _document("install")["left_to_run"][-1] == f"systemctl --user enable --now {path.name}"


def test_status_tells_with_its_exit_code_whether_the_service_runs(config: Path) -> None:
    code, said = _run("status")
    assert (code, "not installed" in said) == (NOT_RUNNING, True)
    _run("install")
    code, said = _run("status")
    assert (code, "not running" in said) == (NOT_RUNNING, True)
    document = _document("status")
    assert (document["installed"], document["active"]) == (True, False)
    assert Path(document["path"]).parent == config


def test_uninstall_removes_the_file_and_says_when_there_is_none(config: Path) -> None:
    assert "there is no service" in _run("uninstall")[1]
    _run("install")
    assert "removed" in _run("uninstall")[1]
    assert not list(config.iterdir())
    assert _document("uninstall")["done"] is False
