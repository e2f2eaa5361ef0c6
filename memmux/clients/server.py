"""The entry that makes a client start memmux: absolute paths, and the database if it is not where all look for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from memmux.clients.entries import Entry
from memmux.clients.table import Machine
from memmux.settings import PREFIX, Settings

_FLEETING = ("uv/archive-v", "uv/environments-v", "pipx/.cache", "uv/builds-v")
"""Parts of the paths of environments that uvx and `pipx run` make and throw away."""


def entry(settings: Settings, machine: Machine, env: Mapping[str, str], executable: str = sys.executable) -> Entry:
    """Return the entry, with the variables in `env` besides.

    executable: the Python whose memmux it is. A client starts servers with a near-empty environment, so a database
    that is found by a variable is named in the entry, and so is the cluster of another machine.
    """
    command, *args = command_line(executable)
    if settings.remote is not None:
        remote = {f"{PREFIX}REMOTE": str(settings.remote)} if machine.environment.get(f"{PREFIX}REMOTE") else {}
        return Entry(command, (*args, "mcp"), {**remote, **env})
    named = settings.database != Settings().database or bool(machine.environment.get("XDG_DATA_HOME"))
    database = {f"{PREFIX}DATABASE": str(settings.database)} if named else {}
    return Entry(command, (*args, "mcp"), {**database, **env})


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
