"""memmux among the peers for texts: a cluster, whose workers embed what its clients send."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.interface import NEAREST, Address, Answered
from bench.peers.text.interface import Connection, Serving
from memmux import Client, __version__
from memmux.config.settings import parse_flags
from memmux.wire.requests import Mode

if TYPE_CHECKING:
    from bench.harness.material import Material

NAME = "memmux"
MODES: Mapping[str, Mode] = {"memmux, hybrid": Mode.HYBRID, "memmux, by meaning": Mode.SEMANTIC}
PACKAGES: tuple[str, ...] = ()
REMEDY = ""


@contextmanager
def serve(material: Material, folder: Path) -> Iterator[Serving]:  # noqa: ARG001  # an arena has a folder of its own
    """Serve the material from a cluster that has settled."""
    # A client imports none of this: it is weighed, too.
    from bench.harness.costs import processes
    from bench.harness.filled import filled
    from bench.harness.settle import settle

    with filled(material) as bed:

        def pids() -> Collection[int]:
            return [pid for _, pid in processes(bed.client.status())]

        def rest() -> None:
            settle(bed.client)

        address = tuple(bed.arena.settings.flags())
        yield Serving(address=address, version=__version__, pids=pids, rest=rest)


@contextmanager
def connect(address: Address) -> Iterator[Connection]:
    """Give a connection to the cluster of these flags."""
    with Client(settings=parse_flags(list(address)), name="peer") as client:
        yield _Connection(client)


class _Connection:
    def __init__(self, client: Client) -> None:
        self._client = client

    def search(self, query: str, mode: Mode) -> Answered:
        found = self._client.search(query, mode=mode, limit=NEAREST)
        if found.degraded:
            raise RuntimeError(f"an answer was degraded: {', '.join(found.degraded)}")
        return [(hit.memory.id, hit.memory.content) for hit in found]

    def store(self, text: str) -> None:
        self._client.store(text)
