"""Another database of memmux, or a backup of one: its memories, taken from a copy, so that it may be in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from memmux.cluster import worker_tasks
from memmux.config.settings import Settings
from memmux.errors import DatabaseCorruptError, DatabaseForeignError, MemmuxError, error_from_json
from memmux.mms import private_copy
from memmux.transfer.formats.base import Line
from memmux.transfer.jsonl import Report

LABEL = "a database of memmux"


def lines(path: Path, settings: Settings, report: Report, folder: Path | None = None) -> Iterator[Line]:
    """Yield its memories as they are, the deleted ones too; raise StorageError and its kinds. It is not changed.

    folder: in which the copy is made; by default the system's for temporary files.
    """
    with private_copy.taken(path, folder) as copy:
        try:
            for answer in worker_tasks.answers("dump", settings, str(copy)):
                if (page := answer.get("page")) is not None:
                    yield from page["memories"]
                    report(page["last"] if page["next"] is None else page["next"], page["last"])
        except (DatabaseCorruptError, DatabaseForeignError) as error:  # what they advise is for a database in use
            reason = error.message.partition(" (SQLite: ")[2].removesuffix(")") or error.message
            raise DatabaseCorruptError(
                f"{path} is damaged ({reason}); get it again, or make it from a backup of where it came from; your "
                "memories were not touched"
            ) from None
        except MemmuxError as error:  # whose message names the copy
            told = {**error.to_json(), "message": error.message.replace(str(copy), str(path))}
            raise error_from_json(told) from None
