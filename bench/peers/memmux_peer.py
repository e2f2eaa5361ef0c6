"""memmux among its peers: a cluster, searched by meaning with the query's vector given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness.filled import filled
from bench.harness.material import Material
from bench.peers.interface import NEAREST, Address, Answered, Ask, Served, Vector
from memmux import Client, __version__
from memmux.config.settings import parse_flags
from memmux.wire.requests import Mode

NAME = "memmux"
PACKAGES: tuple[str, ...] = ()
BREADTH = ""
BREADTHS: tuple[int, ...] = ()


@contextmanager
def serve(material: Material, folder: Path) -> Iterator[Served]:  # noqa: ARG001  # an arena has a folder of its own
    """Serve the material from a cluster that has settled."""
    with filled(material) as bed:
        yield Served(address=tuple(bed.arena.settings.flags()), version=__version__)


@contextmanager
def connect(address: Address) -> Iterator[Ask]:
    """Give a function that asks the cluster of these flags."""
    with Client(settings=parse_flags(list(address)), name="peer") as client:

        def ask(query: Vector) -> Answered:
            # The words have no part in a search by meaning whose vector is given.
            found = client.search("a vector", mode=Mode.SEMANTIC, vector=query.tolist(), limit=NEAREST)
            return [(hit.memory.id, hit.memory.content) for hit in found]

        yield ask
