"""The copies that still hold what was purged: backups, what a restore kept, exports."""

from __future__ import annotations

import time
from pathlib import Path

from memmux.files import copies
from workers.storage.sqlite.backups.folder import BackupFolder


def holding(database: Path, backup_folder: BackupFolder, seq: int, at: float) -> list[str]:
    """Return the paths of copies that may hold memories whose first change was `seq`, made at `at`.

    seq: of the change log, by which backups in the folder are known. at: in seconds since 1970, for the others.
    """
    backups = [str(kept.path) for kept in backup_folder.kept(time.time()) if kept.seq >= seq]
    elsewhere = [copy.path for copy in copies.noted(database) if copy.at >= at]
    beside = [str(path) for path in copies.beside(database)]
    return list(dict.fromkeys((*backups, *beside, *elsewhere)))
