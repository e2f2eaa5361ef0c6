"""A server's entry in a client's file: what it says, and what is run by it in the end."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

ENTRY = ("command", "args", "env")
"""What every client's entry has."""

THEIR_INTERPRETER = frozenset({"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT", "UV_PYTHON"})
"""Variables that fit the Python of the server that had them, and not ours."""

_LAUNCHERS = 5  # that may stand in front of one another: env, sh -c, uv run, python -m
_LEGACY = frozenset({"memory-server", "mcp-memory-server", "mcp-memory-service"})
_CHECKOUT = frozenset({"mcp-memory-service", "mcp_memory_service"})
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "fish"})
# The options of uv, uvx and pipx that take a value, which is not the program then.
_VALUED = frozenset(
    "--directory --project --from --with --with-editable --with-requirements --python -p --index-url -i --index "
    "--default-index --extra-index-url --find-links -f --extra --group --env-file --config-file --cache-dir --spec "
    "--pip-args --constraints -c --overrides --refresh-package --upgrade-package -P --reinstall-package --package".split()
)


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
    program, *rest = _program([entry.command, *entry.args]) or [""]
    name = _name(program)
    if name in {"memmux", "mcp_dealer"} or name.startswith("memmux."):
        return Kind.MEMMUX
    if not _is_legacy(program, name, rest):
        return Kind.OTHER
    return Kind.MEMMUX if shadows(program) else Kind.LEGACY


def _is_legacy(program: str, name: str, rest: Sequence[str]) -> bool:
    if name in _LEGACY or name.split(".")[0] == "mcp_memory_service":
        return True
    if name == "memory":  # `uv run memory` starts the server too
        return not rest or rest[0] == "server" or rest[0].startswith("-")
    # A script of a checkout, given to Python: …/mcp-memory-service/scripts/run_memory_server.py.
    return name.endswith(".py") and bool(_CHECKOUT & set(_parts(program)))


def _parts(program: str) -> tuple[str, ...]:
    return PureWindowsPath(program).parts if "\\" in program else PurePosixPath(program).parts


def _name(program: str) -> str:
    """Return the name of a program without its folder, Windows' suffix, and what a requirement adds: [extra], @1.0."""
    base = (_parts(program) or ("",))[-1]
    base = re.sub(r"\.(?:exe|cmd|bat)$", "", base, flags=re.IGNORECASE)
    return re.split(r"[\[@=<>~! ]", base)[0]


def _program(tokens: list[str]) -> list[str]:
    """Return the program that a command line runs in the end and its arguments; the launchers are gone."""
    for _ in range(_LAUNCHERS):
        if not tokens:
            return []
        inner = _inner(_name(tokens[0]), tokens[1:])
        if inner is None:
            return tokens
        tokens = inner
    return tokens


def _inner(name: str, rest: list[str]) -> list[str] | None:
    """Return what a launcher runs; None if it is none."""
    if re.fullmatch(r"(?:python|pypy|py)[\d.]*w?", name):
        return _of_python(rest)
    if name == "env":
        return [token for index, token in enumerate(rest) if any("=" not in each for each in rest[: index + 1])]
    if name == "cmd" and rest and rest[0].lower() in {"/c", "/k"}:
        return rest[1:]
    if name in _SHELLS and len(rest) > 1 and re.fullmatch(r"-\w*c", rest[0]):
        try:
            return [token for token in shlex.split(rest[1]) if token != "exec"]
        except ValueError:  # a quote that is not closed
            return None
    after = _after_options(rest)
    if name == "uvx":
        return after
    if name == "uv" and after[:1] == ["run"]:
        return _after_options(after[1:])
    if (name == "uv" and after[:2] == ["tool", "run"]) or (name == "pipx" and after[:1] == ["run"]):
        return _after_options(after[2:] if name == "uv" else after[1:])
    return None


def _after_options(tokens: list[str]) -> list[str]:
    """Return the tokens from the first that is no option on; a module that is to be run is one for Python."""
    left = list(tokens)
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option in {"-m", "--module"}:
            return ["python", "-m", *left]
        if option == "--":
            break
        if option in _VALUED and left:
            left.pop(0)
    return left


def _of_python(tokens: list[str]) -> list[str]:
    """Return the module or the script that Python runs, and its arguments."""
    left = list(tokens)
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option == "-m":
            return left
        if option in {"-X", "-W", "-c"} and left:
            left.pop(0)
    return left


def build(entry: Entry, shape: Mapping[str, str]) -> dict[str, Any]:
    """Return the entry as it is written; `shape` is what the client wants beside it."""
    raw: dict[str, Any] = {**shape, "command": entry.command, "args": list(entry.args)}
    if entry.env:
        raw["env"] = dict(entry.env)
    return raw
