"""A server's entry in a client's file: what it says, and what is run by it in the end."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from memmux.config.settings import PREFIX, Settings
from memmux.hosts import command_lines
from memmux.hosts.catalogue import Host
from memmux.hosts.machine import Machine

THEIR_INTERPRETER = frozenset({"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT", "UV_PYTHON"})
"""Variables that fit the Python of the server that had them, and not ours."""

_MMS = frozenset({"memory-server", "mcp-memory-server", "mcp-memory-service"})
_CHECKOUT = frozenset({"mcp-memory-service", "mcp_memory_service"})


class Kind(StrEnum):
    """The program that an entry runs, or the server that it names."""

    MEMMUX = "memmux"
    HTTP = "memmux over HTTP"  # which it does not run, but connects to
    MMS = "mcp-memory-service"
    OTHER = "another server"


OURS = frozenset({Kind.MEMMUX, Kind.HTTP})


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: a command with its arguments, and the variables that the host adds to the environment."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None

    @property
    def line(self) -> str:
        """The command as one types it."""
        return shlex.join([self.command, *self.args])

    @property
    def varies(self) -> bool:
        """Whether something like `${HOME}` stands in it, which some clients replace and nobody else can."""
        return any("${" in text for text in (self.command, *self.args, *(self.env or {}).values()))


def parse(raw: object) -> Entry | None:
    """Return the entry that a client's file says, or was meant to say; None if it starts no program, as one with a url.

    What a client does not take so is among the faults of `memmux.hosts.faults`, and is corrected by an installation.
    """
    if not isinstance(raw, Mapping):
        return None
    command, args = raw.get("command"), raw.get("args")
    if isinstance(command, list) and command:
        command, args = command[0], command[1:]
    if not isinstance(command, str) or not command.strip():
        return None
    if isinstance(args, str):
        args = command_lines.words(args)
    env = raw.get("env", raw.get("environment"))
    return Entry(
        command,
        tuple(_text(arg) for arg in args if arg is not None) if isinstance(args, list) else (),
        {str(name): _text(value) for name, value in env.items() if value is not None}
        if isinstance(env, Mapping)
        else {},
    )


def _text(value: object) -> str:
    """Return a value of a client's file as the text that it stands for."""
    return json.dumps(value) if isinstance(value, bool | list | dict) else str(value)


def kind(entry: Entry | None, shadows: Callable[[str], bool]) -> Kind:
    """Return what an entry runs; `shadows` says whether a command is a script that `memmux install --shadow` made."""
    if entry is None:
        return Kind.OTHER
    program, *rest = _program(entry) or [""]
    name = command_lines.name(program)
    if _is_ours(name):
        return Kind.MEMMUX
    if not _is_mms(program, name, rest):
        return Kind.OTHER
    return Kind.MEMMUX if shadows(program) else Kind.MMS


def plain(entry: Entry) -> bool:
    """Return whether an entry starts memmux as one that memmux writes does, without a shell or a script before it."""
    name = command_lines.name((_program(entry, shells=False) or [""])[0])
    return _is_ours(name)


def _program(entry: Entry, *, shells: bool = True) -> list[str]:
    return command_lines.program([*command_lines.line(entry.command), *entry.args], shells=shells)


def _is_ours(name: str) -> bool:
    return name in {"memmux", "mcp_dealer"} or name.startswith("memmux.")


def _is_mms(program: str, name: str, rest: Sequence[str]) -> bool:
    if name in _MMS or name.partition(".")[0] == "mcp_memory_service":
        return True
    if name == "memory":  # `uv run memory` starts the server too
        return not rest or rest[0] == "server" or rest[0].startswith("-")
    # A script of a checkout, given to Python: …/mcp-memory-service/scripts/run_memory_server.py.
    return name.endswith(".py") and bool(_CHECKOUT & set(command_lines.parts(program)))


def build(entry: Entry, client: Host) -> dict[str, Any]:
    """Return the entry as it is written for a client."""
    line: dict[str, Any] = {"command": entry.command, "args": list(entry.args)}
    if client.one_list:
        line = {"command": [entry.command, *entry.args]}
    return {**client.shape, **line, **({client.env: dict(entry.env)} if entry.env else {})}


_PLACES = frozenset({"database", "server"})  # which one variable names

_FLEETING = ("uv/archive-v", "uv/environments-v", "pipx/.cache", "uv/builds-v")
"""Parts of the paths of environments that uvx and `pipx run` make and throw away."""


def entry(
    settings: Settings,
    machine: Machine,
    env: Mapping[str, str],
    executable: str = sys.executable,
    flags: Collection[str] = (),
) -> Entry:
    """Return the entry, with the variables in `env` besides.

    executable: the Python whose memmux it is. A client starts servers with a near-empty environment, so a database
    that is found by a variable is named in the entry, and so is the cluster of another machine. flags: the settings
    that a flag gave, a client's own each, which are named there too.
    """
    command, *args = command_line(executable)
    names = {*flags, *(("remote",) if machine.environment.get(f"{PREFIX}REMOTE") else ())}
    written = settings.written()
    given = {f"{PREFIX}{name.upper()}": written[name] for name in sorted(names - _PLACES) if name in written}
    usual = settings.database == Settings().database and not machine.environment.get("XDG_DATA_HOME")
    if settings.remote is None and (not usual or names & _PLACES):
        given = {f"{PREFIX}DATABASE": settings.where, **given}
    return Entry(command, (*args, "mcp"), {**given, **env})


def command_line(executable: str = sys.executable) -> tuple[str, ...]:
    """Return how this memmux is started from anywhere: its console script, or its Python if there is none."""
    # Not resolved: the python of a virtual environment is a link to one that has not our packages.
    python = Path(executable).absolute()
    script = python.with_name("memmux.exe" if python.suffix.lower() == ".exe" else "memmux")
    return (str(script),) if script.is_file() else (str(python), "-P", "-m", "memmux")


def fleeting(command: str) -> bool:
    """Return whether a command is in an environment that its maker throws away."""
    path = command.replace("\\", "/")
    return any(part in path for part in _FLEETING)
