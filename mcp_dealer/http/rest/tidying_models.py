"""The shapes of tidying up: the time line, duplicates, former versions, and what of them is deleted."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from mcp_dealer.http.rest.base import Answer, Etag, Given, Id, Namespace
from mcp_dealer.http.rest.models import Memory


class DayCounts(Answer):
    """The counts of one group: a number for each day."""

    name: str | None
    """The client, type, tag or namespace; null for memories without, and for the sum of the others"""
    stored: list[int]
    changed: list[int]
    deleted: list[int]


class Timeline(Answer):
    """How many memories were stored, changed and deleted on each day; by tag, once for each of a memory's tags."""

    days: list[str]
    groups: list[DayCounts]
    other: DayCounts | None
    others: int
    earlier: int
    zone: str
    notes: list[str]


class Alike(Answer):
    """A memory of a group, and its cosine with the first one."""

    memory: Memory
    etag: str
    """The ETag of the state that it is in"""
    similarity: float | None


class DuplicateGroup(Answer):
    """Memories of a namespace that say nearly the same as the first, which was created first and stays."""

    members: list[Alike]
    more: bool


class Duplicates(Answer):
    """Groups of memories that say nearly the same."""

    groups: list[DuplicateGroup]
    next: int | None
    """The cursor of the next page, which may have groups where this one has none; null at the end"""
    compared: int
    least: float
    notes: list[str]


class Replaced(Answer):
    """A former version, and the memory that took its place."""

    memory: Memory
    etag: str
    """The ETag of the state that it is in"""
    by: Memory | None
    """The newest version, which no other took the place of"""
    deleted: bool
    """Whether the newest one is deleted"""


class Superseded(Answer):
    """Former versions, newest first."""

    memories: list[Replaced]
    total: int
    notes: list[str]


class CleanUp(Given):
    """What to clean up."""

    example: ClassVar = {"dry_run": True}

    namespace: Namespace
    least: Annotated[float | None, Field(ge=0, le=1)] = None
    """Of duplicates: the cosine from which on two say nearly the same"""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """How many memories at most, where no states are given"""
    dry_run: bool = False
    """Whether only to say which they are"""
    states: Annotated[dict[Id, Etag] | None, Field(max_length=1000)] = None
    """As a dry run answered them: only these, each as long as it is in that state"""


class CleanedUp(Answer):
    """What was deleted, or would be."""

    ids: list[str]
    count: int
    dry_run: bool
    states: dict[str, str]
    """In a dry run, the ETag of each"""
    left: list[str]
    """Of the states that were asked for, memories that were changed since, or need not go any more"""
    seqs: list[int]
    """The changes that undo takes"""
