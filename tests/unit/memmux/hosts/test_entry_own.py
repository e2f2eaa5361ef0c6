from __future__ import annotations

from pathlib import Path

import pytest

from memmux.config.settings import Settings, ToolList
from memmux.hosts import entry
from memmux.hosts.entry import Entry
from memmux.hosts.machine import Machine

MACHINE = Machine(Path("/home/ada"), "linux", {})


@pytest.mark.parametrize(
    ("python", "script"), [("python", "memmux"), ("python3.12", "memmux"), ("python.exe", "memmux.exe")]
)
def test_the_console_script_beside_the_interpreter_is_named_absolutely(
    python: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / script).touch()
    monkeypatch.chdir(tmp_path)
    assert entry.command_line(f"bin/{python}") == (str(tmp_path / "bin" / script),)


def test_without_a_script_the_interpreter_runs_the_module_on_a_safe_path(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to("/usr/bin/true")
    assert entry.command_line(str(tmp_path / "python")) == (str(tmp_path / "python"), "-P", "-m", "memmux")


def test_the_usual_database_is_not_named_and_another_is(tmp_path: Path) -> None:
    python = str(tmp_path / "python")
    usual = entry.entry(Settings(), MACHINE, {}, python)
    assert usual == Entry(python, ("-P", "-m", "memmux", "mcp"), {})
    named = entry.entry(Settings(database=tmp_path / "m.db"), MACHINE, {"MEMMUX_TOOLS": "full"}, python)
    assert named.env == {"MEMMUX_DATABASE": str(tmp_path / "m.db"), "MEMMUX_TOOLS": "full"}


def test_a_database_that_a_variable_of_this_shell_moves_is_named() -> None:
    machine = Machine(MACHINE.home, "linux", {"XDG_DATA_HOME": "/data"})
    assert entry.entry(Settings(), machine, {}).env == {"MEMMUX_DATABASE": str(Settings().database)}


@pytest.mark.parametrize(
    ("command", "fleeting"),
    [
        ("/home/ada/.cache/uv/archive-v0/x1/bin/memmux", True),
        (r"C:\Users\Ada\AppData\Local\uv\environments-v2\x1\Scripts\memmux.exe", True),
        ("/home/ada/.local/share/uv/tools/memmux/bin/memmux", False),
        ("/home/ada/.local/share/pipx/venvs/memmux/bin/memmux", False),
    ],
)
def test_an_environment_that_is_thrown_away_is_known(command: str, fleeting: bool) -> None:
    assert entry.fleeting(command) is fleeting


def test_a_remote_that_a_variable_of_this_shell_names_is_named_and_the_database_beside_it_is_not() -> None:
    settings = Settings(database=Path("/own.db"), remote=Path("/keys/team.json"))
    assert entry.entry(settings, MACHINE, {}).env == {}  # it stands in memmux.toml, where the server finds it, too
    machine = Machine(MACHINE.home, "linux", {"MEMMUX_REMOTE": "team"})
    assert entry.entry(settings, machine, {}).env == {"MEMMUX_REMOTE": "/keys/team.json"}


def test_what_a_flag_gave_is_named_also_where_it_is_the_default_or_none(tmp_path: Path) -> None:
    settings = Settings(namespace="work", tools=ToolList.FULL, ingest_roots=(tmp_path, tmp_path / "b"))
    assert entry.entry(
        settings, MACHINE, {"MEMMUX_TOOLS": "core"}, flags=("namespace", "tools", "ingest_roots")
    ).env == {
        "MEMMUX_NAMESPACE": "work",
        "MEMMUX_TOOLS": "core",  # as --env says
        "MEMMUX_INGEST_ROOTS": f"{tmp_path}:{tmp_path}/b",
    }
    assert entry.entry(Settings(), MACHINE, {}, flags=("database",)).env == {
        "MEMMUX_DATABASE": str(Settings().database)
    }
    assert entry.entry(Settings(), MACHINE, {}, flags=("remote",)).env == {"MEMMUX_REMOTE": "none"}
    remote = Settings(remote=Path("/keys/team.json"))
    assert entry.entry(remote, MACHINE, {}, flags=("remote",)).env == {"MEMMUX_REMOTE": "/keys/team.json"}
    machine = Machine(MACHINE.home, "linux", {"MEMMUX_REMOTE": "none"})
    assert entry.entry(Settings(), machine, {}).env == {"MEMMUX_REMOTE": "none"}
