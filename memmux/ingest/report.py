"""What became of the files of an ingest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """A file or folder, and why it was not read; then what is known of it from before stays. Or what is odd in it."""

    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of the files.

    files: how many were new or changed. chunks: how many of theirs were stored. replaced: how many of before were
    deleted, since they are in no file any more. skipped: how many files were as they were. shared: how many of the
    chunks another memory holds already, so that they were not stored again. pruned: how many were deleted since their
    files are gone. left_out: how many files and folders were not read, by the reason. remarks: what was not as it
    should be in files that were read. degraded: codes of what the
    stores had to do without.
    """

    files: int = 0
    chunks: int = 0
    replaced: int = 0
    skipped: int = 0
    shared: int = 0
    pruned: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[FileProblem, ...] = ()
    remarks: tuple[FileProblem, ...] = ()
    degraded: tuple[str, ...] = ()
