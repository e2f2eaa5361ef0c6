"""Full text: which version of words is in the index; how it is kept is the engine's business."""

from __future__ import annotations

from workers.storage import queries
from workers.storage.connection import Connection
from workers.words import version

_SQL = queries.load("fulltext")


def written(connection: Connection) -> str:
    """Return the version of the words in the index; empty where it was not filled yet."""
    return str(connection.value(_SQL["version"]) or "")


def filled(connection: Connection) -> int:
    """Return how often the index was made anew, which tells readers that it is another one."""
    return int(connection.value(_SQL["filled"]))


def note_filled(connection: Connection, version: str) -> None:
    """Note that the index was made anew, of words of this version."""
    connection.execute(_SQL["put_version"], {"version": version})
    connection.execute(_SQL["count_filled"])


def agrees(written: str) -> bool:
    """Return whether words are cut here as they were when that version was written."""
    return bool(written) and version.version(version.languages_of(written)) == written
