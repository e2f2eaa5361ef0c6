"""Finding: where the database of mcp-memory-service is, by its variables, its `.env` files, or its default place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

PATHS = ("MCP_MEMORY_SQLITE_PATH", "MCP_MEMORY_SQLITEVEC_PATH")  # the first that is set counts
BASE = "MCP_MEMORY_BASE_DIR"
BACKEND = "MCP_MEMORY_STORAGE_BACKEND"
FILE = "sqlite_vec.db"
LOG_LEVEL = "LOG_LEVEL"  # the only one without its prefix that is of interest here
PREFIX = "MCP_"
_ELSEWHERE = ("cloudflare", "milvus", "http")  # backends whose memories are in no file on this machine


def folders() -> tuple[Path, Path]:
    """Return the working directory and the user's home; the root stands for one that is not there."""
    try:
        cwd = Path.cwd()
    except OSError:  # it was deleted
        cwd = Path("/")
    try:
        return cwd, Path.home()
    except RuntimeError:
        return cwd, Path("/")


def files(cwd: Path, home: Path) -> tuple[Path, Path]:
    """Return its `.env` files, the one that wins first, whether they are there or not."""
    return cwd / ".env", home / ".mcp-memory" / ".env"


def variables(environment: Mapping[str, str], cwd: Path, home: Path) -> dict[str, str]:
    """Return its variables that are set: those of the environment win over `.env` in `cwd`, this over the one at home.

    cwd: the working directory of the client, which an MCP host chose: often the folder of a project. Its `.env` tells
    where the memories are, and nothing else, as one cluster serves all projects. An empty value is none.
    """
    nearer, farther = files(cwd, home)
    return own({**_from_file(farther), **_of_project(_from_file(nearer), cwd, home), **environment})


def _of_project(said: Mapping[str, str | None], cwd: Path, home: Path) -> dict[str, str]:
    """Return what counts of `.env` in `cwd`: the place of a database, unless it is inside a project, as part of it."""
    places = {name: value for name, value in said.items() if value and name in (*PATHS, BASE)}
    if home.is_relative_to(cwd):
        return places  # the user's own folder, and no project
    return {name: value for name, value in places.items() if not _is_inside(cwd, _path(value, cwd, home))}


def _is_inside(folder: Path, path: Path) -> bool:
    """Return whether a path leads into a folder; also if nobody can tell."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return True


def own(environment: Mapping[str, str | None]) -> dict[str, str]:
    """Return the variables that are set and may be its own."""
    return {
        name: value for name, value in environment.items() if value and (name.startswith(PREFIX) or name == LOG_LEVEL)
    }


def find(environment: Mapping[str, str], cwd: Path, home: Path, *, platform: str = sys.platform) -> Path | None:
    """Return its database, if there is one: as its variables say, or else where it is by default on the platform."""
    known = variables(environment, cwd, home)
    if any(known.get(name) for name in PATHS):
        return named(known, cwd, home)
    if known.get(BACKEND, "").lower() in _ELSEWHERE:
        return None
    if known.get(BASE):
        return named(known, cwd, home)
    return _there(_default_base({**environment, **known}, home, platform) / FILE)


def named(known: Mapping[str, str], cwd: Path, home: Path) -> Path | None:
    """Return the database that the variables name, if it is there; None if they name none."""
    for name in PATHS:
        if value := known.get(name):
            return _there(_path(value, cwd, home))
    if base := known.get(BASE):
        return _there(_path(base, cwd, home) / FILE)
    return None


def _default_base(environment: Mapping[str, str], home: Path, platform: str) -> Path:
    """Return the folder that it uses when it is not told; the XDG variables do not move it."""
    if platform == "darwin":
        return home / "Library" / "Application Support" / "mcp-memory"
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "mcp-memory"
    return home / ".local" / "share" / "mcp-memory"


def _path(value: str, cwd: Path, home: Path) -> Path:
    if value == "~" or value.startswith("~/"):
        return home / value[2:]
    return cwd / value


def _there(path: Path) -> Path | None:
    """Return the path, if a file is there that holds anything: one that is empty has just been begun."""
    try:
        return path if path.is_file() and path.stat().st_size else None
    except OSError:
        return None


def _from_file(file: Path) -> dict[str, str | None]:
    try:
        if not file.is_file():
            return {}
        from dotenv import dotenv_values  # only those pay for it who have such a file

        return dict(dotenv_values(file))
    except (OSError, ValueError):
        return {}  # nothing that can't be read is worth more than a start
