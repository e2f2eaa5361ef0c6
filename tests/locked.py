"""A folder that this process may not enter, also where the tests run as root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65_534


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep this process out of its own folder, whose parent anybody may enter; root is meanwhile another user."""
    user, mode = os.geteuid(), folder.stat().st_mode
    if user == 0:
        os.chown(folder, _NOBODY, -1)
    folder.chmod(0)
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        os.chown(folder, user, -1)
        folder.chmod(mode)
