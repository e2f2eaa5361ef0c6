"""MemPalace among the peers: each client opens the palace in its own process, as an MCP server of its does.

It is lent the model, on one thread; its own, which it downloads, pads each text to 256 tokens.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from bench.harness import report
from bench.harness.material import Material
from bench.harness.vectors import Matrix
from bench.peers.interface import NEAREST, Address, Answered
from bench.peers.text.interface import Connection, Serving
from bench.peers.text.model import Model
from memmux.wire.requests import Mode

if TYPE_CHECKING:
    from mempalace.backends.base import BaseCollection

NAME = "MemPalace"
MODES: Mapping[str, Mode] = {NAME: Mode.HYBRID}
PACKAGES = ("mempalace", "chromadb")
REMEDY = "not installed: pip install 'memmux[bench]'; pip install --no-deps mempalace"

_BATCH = 1000  # texts of one call


@contextmanager
def serve(material: Material, folder: Path) -> Iterator[Serving]:
    """Fill a palace; there is nothing that serves it."""
    path = folder / "palace"
    with _opened(path) as connection:
        for start in range(0, len(material), _BATCH):
            report.progress(f"{NAME}: storing {start} of {len(material)}")
            end = min(start + _BATCH, len(material))
            texts = [material.content(place) for place in range(start, end)]
            connection.fill(texts, material.vectors[start:end])
    yield Serving(address=(str(path),), version=version("mempalace"), pids=tuple)


@contextmanager
def connect(address: Address) -> Iterator[Connection]:
    """Give a connection that has the palace and the model in this process."""
    (path,) = address
    with _opened(Path(path)) as connection:
        yield connection


class _Connection:
    def __init__(self, path: Path, collection: BaseCollection) -> None:
        self._path = path
        self._collection = collection

    def search(self, query: str, mode: Mode) -> Answered:  # noqa: ARG002  # there is one
        from mempalace.searcher import search_memories

        found = search_memories(query, str(self._path), n_results=NEAREST)
        if "results" not in found:
            raise RuntimeError(found)
        return [(hit["drawer_id"], hit["text"]) for hit in found["results"]]

    def store(self, text: str) -> None:
        self._add([text])

    def fill(self, texts: Sequence[str], vectors: Matrix) -> None:
        """Store texts whose vectors are known."""
        self._add(texts, embeddings=vectors.tolist())

    def _add(self, texts: Sequence[str], **given: Any) -> None:
        names = [uuid4().hex for _ in texts]
        metadata = [{"wing": "bench", "room": "bench", "source_file": name, "chunk_index": 0} for name in names]
        self._collection.add(documents=list(texts), ids=names, metadatas=metadata, **given)


@contextmanager
def _opened(path: Path) -> Iterator[_Connection]:
    model = Model()  # before there is another home, in whose cache it would be looked for
    with _elsewhere(path.with_name("home")):
        from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2
        from mempalace.palace import get_collection

        def forward(_own: object, documents: Sequence[str], _batch_size: int = 32) -> Matrix:
            return np.stack([model.vector(text) for text in documents])

        ONNXMiniLM_L6_V2._forward = forward  # noqa: SLF001  # all of its texts pass here
        ONNXMiniLM_L6_V2._download_model_if_not_exists = lambda _own: None  # noqa: SLF001  # nor is it used
        yield _Connection(path, get_collection(str(path)))


@contextmanager
def _elsewhere(home: Path) -> Iterator[None]:
    """Have nothing go into its user's home, where a palace of theirs may be."""
    home.mkdir(exist_ok=True)
    before = dict(os.environ)
    os.environ.update(HOME=str(home), MEMPALACE_EMBEDDING_MODEL="minilm", ANONYMIZED_TELEMETRY="False")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
