"""What a peer is: something that stores texts with vectors, and finds the nearest of them for other processes.

A peer is a module of this package with what `Peer` names; `MODULES` lists them in the order of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

if TYPE_CHECKING:  # a client that needs no numpy is weighed without it
    import numpy as np
    from numpy.typing import NDArray

    from bench.harness.material import Material

MODULES = ("memmux_peer", "postgres", "chroma", "sqlite")
REMEDY = "not installed: pip install 'memmux[bench]'"
NEAREST = 10  # how many a query wants

Vector: TypeAlias = "NDArray[np.float32]"
Answered: TypeAlias = Sequence[tuple[object, str]]
"""Ids and texts, best first."""

Ask: TypeAlias = "Callable[[Vector], Answered]"
Address: TypeAlias = tuple[str, ...]
"""What another process needs for a connection, as words of a command line."""


def _exact(breadth: int) -> None:
    raise AssertionError(f"an exact search can't be made {breadth} wide")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A peer that serves.

    version: of what does the work. widen: makes the connections that are opened later look at so many candidates.
    """

    address: Address
    version: str
    widen: Callable[[int], None] = field(default=_exact)


class Peer(Protocol):
    """One of those that are compared: a module of `MODULES`.

    NAME: in tables. PACKAGES: what must be importable for it. BREADTH: what it calls the number of candidates that its
    index looks at. BREADTHS: those to try, the least first; none where the search is exact or sees to that itself.
    """

    NAME: str
    PACKAGES: tuple[str, ...]
    BREADTH: str
    BREADTHS: tuple[int, ...]

    def serve(self, material: Material, folder: Path) -> AbstractContextManager[Served]:
        """Serve the material until the block ends, with files in an empty folder."""

    def connect(self, address: Address) -> AbstractContextManager[Ask]:
        """Give a function that asks over a connection of its own."""


def peer(module: str) -> Peer:
    """Return the peer that this module of the package is."""
    return cast("Peer", import_module(f"bench.peers.{module}"))


def installed(one: Peer) -> bool:
    """Return whether all packages that it needs are there; none of them is imported."""
    return all(find_spec(package) is not None for package in one.PACKAGES)
