"""The ledger: what one client intended and what it was told, on disk before and after each call.

A client may be killed at any moment; what it wrote is there all the same, for the line goes to the file by one system
call. Whoever reads the ledger knows for each call whether it was acknowledged, failed, or never answered.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """What a client was told about one memory: the write is durable, and `seq` is its line in the change log."""

    memory: str
    seq: int
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call of one client.

    key: unique among all calls of all clients; the idempotency key of a write. client: who called. operation: as in
    the change log, or the name of a read. memory: the id that it is about. contents: what it stores, or what the memory
    holds afterwards. mark: the key that an update adds to the metadata. answered: whether there was an answer, and that
    is `acks` for a write, or else `error`, a code. wrong: what a read found that contradicts what had been acknowledged
    before it began. at: when it was answered, in monotonic seconds. keyed: whether the key went with it, and the number
    of the change came back; an MCP host gives none and is told none.
    """

    key: str
    client: str
    operation: str
    memory: str = ""
    contents: tuple[str, ...] = ()
    mark: str = ""
    answered: bool = False
    acks: tuple[Ack, ...] = ()
    error: str = ""
    wrong: str = ""
    at: float = 0.0
    keyed: bool = True

    @property
    def writes(self) -> bool:
        """Whether the call changes the memory."""
        return self.operation.startswith("memory.")

    @property
    def acknowledged(self) -> bool:
        """Whether it is a write of which the client was told that it is done."""
        return self.writes and self.answered and not self.error


@dataclass(slots=True)
class Ledger:
    """One client's ledger while it is being written; a context manager."""

    path: Path
    client: str
    keyed: bool = True
    _calls: int = 0
    _descriptor: int = field(init=False)

    def __post_init__(self) -> None:
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def begin(self, operation: str, *, memory: str = "", contents: tuple[str, ...] = (), marked: bool = False) -> Entry:
        """Write down what is about to be sent, and return it; with `marked` it has a mark of its own."""
        self._calls += 1
        key = f"{self.client}.{self._calls}"
        mark = f"mark {key}" if marked else ""
        entry = Entry(
            key=key,
            client=self.client,
            operation=operation,
            memory=memory,
            contents=contents,
            mark=mark,
            keyed=self.keyed,
        )
        self._append({"begin": entry})
        return entry

    def end(self, entry: Entry, *, acks: tuple[Ack, ...] = (), error: str = "", wrong: str = "") -> None:
        """Write down what came of it."""
        told = {"acks": acks, "error": error, "wrong": wrong}
        self._append(
            {"end": entry.key, "at": time.monotonic(), **{name: value for name, value in told.items() if value}}
        )

    def _append(self, line: Mapping[str, object]) -> None:
        os.write(self._descriptor, orjson.dumps(line) + b"\n")


def read(path: Path) -> list[Entry]:
    """Return a ledger's entries in order; a last line that was cut off was never followed by a call."""
    entries: dict[str, Entry] = {}
    for line in _lines(path):
        if "begin" in line:
            fields = line["begin"]
            entry = Entry(**{**fields, "contents": tuple(fields["contents"]), "acks": ()})
            entries[entry.key] = entry
        else:
            acks = tuple(Ack(**fields) for fields in line.get("acks", ()))
            known = entries[line["end"]]
            error, wrong = line.get("error", ""), line.get("wrong", "")
            at = line.get("at", 0.0)
            entries[known.key] = replace(known, answered=True, acks=acks, error=error, wrong=wrong, at=at)
    return list(entries.values())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    *whole, _ = path.read_bytes().split(b"\n")
    return map(orjson.loads, whole)
