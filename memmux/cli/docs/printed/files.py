"""What commands print that read or write files of memories: export, import, backup, restore and check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from memmux.cli.docs.printed.failures import Failure
from memmux.mms.report import Counts, Oddity, Outcome
from memmux.transfer.formats.base import LeftOut
from memmux.transfer.jsonl import LineProblem
from memmux.transfer.take import Problem


class Exported(TypedDict):
    """count: of the memories in the file; deleted: how many of them are deleted."""

    path: str
    count: int
    deleted: int


class Given(TypedDict):
    """A database of mcp-memory-service that was written; odd: by the kind, how many are not as they were."""

    path: str
    count: int
    deleted: int
    links: int
    vectors: int
    pending: int
    odd: Mapping[str, int]
    named: Sequence[Oddity]


class Taken(TypedDict):
    """What was taken from a file of mcp-memory-service."""

    path: str
    at: datetime
    found: Counts
    outcome: Outcome
    odd: Mapping[str, int]
    named: Sequence[Oddity]
    seconds: float
    left_out: int
    became: Mapping[str, str]
    undo: Sequence[str]
    dry_run: bool


class TakenLines(TypedDict):
    """What was taken from an export of memmux; undo: what `memmux undo` takes to take it back, one after the other."""

    path: str
    count: int
    created: int
    skipped: int
    conflicts: int
    duplicates: int
    broken: int
    problems: Sequence[LineProblem]
    undo: Sequence[str]
    dry_run: bool


class TakenOthers(TypedDict):
    """What was taken from a database of memmux, or from what another program keeps; left_out: by the reason."""

    path: str
    count: int
    format: str
    threads: int
    links: int
    created: int
    skipped: int
    updated: int
    merged: int
    conflicts: int
    duplicates: int
    broken: int
    left_out: Mapping[str, int]
    problems: Sequence[Problem]
    missing: Sequence[LeftOut]
    undo: Sequence[str]
    dry_run: bool


class NotTaken(TypedDict):
    """A file, of several, that could not be imported."""

    path: str
    error: Failure


class TakenFiles(TypedDict):
    """Of several files, in their order."""

    imports: Sequence[TakenLines | TakenOthers | Taken | NotTaken]


class Backup(TypedDict):
    """count: of the live memories in it; seq: the newest change."""

    path: str
    bytes: int
    count: int
    seq: int
    seconds: float
    degraded: Sequence[str]


class Restored(TypedDict):
    """path: of the backup; kept: where the database of before is now."""

    path: str
    database: str
    kept: str | None
    passed_over: Sequence[str]
    count: int
    seq: int
    seconds: float


class CheckFinding(TypedDict):
    """Something that is wrong."""

    code: str
    what: str
    remedy: str


class Rebuilt(TypedDict):
    """What was built anew."""

    texts: int
    vectors: int
    dropped: int


class Checked(TypedDict):
    """The database at path."""

    path: str
    deep: bool
    clean: bool
    findings: Sequence[CheckFinding]
    rebuilt: Rebuilt | None
    seconds: float
