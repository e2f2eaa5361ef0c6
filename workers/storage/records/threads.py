"""Threads: which memories belong together, and in which order: given, named by the metadata, or stored in one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from memmux import limits
from workers.storage import queries
from workers.storage.connection import Connection

_SQL = queries.load("threads")
GAP_S = 1_800.0  # between two memories of a run; half an hour ends a visit, as web analytics has it
_CLIENTS = 1_024  # of which the last memory is remembered
_KEYS = ("conversation_id", "session_id")  # of the metadata, each the name of a thread
_SOURCE, _CHUNK = "source", "chunk"  # a document and the number of a part of it

Placed = tuple[str | None, int | None]
"""The thread that a memory is in, and its place there; None where nothing says so."""


def named(metadata: Mapping[str, object]) -> Placed:
    """Return the thread that metadata name."""
    for key in _KEYS:
        if (name := _name(metadata.get(key))) is not None:
            return name, None
    source, chunk = metadata.get(_SOURCE), metadata.get(_CHUNK)
    if isinstance(source, str) and _name(source) is not None and (place := _place(chunk)) is not None:
        return source, place
    return None, None


def placed(thread: str | None, place: int | None, metadata: Mapping[str, object]) -> Placed:
    """Return the thread that is given, or else the one that the metadata name; a place that is given is so anyway."""
    if thread is not None:
        return thread, place
    thread, known = named(metadata)
    return thread, known if place is None else place


def moved(before: Placed, metadata: Mapping[str, object], then: Mapping[str, object]) -> Placed:
    """Return where a memory is once its metadata change: elsewhere, if these named its thread; a given place stays."""
    (thread, place), known = before, named(metadata)
    if thread != known[0] or (place is None and known[1] is not None):  # a thread that is given is in no document
        return before
    return placed(None, None if place == known[1] else place, then)


def _name(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip() and len(value) <= limits.THREAD_CHARACTERS:
        return value
    return None


def _place(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= limits.PLACE:
        return value
    return None


class Runs:
    """The memories that each client stored last in each namespace, by which the run of the next one is known."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: dict[tuple[str, str], int] = {}

    def joined(self, client: str, namespace: str, created_at: float) -> int | None:
        """Return the first memory of the run that a memory goes on with; None if it begins one."""
        row = self._last.get((client, namespace))
        if row is None:
            return None
        # What was rolled back is not there, or is somebody else's by now.
        values = {"row": row, "client": client, "namespace": namespace}
        for run, before in self._connection.fetch(_SQL["run"], values):
            return int(run) if abs(created_at - before) <= GAP_S else None
        return None

    def last(self, homes: Iterable[tuple[str, str]]) -> list[tuple[int, str, str]]:
        """Return row, client and namespace of what clients stored last; homes: client and namespace of each."""
        return [(self._last[home], *home) for home in homes if home in self._last]

    def note(self, client: str, namespace: str, row: int) -> None:
        """Remember the memory that a client stored last, without a thread."""
        if len(self._last) >= _CLIENTS:
            self._last.clear()
        self._last[client, namespace] = row
