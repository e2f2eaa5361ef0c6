"""The table of hosts: where each keeps its MCP servers, in which format and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from memmux.errors import ArgumentInvalidError
from memmux.hosts.machine import Base, Machine


class Format(StrEnum):
    """The format of a host's file."""

    JSON = "json"  # with comments and trailing commas where the client takes them
    TOML = "toml"


@dataclass(frozen=True, slots=True)
class Remote:
    """What an entry of a server looks like that a client connects to over streamable HTTP.

    url, headers: the keys of either. shape: what it has besides.
    """

    url: str = "url"
    headers: str = "headers"
    shape: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Host:
    """A host: its file for the user and, if it has one, for a project; and what an entry in it looks like.

    others: names that the file may have as well; one that is there is taken. moved: the variables that move the file,
    each with its path from the folder that the variable names, or with none where it names the file. servers: the key
    of the object that holds the servers. shape: what an entry has beside command, args and env. one_list: whether the
    command and its arguments are one list. env: the key of the variables. scopes: the key of an object whose every
    value may hold servers again: Claude Code's, by project. private: whether the file is for its user alone, since it
    holds secrets of the client's own. programs: what it is started by. then: what the user does so that the client
    takes notice. approval: what a client asks for before it starts the servers of a project. remote: what an entry
    over HTTP looks like; None for a client that takes none with a header.
    """

    name: str
    label: str
    base: Base
    file: tuple[str, ...]
    project: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    moved: tuple[tuple[str, tuple[str, ...]], ...] = ()
    format: Format = Format.JSON
    servers: str = "mcpServers"
    shape: Mapping[str, object] = field(default_factory=dict)
    one_list: bool = False
    env: str = "env"
    scopes: str = ""
    private: bool = False
    programs: tuple[str, ...] = ()
    then: str = "restart it"
    approval: str = ""
    remote: Remote | None = None

    def user_file(self, machine: Machine) -> Path:
        """Return where the client keeps the servers that its user has everywhere."""
        for variable, path in self.moved:
            if (named := machine.named(variable)) is not None:
                return self._there(named.joinpath(*path))
        return self._there(machine.folder(self.base).joinpath(*self.file))

    def project_file(self, folder: Path) -> Path:
        """Return where the client looks for the servers of a project; raise ArgumentInvalidError if it does not."""
        if not self.project:
            raise ArgumentInvalidError(f"{self.label} has no servers by project; leave --project out")
        return self._there(folder.joinpath(*self.project))

    def is_here(self, machine: Machine) -> bool:
        """Return whether the client is on this machine: its file, a folder of its own, or a program of its name."""
        file = self.user_file(machine)
        own = file.parent not in (machine.home, machine.folder(self.base))
        return file.exists() or (own and file.parent.is_dir()) or any(map(machine.has, self.programs))

    def _there(self, file: Path) -> Path:
        """Return the file, or one of its other names if that is there and it is not."""
        names = [file, *(file.with_name(name) for name in self.others)]
        return next((each for each in names if each.is_file()), file)


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
            moved=(("CLAUDE_CONFIG_DIR", (".claude.json",)),),
            shape={"type": "stdio"},
            scopes="projects",
            private=True,
            programs=("claude",),
            approval="start claude there and approve the server when it asks; until then it is pending",
            then="start a new session; /mcp shows it",
            remote=Remote(shape={"type": "http"}),
        ),
        Host(
            "cursor",
            "Cursor",
            Base.HOME,
            (".cursor", "mcp.json"),
            (".cursor", "mcp.json"),
            programs=("cursor", "cursor-agent"),
            then="switch it on in Settings → MCP",
            remote=Remote(),
        ),
        Host(
            "vscode",
            "VS Code",
            Base.APPLICATIONS,
            ("Code", "User", "mcp.json"),
            (".vscode", "mcp.json"),
            servers="servers",
            shape={"type": "stdio"},
            programs=("code",),
            then="start it with MCP: List Servers",
            remote=Remote(shape={"type": "http"}),
        ),
        Host(
            "windsurf",
            "Windsurf",
            Base.HOME,
            (".codeium", "windsurf", "mcp_config.json"),
            programs=("windsurf",),
            then="press Refresh in Cascade's list of MCP servers",
            remote=Remote(url="serverUrl"),
        ),
        Host(
            "codex",
            "Codex",
            Base.HOME,
            (".codex", "config.toml"),
            (".codex", "config.toml"),
            moved=(("CODEX_HOME", ("config.toml",)),),
            programs=("codex",),
            approval="start codex there and trust the folder when it asks; until then its file is not read",
            format=Format.TOML,
            servers="mcp_servers",
            then="start a new session; /mcp shows it",
            remote=Remote(headers="http_headers"),
        ),
        Host(
            "gemini",
            "Gemini CLI",
            Base.HOME,
            (".gemini", "settings.json"),
            (".gemini", "settings.json"),
            moved=(("GEMINI_CLI_HOME", (".gemini", "settings.json")),),
            programs=("gemini",),
            then="start a new session; in a folder that it does not trust it starts no server; /mcp shows it",
            approval="start gemini there and trust the folder when it asks; until then it starts no server",
            remote=Remote(url="httpUrl"),
        ),
        Host(
            "opencode",
            "opencode",
            Base.XDG,
            ("opencode", "opencode.jsonc"),
            ("opencode.json",),
            others=("opencode.jsonc", "opencode.json"),
            servers="mcp",
            shape={"type": "local"},
            one_list=True,
            env="environment",
            programs=("opencode",),
            then="restart it; `opencode mcp list` shows it",
            remote=Remote(shape={"type": "remote", "oauth": False}),
        ),
        Host(
            "qwen",
            "Qwen Code",
            Base.HOME,
            (".qwen", "settings.json"),
            (".qwen", "settings.json"),
            moved=(("QWEN_HOME", ("settings.json",)),),
            programs=("qwen",),
            then="start a new session; /mcp shows it",
            remote=Remote(url="httpUrl"),
        ),
        Host(
            "copilot",
            "GitHub Copilot CLI",
            Base.HOME,
            (".copilot", "mcp-config.json"),
            (".github", "mcp.json"),
            moved=(("COPILOT_HOME", ("mcp-config.json",)),),
            shape={"type": "local", "tools": ["*"]},
            programs=("copilot",),
            then="start a new session; `copilot mcp list` shows it",
            approval="start copilot there and trust the folder when it asks",
            remote=Remote(shape={"type": "http", "tools": ["*"]}),
        ),
        Host(
            "zed",
            "Zed",
            Base.CONFIG,
            ("zed", "settings.json"),
            (".zed", "settings.json"),
            servers="context_servers",
            shape={"source": "custom"},
            programs=("zed", "zeditor"),
            then="look for the green dot in the settings of the Agent Panel",
            approval="trust the folder when Zed asks; until then it starts no server of it",
            remote=Remote(),
        ),
        Host(
            "cline",
            "Cline",
            Base.HOME,
            (".cline", "data", "settings", "cline_mcp_settings.json"),
            moved=(
                ("CLINE_MCP_SETTINGS_PATH", ()),
                ("CLINE_DATA_DIR", ("settings", "cline_mcp_settings.json")),
                ("CLINE_DIR", ("data", "settings", "cline_mcp_settings.json")),
            ),
            shape={"type": "stdio"},
            programs=("cline",),
            then="it is in the list of MCP servers at once, in the editor after a reload",
            remote=Remote(shape={"type": "streamableHttp"}),
        ),
        Host(
            "amp",
            "Amp",
            Base.XDG,
            ("amp", "settings.json"),
            (".amp", "settings.json"),
            servers="amp.mcpServers",
            programs=("amp",),
            then="start a new thread; `amp mcp doctor` shows it",
            approval="say `amp mcp approve` with the server's name",
            remote=Remote(),
        ),
    )
}
"""Every client by its name, in the order of the help."""
