"""The restore's last part: a file that was checked takes the place of the database, whose lock the caller holds."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from memmux import errors
from memmux.errors import BackupFailedError
from memmux.files import replacement
from memmux.logs import log
from workers.storage.sqlite.backups import backup


def put(source: Path, database: Path) -> Path | None:
    """Put a copy of `source` in the place of `database`; return what the old file is called now, None if there is none.

    Raises StorageError and its kinds; then nothing was changed.
    """
    try:
        with replacement.preparing(database) as copy:
            with copy.open("r+b") as file, source.open("rb") as whole:
                shutil.copyfileobj(whole, file, 1 << 20)
            if (found := backup.verify(copy)) != (wanted := backup.verify(source)):
                raise BackupFailedError(f"the copy of {source} holds {found} and not {wanted}; nothing was changed")
        return replacement.finish(database)
    except OSError as error:
        raise errors.of_system(error, f"{database} could not be replaced") from error


def finish(database: Path) -> None:
    """Finish what a restore began that was interrupted, if one was; what it had only begun to copy is removed.

    Where that can't be done the old database is served, and the log says so.
    """
    with suppress(OSError):
        replacement.unfinished(database).unlink(missing_ok=True)
    if not replacement.restored(database).exists():
        return
    try:
        kept = replacement.finish(database)
    except OSError as error:
        if replacement.restored(database).exists():
            raise errors.of_system(error, f"{database} could not be replaced by the file that was restored") from error
        log.get().error("restore_undone", error=error.strerror)
    else:
        log.get().warning("restore_finished", kept=None if kept is None else str(kept))
