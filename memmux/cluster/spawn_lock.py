"""The spawn lock: one client at a time starts or replaces the cluster of a database."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memmux.cluster.steps import PAUSE_MOST_S, Steps
from memmux.config.paths import PRIVATE, Places
from memmux.errors import (
    ClusterStartError,
    StoragePermissionError,
)


def wait(lock: int, places: Places, until: float) -> Steps[None]:
    """Wait for the lock under which clusters are started."""
    while not taken(lock):
        yield PAUSE_MOST_S
        if time.monotonic() >= until:
            raise ClusterStartError(f"another program is starting the cluster of {places.database}; try again later")


def make_folder(folder: Path) -> None:
    """Make the folder of a database; raise StoragePermissionError."""
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> StoragePermissionError:
    return StoragePermissionError(
        f"{folder} can't be written ({error.strerror}); give yourself write permission, "
        "or name another database with MEMMUX_DATABASE"
    )


@contextmanager
def opened(lock: Path) -> Iterator[int]:
    """Open the file of the lock, and let go of the lock at the end; raise StoragePermissionError."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(lock.parent, error) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # and with it the lock


def taken(lock: int) -> bool:
    """Take the lock if nobody has it; return whether it is ours."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
