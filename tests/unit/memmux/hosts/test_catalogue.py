from __future__ import annotations

from pathlib import Path

import pytest

from memmux.errors import ArgumentInvalidError
from memmux.hosts.catalogue import HOSTS
from memmux.hosts.machine import Machine

HOME = Path("/home/ada")
SUPPORT = HOME / "Library" / "Application Support"
ROAMING = HOME / "AppData" / "Roaming"
FILES = {
    ("claude-desktop", "linux"): HOME / ".config/Claude/claude_desktop_config.json",
    ("claude-desktop", "darwin"): SUPPORT / "Claude/claude_desktop_config.json",
    ("claude-desktop", "win32"): ROAMING / "Claude/claude_desktop_config.json",
    ("zed", "linux"): HOME / ".config/zed/settings.json",
    ("zed", "darwin"): HOME / ".config/zed/settings.json",
    ("zed", "win32"): ROAMING / "zed/settings.json",
    ("vscode", "linux"): HOME / ".config/Code/User/mcp.json",
    ("vscode", "darwin"): SUPPORT / "Code/User/mcp.json",
    ("vscode", "win32"): ROAMING / "Code/User/mcp.json",
    **{
        (name, platform): HOME / file
        for platform in ("linux", "darwin", "win32")
        for name, file in {
            "claude-code": ".claude.json",
            "cursor": ".cursor/mcp.json",
            "windsurf": ".codeium/windsurf/mcp_config.json",
            "codex": ".codex/config.toml",
            "gemini": ".gemini/settings.json",
            "opencode": ".config/opencode/opencode.jsonc",
            "qwen": ".qwen/settings.json",
            "copilot": ".copilot/mcp-config.json",
            "cline": ".cline/data/settings/cline_mcp_settings.json",
            "amp": ".config/amp/settings.json",
        }.items()
    },
}
PROJECTS = {
    "claude-code": ".mcp.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".vscode/mcp.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
    "opencode": "opencode.json",
    "qwen": ".qwen/settings.json",
    "copilot": ".github/mcp.json",
    "zed": ".zed/settings.json",
    "amp": ".amp/settings.json",
}
XDG = {"opencode", "amp"}  # heed its variable on every platform


def test_the_files_of_every_client_are_tested_here() -> None:
    assert {name for name, _ in FILES} == set(HOSTS)
    assert {name for name, client in HOSTS.items() if client.project} == set(PROJECTS)


@pytest.mark.parametrize(("name", "platform"), FILES)
def test_every_client_keeps_its_users_servers_where_it_says(name: str, platform: str) -> None:
    assert HOSTS[name].user_file(Machine(HOME, platform, {})) == FILES[name, platform]


@pytest.mark.parametrize(
    ("name", "platform", "variable", "file"),
    [
        ("claude-desktop", "linux", "XDG_CONFIG_HOME", "Claude/claude_desktop_config.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
        ("claude-desktop", "win32", "APPDATA", "Claude/claude_desktop_config.json"),
        ("vscode", "win32", "APPDATA", "Code/User/mcp.json"),
        ("claude-code", "linux", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("codex", "darwin", "CODEX_HOME", "config.toml"),
        ("gemini", "linux", "GEMINI_CLI_HOME", ".gemini/settings.json"),
        ("opencode", "darwin", "XDG_CONFIG_HOME", "opencode/opencode.jsonc"),
        ("amp", "linux", "XDG_CONFIG_HOME", "amp/settings.json"),
        ("zed", "linux", "XDG_CONFIG_HOME", "zed/settings.json"),
        ("qwen", "linux", "QWEN_HOME", "settings.json"),
        ("copilot", "linux", "COPILOT_HOME", "mcp-config.json"),
        ("cline", "linux", "CLINE_MCP_SETTINGS_PATH", ""),
        ("cline", "linux", "CLINE_DATA_DIR", "settings/cline_mcp_settings.json"),
        ("cline", "linux", "CLINE_DIR", "data/settings/cline_mcp_settings.json"),
    ],
)
def test_a_variable_that_the_client_heeds_moves_its_file(name: str, platform: str, variable: str, file: str) -> None:
    client = HOSTS[name]
    assert client.user_file(Machine(HOME, platform, {variable: "/elsewhere"})) == Path("/elsewhere", file)
    for nothing in ("", "not/absolute"):
        assert client.user_file(Machine(HOME, platform, {variable: nothing})) == FILES[name, platform]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
@pytest.mark.parametrize("name", sorted(HOSTS.keys() - XDG))
def test_the_folders_of_another_platform_move_nothing(name: str, platform: str) -> None:
    machine = Machine(HOME, platform, {"XDG_CONFIG_HOME": "/xdg", "XDG_DATA_HOME": "/xdg"})
    assert HOSTS[name].user_file(machine) == FILES[name, platform]


@pytest.mark.parametrize("name", HOSTS)
def test_a_project_has_a_file_of_its_own_or_it_is_said_that_it_has_not(name: str) -> None:
    if name in PROJECTS:
        assert HOSTS[name].project_file(Path("/work")) == Path("/work", PROJECTS[name])
    else:
        with pytest.raises(ArgumentInvalidError, match="--project"):
            HOSTS[name].project_file(Path("/work"))


def test_file_that_is_there_under_another_name_is_taken(tmp_path: Path) -> None:
    machine, folder = Machine(tmp_path, "linux", {}), tmp_path / ".config" / "opencode"
    assert HOSTS["opencode"].user_file(machine) == folder / "opencode.jsonc"
    folder.mkdir(parents=True)
    (folder / "opencode.json").touch()
    assert HOSTS["opencode"].user_file(machine) == folder / "opencode.json"
    (folder / "opencode.jsonc").touch()
    assert HOSTS["opencode"].user_file(machine) == folder / "opencode.jsonc"


@pytest.mark.parametrize("name", HOSTS)
def test_a_client_is_here_if_its_file_its_folder_or_its_program_is(name: str, tmp_path: Path) -> None:
    client = HOSTS[name]
    machine = Machine(tmp_path / "home", "linux", {"PATH": str(tmp_path / "bin")})
    for folder in (machine.home, tmp_path / "bin", machine.home / ".config"):
        folder.mkdir()
    assert not client.is_here(machine)
    for program in client.programs[:1]:
        (tmp_path / "bin" / program).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / program).chmod(0o755)
        assert client.is_here(machine)
        (tmp_path / "bin" / program).unlink()
    file = client.user_file(machine)
    file.parent.mkdir(parents=True, exist_ok=True)
    assert client.is_here(machine) is (file.parent != machine.home)
    file.touch()
    assert client.is_here(machine)
