"""The way down: all memories of a database on PostgreSQL, or of any other, into a new one of SQLite, in one file."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from memmux.client.blocking import Client
from memmux.cluster import worker_tasks
from memmux.errors import ArgumentInvalidError, of_system
from memmux.files import durable, replacement
from memmux.transfer.jsonl import TIMEOUT_S, Exported, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Given(Exported):
    """Counts of an export into a database; problems: of the memories that it did not take, the first."""

    refused: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)


def give(client: Client, target: Path, report: Report) -> Given:
    """Write all memories of the cluster into a new database, with their vectors and links; deleted ones, too.

    The change log begins anew there. The file is there once it is complete. A memory that is changed meanwhile is
    written as it is when its page is read. Raises ArgumentInvalidError if there is such a file, and StorageError.
    """
    if path := replacement.taken(target):  # a log could belong to a database that was moved away
        raise ArgumentInvalidError(f"{path} is there already; name a file that is not")
    durable.remove_left(target.parent, rf"\.{re.escape(target.name)}\.memmux-[a-z0-9_]{{8}}")
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.memmux-", dir=target.parent))
    except OSError as error:
        raise of_system(error, f"{target} can't be written") from None
    try:
        memories, deleted = _dumped(client, folder / "lines", report)
        made = folder / "made.db"
        filled = worker_tasks.run("fill", client.settings, str(made), str(folder / "lines"), told=report)
        durable.place(made, target)
    except FileExistsError:
        raise ArgumentInvalidError(f"{target} is there by now; name another file") from None
    except OSError as error:
        raise of_system(error, f"{target} can't be written") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Given(memories=memories, deleted=deleted, refused=filled["refused"], problems=filled["problems"])


def _dumped(client: Client, path: Path, report: Report) -> tuple[int, int]:
    """Write all memories to a file, a line each; return how many there are, and how many of them are deleted."""
    memories = deleted = 0
    after: int | None = 0
    with path.open("xb") as file:
        while after is not None:
            page = client.dump(after=after, vectors=True, timeout_s=TIMEOUT_S)
            for memory in page.memories:
                file.write(orjson.dumps(memory) + b"\n")
                deleted += memory["deleted_at"] is not None
            memories += len(page.memories)
            after = page.next
            report(page.last if after is None else after, page.last)
    return memories, deleted
