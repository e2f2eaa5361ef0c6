"""What commands about the program itself print: its documents, its model, its removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict


class Explained(TypedDict):
    """What a code means."""

    code: str
    kind: Literal["error", "degraded", "event"]
    meaning: str
    more: str


class ListedPage(TypedDict):
    """A page of the documents, and its file."""

    name: str
    title: str
    path: str


class Pages(TypedDict):
    """All of them."""

    pages: Sequence[ListedPage]


class DocsPage(TypedDict):
    """One page."""

    path: str
    text: str


class Part(TypedDict):
    """What memmux made; what: its place, for people."""

    kind: str
    what: str


class Uninstalled(TypedDict):
    """failed: why what could not be removed could not. package: the command that removes the package."""

    dry_run: bool
    removed: Sequence[Part]
    kept: Sequence[Part]
    failed: Mapping[str, str]
    package: str


class Model(TypedDict):
    """The model that is ready; path: of its folder. new: whether it was not there before."""

    path: str
    model: str
    backend: str
    bytes: int
    sha256: str
    new: bool
    seconds: float
