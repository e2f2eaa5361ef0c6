"""The table of clients: where each keeps its MCP servers, in which format and shape."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from memmux.errors import ArgumentInvalidError


class Format(StrEnum):
    """The format of a host's file."""

    JSON = "json"  # with comments and trailing commas where the client takes them
    TOML = "toml"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, by which files have their places: home folder, platform as in sys.platform, and environment."""

    home: Path
    platform: str
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> Machine:
        """Return this one."""
        return cls(Path.home(), sys.platform, os.environ)

    def named(self, variable: str) -> Path | None:
        """Return the folder that a variable names, if it is set to an absolute path."""
        folder = Path(self.environment.get(variable, ""))
        return folder if folder.is_absolute() else None

    def applications(self) -> Path:
        """Return the folder in which desktop applications keep their settings."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.named("APPDATA") or self.home / "AppData" / "Roaming"
        return self.named("XDG_CONFIG_HOME") or self.home / ".config"


class Base(StrEnum):
    """The folder that a client's file is in."""

    HOME = "home"
    APPLICATIONS = "applications"  # ~/.config, ~/Library/Application Support or %APPDATA%


@dataclass(frozen=True, slots=True)
class Host:
    """A client: its file for the user and, if it has one, for a project; and what an entry in it looks like.

    moved_by: the variable that moves the file: `moved` is its path from the folder that the variable names.
    servers: the key of the object that holds the servers. shape: what an entry has beside command, args and env.
    scopes: the key of an object whose every value may hold servers again: Claude Code's, by project.
    then: what the user does so that the client takes notice.
    """

    name: str
    label: str
    base: Base
    file: tuple[str, ...]
    project: tuple[str, ...] = ()
    moved_by: str = ""
    moved: tuple[str, ...] = ()
    format: Format = Format.JSON
    servers: str = "mcpServers"
    shape: Mapping[str, str] = field(default_factory=dict)
    scopes: str = ""
    then: str = "restart it"

    def user_file(self, machine: Machine) -> Path:
        """Return where the client keeps the servers that its user has everywhere."""
        if self.moved_by and (moved := machine.named(self.moved_by)) is not None:
            return moved.joinpath(*self.moved)
        folder = machine.home if self.base is Base.HOME else machine.applications()
        return folder.joinpath(*self.file)

    def project_file(self, folder: Path) -> Path:
        """Return where the client looks for the servers of a project; raise ArgumentInvalidError if it does not."""
        if not self.project:
            raise ArgumentInvalidError(f"{self.label} has no servers by project; leave --project out")
        return folder.joinpath(*self.project)


HOSTS: Mapping[str, Host] = {
    client.name: client
    for client in (
        Host(
            "claude-desktop",
            "Claude Desktop",
            Base.APPLICATIONS,
            ("Claude", "claude_desktop_config.json"),
            then="quit it, window and all, and start it again",
        ),
        Host(
            "claude-code",
            "Claude Code",
            Base.HOME,
            (".claude.json",),
            (".mcp.json",),
            moved_by="CLAUDE_CONFIG_DIR",
            moved=(".claude.json",),
            shape={"type": "stdio"},
            scopes="projects",
            then="start a new session; /mcp shows it",
        ),
        Host(
            "cursor",
            "Cursor",
            Base.HOME,
            (".cursor", "mcp.json"),
            (".cursor", "mcp.json"),
            then="switch it on in Settings → MCP",
        ),
        Host(
            "vscode",
            "VS Code",
            Base.APPLICATIONS,
            ("Code", "User", "mcp.json"),
            (".vscode", "mcp.json"),
            servers="servers",
            shape={"type": "stdio"},
            then="start it with MCP: List Servers",
        ),
        Host(
            "windsurf",
            "Windsurf",
            Base.HOME,
            (".codeium", "windsurf", "mcp_config.json"),
            then="press Refresh in Cascade's list of MCP servers",
        ),
        Host(
            "codex",
            "Codex",
            Base.HOME,
            (".codex", "config.toml"),
            (".codex", "config.toml"),
            moved_by="CODEX_HOME",
            moved=("config.toml",),
            format=Format.TOML,
            servers="mcp_servers",
            then="start a new session; /mcp shows it",
        ),
        Host(
            "gemini",
            "Gemini CLI",
            Base.HOME,
            (".gemini", "settings.json"),
            (".gemini", "settings.json"),
            moved_by="GEMINI_CLI_HOME",
            moved=(".gemini", "settings.json"),
            then="start a new session; /mcp shows it",
        ),
    )
}
"""Every client by its name, in the order of the help."""
