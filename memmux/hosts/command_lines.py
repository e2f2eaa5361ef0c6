"""Command lines: the program that one runs in the end, behind uv, uvx, pipx, python -m, sh -c, env and cmd /c."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from itertools import dropwhile
from pathlib import PurePosixPath, PureWindowsPath

_LAUNCHERS = 5  # that may stand in front of one another
_PYTHON = re.compile(r"(?:python|pypy|py)[\d.]*w?")
_OURS = ("memmux", "mcp_dealer")
# The options of uv, uvx and pipx that take a value, which is not the program then.
_VALUED = frozenset(
    {
        *("--directory", "--project", "--from", "--with", "--with-editable", "--with-requirements", "--package"),
        *(
            "--python",
            "-p",
            "--index-url",
            "-i",
            "--index",
            "--default-index",
            "--extra-index-url",
            "--find-links",
            "-f",
        ),
        *("--extra", "--group", "--env-file", "--config-file", "--cache-dir", "--spec", "--pip-args"),
        *("--constraints", "-c", "--overrides", "--refresh-package", "--upgrade-package", "-P", "--reinstall-package"),
    }
)


def program(tokens: list[str], *, shells: bool = True) -> list[str]:
    """Return the program, or the module, that a command line runs in the end, and its arguments.

    shells: whether the command that is given to a shell is looked into.
    """
    for _ in range(_LAUNCHERS):
        launched = name(tokens[0]) if tokens else ""
        inner = _of_python if _PYTHON.fullmatch(launched) else _LAUNCHED.get(launched)
        if inner is None or (inner is _of_shell and not shells):
            break
        behind = inner(tokens[1:])
        if behind is None:
            break
        tokens = behind
    return tokens


def words(text: str) -> list[str]:
    """Return the words of a command line; backslashes in one are of paths."""
    try:
        return shlex.split(text, posix="\\" not in text)
    except ValueError:  # a quote that is not closed
        return text.split()


def line(command: str) -> list[str]:
    """Return the words of a command that is a whole line, as `python -m memmux`; or the command, if it is one word."""
    split = words(command)
    first = name(split[0]) if len(split) > 1 else ""
    return split if first in {*_LAUNCHED, *_OURS} or _PYTHON.fullmatch(first) else [command]


def name(command: str) -> str:
    """Return the name of a program without its folder, Windows' suffix, and what a requirement adds: [extra], @1.0."""
    base = (parts(command) or ("",))[-1]
    base = re.sub(r"\.(?:exe|cmd|bat)$", "", base, flags=re.IGNORECASE)
    return re.split(r"[\[@=<>~! ]", base)[0]


def parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path of either kind."""
    return PureWindowsPath(path).parts if "\\" in path else PurePosixPath(path).parts


def _of_python(rest: list[str]) -> list[str]:
    """Return the module or the script that Python runs, and its arguments."""
    left = list(rest)
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option == "-m":
            break
        if option in {"-X", "-W", "-c"} and left:
            left.pop(0)
    return left


def _of_env(rest: list[str]) -> list[str]:
    return list(dropwhile(lambda each: "=" in each, rest))


def _of_cmd(rest: list[str]) -> list[str] | None:
    return rest[1:] if rest and rest[0].lower() in {"/c", "/k"} else None


def _of_shell(rest: list[str]) -> list[str] | None:
    if len(rest) < len(("-c", "the command")) or not re.fullmatch(r"-\w*c", rest[0]):
        return None
    try:
        return list(dropwhile(lambda each: each == "exec", shlex.split(rest[1])))
    except ValueError:  # a quote that is not closed
        return None


def _of_uv(rest: list[str]) -> list[str] | None:
    after = _after_options(rest)
    if after[:1] == ["run"]:
        return _after_options(after[1:])
    return _after_options(after[2:]) if after[:2] == ["tool", "run"] else None


def _of_pipx(rest: list[str]) -> list[str] | None:
    return _after_options(rest[1:]) if rest[:1] == ["run"] else None


def _after_options(rest: list[str]) -> list[str]:
    """Return what stands from the first that is no option on; a module that is to be run is one for Python."""
    left = list(rest)
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option in {"-m", "--module"}:
            return ["python", "-m", *left]
        if option == "--":
            break
        if option in _VALUED and left:
            left.pop(0)
    return left


_LAUNCHED: Mapping[str, Callable[[list[str]], list[str] | None]] = {
    "env": _of_env,
    "cmd": _of_cmd,
    "uv": _of_uv,
    "uvx": _after_options,
    "pipx": _of_pipx,
    **dict.fromkeys(("sh", "bash", "zsh", "dash", "fish"), _of_shell),
}
