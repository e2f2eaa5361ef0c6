"""The backup folder: where the backups of one database are, what they are called, and which of them may go."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import FULL, BackupFailedError, of_system
from memmux.files import durable, private
from memmux.logs import log
from memmux.wire.times import from_epoch

_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """One backup; at: seconds since 1970, whole. seq: the last change in it."""

    path: Path
    at: float
    seq: int


@dataclass(frozen=True, slots=True)
class BackupFolder:
    """A folder of backups called `<stem>-<UTC timestamp>-<seq>.db`; what is called otherwise is never touched."""

    folder: Path
    stem: str

    @classmethod
    def of(cls, settings: Settings) -> BackupFolder:
        """Return the backup folder of the database that `settings` name.

        A folder that the user chose may serve several databases of one name, so there the names tell them apart.
        """
        places = Places(settings)
        return cls(places.backups, places.backups_stem)

    @property
    def _names(self) -> str:
        return rf"{re.escape(self.stem)}-(\d{{8}}T\d{{6}}Z)-(\d+)\.db"

    def place(self, at: float, seq: int) -> Path:
        """Return the path of a backup that is made at that time, of a database that stands at `seq`."""
        return self.folder / f"{self.stem}-{from_epoch(at).strftime(_TIME)}-{seq}.db"

    def make(self) -> None:
        """Make the folder, for this user alone, if it is missing; raise BackupFailedError, or StorageFullError."""
        try:
            private.make_folder(self.folder)
        except OSError as error:
            if error.errno in FULL:
                raise of_system(error, f"the folder {self.folder} can't be made") from None
            raise BackupFailedError(
                f"the folder {self.folder} can't be made ({error.strerror}); name another one"
            ) from None

    def kept(self, now: float) -> list[KeptBackup]:
        """Return the backups, newest first; none if the folder can't be read.

        Those dated after `now`, in seconds since 1970, come last: the clock was ahead, and nothing says how old they
        are.
        """
        found: list[KeptBackup] = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                if (parts := re.fullmatch(self._names, path.name)) and path.is_file() and not path.is_symlink():
                    with suppress(ValueError):  # digits that are no time: not ours
                        made = datetime.strptime(parts[1], _TIME).replace(tzinfo=UTC)
                        found.append(KeptBackup(path, made.timestamp(), int(parts[2])))
        return sorted(found, key=lambda kept: (kept.at <= now, kept.at, kept.seq), reverse=True)

    def tidy(self) -> None:
        """Remove what is left of backups that were never finished."""
        durable.remove_left(self.folder, f"{self._names}{re.escape(durable.PARTIAL)}")

    def prune(self, keep: int, now: float) -> list[Path]:
        """Remove all but the `keep` newest backups, as `kept` has them; return what is gone."""
        return [old.path for old in self.kept(now)[keep:] if _removed(old.path)]


def _removed(path: Path) -> bool:
    """Remove a file and return whether it is gone; one that may not be removed only takes up room."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.get().warning("backup_not_removed", backup=str(path), error=error.strerror)
        return False
    return True
