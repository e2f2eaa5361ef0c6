from __future__ import annotations

from pathlib import Path

import pytest

from memmux.errors import ArgumentInvalidError
from memmux.hosts.catalogue import HOSTS, Machine

HOME = Path("/home/ada")
SUPPORT = HOME / "Library" / "Application Support"
ROAMING = HOME / "AppData" / "Roaming"
FILES = {
    ("claude-desktop", "linux"): HOME / ".config/Claude/claude_desktop_config.json",
    ("claude-desktop", "darwin"): SUPPORT / "Claude/claude_desktop_config.json",
    ("claude-desktop", "win32"): ROAMING / "Claude/claude_desktop_config.json",
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
        }.items()
    },
}
PROJECTS = {
    "claude-code": ".mcp.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".vscode/mcp.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
}


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
    ],
)
def test_a_variable_that_the_client_heeds_moves_its_file(name: str, platform: str, variable: str, file: str) -> None:
    client = HOSTS[name]
    assert client.user_file(Machine(HOME, platform, {variable: "/elsewhere"})) == Path("/elsewhere", file)
    for nothing in ("", "not/absolute"):
        assert client.user_file(Machine(HOME, platform, {variable: nothing})) == FILES[name, platform]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
@pytest.mark.parametrize("name", HOSTS)
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
