"""What a peer for texts is: something that clients give a text to keep, or to search for, and get texts from.

A peer is a module of this package with what `TextPeer` names; `MODULES` lists them in the order of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from bench.peers.interface import Address, Answered
from memmux.wire.requests import Mode

if TYPE_CHECKING:
    from pathlib import Path

    from bench.harness.material import Material

MODULES = ("cluster", "tsvector", "chroma_texts", "memory_service", "palace")


def _nothing() -> None:
    """Rest at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A peer that serves texts.

    version: of what does the work. pids: gives the processes that serve now, without the clients. rest: waits until
    they have nothing left to do that others would feel.
    """

    address: Address
    version: str
    pids: Callable[[], Collection[int]]
    rest: Callable[[], None] = field(default=_nothing)


class Connection(Protocol):
    """One client's side of a peer."""

    def search(self, query: str, mode: Mode) -> Answered:
        """Return the ten best for a query; mode: one of the peer's own."""

    def store(self, text: str) -> None:
        """Keep a text, and return once it is kept."""


class TextPeer(Protocol):
    """One of those that are compared: a module of `MODULES`.

    NAME: in tables. MODES: what it calls each way to search, and which that is. PACKAGES: what must be importable for
    it. REMEDY: how they are installed.
    """

    NAME: str
    MODES: Mapping[str, Mode]
    PACKAGES: tuple[str, ...]
    REMEDY: str

    def serve(self, material: Material, folder: Path) -> AbstractContextManager[Serving]:
        """Serve the material until the block ends, with files in an empty folder."""

    def connect(self, address: Address) -> AbstractContextManager[Connection]:
        """Give a connection that has all that it needs for texts."""


def text_peer(module: str) -> TextPeer:
    """Return the peer that this module of the package is."""
    return cast("TextPeer", import_module(f"bench.peers.text.{module}"))
