"""What commands about memories and their changes print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from memmux.wire.answers import (
    DuplicateGroup,
    Undone,
)


class Counted(TypedDict):
    """A namespace or a tag, and how many memories it has."""

    name: str
    count: int


class Namespaces(TypedDict):
    """total: how many there are, listed or not."""

    namespaces: Sequence[Counted]
    total: int
    degraded: Sequence[str]


class Tags(TypedDict):
    """total: how many there are, listed or not."""

    tags: Sequence[Counted]
    total: int
    notes: Sequence[str]
    degraded: Sequence[str]


class Duplicates(TypedDict):
    """count: of the groups. more: whether there may be others. compared: how many memories were, with all others."""

    groups: Sequence[DuplicateGroup]
    count: int
    more: bool
    compared: int
    least: float
    notes: Sequence[str]
    degraded: Sequence[str]


class LoggedChange(TypedDict):
    """A change; deleted: whether the memory is deleted now. text: how it begins now."""

    seq: int
    id: str
    namespace: str
    at: datetime
    operation: str
    kind: Literal["stored", "changed", "deleted", "undone", "loaded"]
    client: str
    deleted: bool
    tags: Sequence[str]
    text: str


class Log(TypedDict):
    """Changes, the newest first; with --follow a document for each. more: whether there are others before these."""

    changes: Sequence[LoggedChange]
    more: bool


class NotUndone(TypedDict):
    """A change that was followed by others of its memory, which stays as it is."""

    seq: int
    code: str
    message: str


class UndoneChanges(TypedDict):
    """Of several changes, in the order in which they were undone; left: those that were not."""

    count: int
    undone: Sequence[Undone]
    left: Sequence[NotUndone]


class Purged(TypedDict):
    """count: of the memories that are gone. copies: paths of files that may still hold them."""

    count: int
    seq: int
    copies: Sequence[str]
