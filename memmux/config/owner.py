"""Whose files a cluster's are: a cluster is one user's, and who is another one, root included, is told so at once.

Root could use them; but what root makes beside them, its owner can't open any more.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from memmux.config.paths import Places
from memmux.errors import StoragePermissionError


def check(places: Places) -> None:
    """Raise StoragePermissionError, which says the remedy, if the cluster is somebody else's.

    It is called before anything is made beside the database; see also `usable.check`.
    """
    for path in (places.database, places.endpoint, places.lock, places.spawn_lock):
        if whose := of_another(path):
            raise StoragePermissionError(whose)


def of_another(path: Path) -> str:
    """Return what to say of a path that belongs to somebody else; empty if it does not, or is not there."""
    owner = _owner(path)
    return "" if owner is None or owner == os.geteuid() else _whose(path, owner)


def _owner(path: Path) -> int | None:
    """Return whose the file is, or the folder that keeps us from seeing that; None if there is none."""
    while True:
        try:
            return path.lstat().st_uid
        except PermissionError:
            path = path.parent
        except OSError:
            return None


def _whose(path: Path, owner: int) -> str:
    theirs, ours = _name(owner), _name(os.geteuid())
    return (
        f"{path} belongs to {theirs}, and this process is {ours}'s; run it as that user (`sudo -u {theirs} memmux …`), "
        "or name a database of your own with MEMMUX_DATABASE"
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"  # as sudo takes it
