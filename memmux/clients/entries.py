"""A server's entry in a client's file: what it says, and what is run by it in the end."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from memmux.clients import commands

ENTRY = ("command", "args", "env")
"""What every client's entry has."""

THEIR_INTERPRETER = frozenset({"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT", "UV_PYTHON"})
"""Variables that fit the Python of the server that had them, and not ours."""

_LEGACY = frozenset({"memory-server", "mcp-memory-server", "mcp-memory-service"})
_CHECKOUT = frozenset({"mcp-memory-service", "mcp_memory_service"})


class Kind(StrEnum):
    """What an entry runs."""

    MEMMUX = "memmux"
    LEGACY = "mcp-memory-service"
    OTHER = "another server"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a client starts: a command with its arguments, and the variables that it adds to the environment."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None

    @property
    def line(self) -> str:
        """The command as one types it."""
        return shlex.join([self.command, *self.args])


def parse(raw: object) -> Entry | None:
    """Return the entry that a client's file says; None if it starts no program, as one with a url."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("command"), str) or not raw["command"].strip():
        return None
    args, env = raw.get("args"), raw.get("env")
    return Entry(
        raw["command"],
        tuple(str(arg) for arg in args) if isinstance(args, list) else (),
        {str(name): str(value) for name, value in env.items()} if isinstance(env, Mapping) else {},
    )


def kind(entry: Entry | None, shadows: Callable[[str], bool]) -> Kind:
    """Return what an entry runs; `shadows` says whether a command is a script that `memmux install --shadow` made."""
    if entry is None:
        return Kind.OTHER
    program, *rest = commands.program([entry.command, *entry.args]) or [""]
    name = commands.name(program)
    if name in {"memmux", "mcp_dealer"} or name.startswith("memmux."):
        return Kind.MEMMUX
    if not _is_legacy(program, name, rest):
        return Kind.OTHER
    return Kind.MEMMUX if shadows(program) else Kind.LEGACY


def _is_legacy(program: str, name: str, rest: Sequence[str]) -> bool:
    if name in _LEGACY or name.partition(".")[0] == "mcp_memory_service":
        return True
    if name == "memory":  # `uv run memory` starts the server too
        return not rest or rest[0] == "server" or rest[0].startswith("-")
    # A script of a checkout, given to Python: …/mcp-memory-service/scripts/run_memory_server.py.
    return name.endswith(".py") and bool(_CHECKOUT & set(commands.parts(program)))


def build(entry: Entry, shape: Mapping[str, str]) -> dict[str, Any]:
    """Return the entry as it is written; `shape` is what the client wants beside it."""
    raw: dict[str, Any] = {**shape, "command": entry.command, "args": list(entry.args)}
    if entry.env:
        raw["env"] = dict(entry.env)
    return raw
