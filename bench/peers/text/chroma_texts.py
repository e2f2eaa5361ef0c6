"""Chroma among the peers for texts: `chroma run`, and each client embeds what it asks and stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from bench.harness import report
from bench.harness.material import Material
from bench.harness.measure import family
from bench.peers import chroma, interface
from bench.peers.interface import Address, Answered
from bench.peers.text.interface import Connection, Serving
from bench.peers.text.model import Model
from memmux.wire.requests import Mode

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

NAME = "Chroma"
MODES: Mapping[str, Mode] = {NAME: Mode.SEMANTIC}
PACKAGES = chroma.PACKAGES
REMEDY = interface.REMEDY


@contextmanager
def serve(material: Material, folder: Path) -> Iterator[Serving]:
    """Serve the material from a collection by cosine, with the default parameters of its HNSW index."""
    report.progress(f"{NAME}: starting the server")
    server = chroma.Server(folder)
    try:
        chroma.fill(server.start(), material)
        yield Serving(address=(str(server.port),), version=chroma.version(), pids=lambda: family(server.pid))
    finally:
        server.stop()


@contextmanager
def connect(address: Address) -> Iterator[Connection]:
    """Give a connection to the server at this port, and the model."""
    (port,) = address
    yield _Connection(chroma.collection(int(port)))


class _Connection:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._model = Model()

    def search(self, query: str, mode: Mode) -> Answered:  # noqa: ARG002  # there is one
        return chroma.nearest(self._collection, self._model.vector(query))

    def store(self, text: str) -> None:
        self._collection.add(ids=[uuid4().hex], documents=[text], embeddings=[self._model.vector(text)])
