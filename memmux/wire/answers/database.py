"""The whole database: pages of all that is in it, backups, and what was built anew or compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memmux.wire.answers.base import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped(Answer):
    """A page of all memories.

    memories: each as the JSON object that `load` takes; PROTOCOL.md describes it.
    next: the cursor of the page after; None after the last.
    last: how far the cursor goes.
    """

    memories: tuple[Mapping[str, Any], ...]
    next: int | None
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A memory that was not loaded, or not as one of its own.

    place: its place among those given, counted from 0.
    id: None if it has none.
    status: conflict, when its id is there with another state, which stays; duplicate, when a live memory of another id
        has its content; merged, when that one took it up; or broken.
    message: what happened, in words.
    """

    place: int
    id: str | None
    status: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Answer):
    """What became of memories to load.

    created: how many are new.
    skipped: how many were there already, as they were given.
    problems: those that were not loaded, or not as one of their own.
    seq: the newest change.
    updated: how many were there and took the state that was given, where memories are adopted.
    merged: how many became one with another memory of the same content, where memories are adopted; `problems` name
        them.
    first_seq: of the changes that this made, which follow each other up to `seq`; None where nothing was changed.
    """

    created: int
    skipped: int
    problems: tuple[Problem, ...]
    seq: int
    updated: int = 0
    merged: int = 0
    first_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup(Answer):
    """A backup that was made and checked.

    path: of its file.
    bytes: its size.
    memories: how many live ones it holds.
    seq: the newest change that it holds.
    seconds: what it took.
    """

    path: str
    bytes: int
    memories: int
    seq: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt(Answer):
    """What was built anew.

    texts: how many are in the views now.
    vectors: how many are in the views now.
    dropped: how many memories lost wrong vectors, and wait for new ones.
    """

    texts: int
    vectors: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified(Answer):
    """What one read worker keeps in memory, compared with the rows.

    pid: of the worker.
    seq: the change it stood at.
    vectors: how many were compared; 0 when none are in memory.
    drifted: how many memories have vectors in memory that are not those of the rows.
    """

    pid: int
    seq: int
    vectors: int
    drifted: int
