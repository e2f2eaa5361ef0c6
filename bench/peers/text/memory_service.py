"""mcp-memory-service among the peers: each client has its storage in its own process, as an MCP server of its has.

Its model is sentence-transformers' on torch, with as many threads as the environment says. Its requirements exclude
memmux's, so it is installed without them, and its storage is called without MCP.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import report
from bench.harness.material import Material
from bench.harness.vectors import Matrix
from bench.peers.interface import NEAREST, Address, Answered
from bench.peers.text.interface import Connection, Serving
from memmux.config.loader import load
from memmux.wire.requests import Mode
from workers.embedding import sources

if TYPE_CHECKING:
    from mcp_memory_service.models.memory import Memory
    from mcp_memory_service.storage.sqlite_vec import SqliteVecMemoryStorage

NAME = "mcp-memory-service"
MODES: Mapping[str, Mode] = {NAME: Mode.HYBRID}
# A Python whose SQLite can't load extensions needs the module whose can.
_OTHER_SQLITE = not hasattr(sqlite3.Connection, "enable_load_extension")
PACKAGES = ("mcp_memory_service", "sentence_transformers", *(("pysqlite3",) if _OTHER_SQLITE else ()))
REMEDY = (
    "not installed: pip install 'memmux[models]' pysqlite3-binary; pip install --no-deps 'mcp-memory-service==12.4.*'"
)

_BATCH = 500  # memories of one transaction


@contextmanager
def serve(material: Material, folder: Path) -> Iterator[Serving]:
    """Fill a database; there is nothing that serves it."""
    database = folder / "memories.db"
    with _opened(database) as connection:
        for start in range(0, len(material), _BATCH):
            report.progress(f"{NAME}: storing {start} of {len(material)}")
            end = min(start + _BATCH, len(material))
            connection.fill([material.content(place) for place in range(start, end)], material.vectors[start:end])
    yield Serving(address=(str(database),), version=version(NAME), pids=tuple)


@contextmanager
def connect(address: Address) -> Iterator[Connection]:
    """Give a connection that has storage and model in this process."""
    (database,) = address
    with _opened(Path(database)) as connection:
        yield connection


class _Connection:
    def __init__(self, storage: SqliteVecMemoryStorage, runner: asyncio.Runner) -> None:
        self._storage = storage
        self._runner = runner

    def search(self, query: str, mode: Mode) -> Answered:  # noqa: ARG002  # there is one
        found = self._runner.run(self._storage.retrieve_hybrid(query, n_results=NEAREST))
        return [(hit.memory.content_hash, hit.memory.content) for hit in found]

    def store(self, text: str) -> None:
        # Short texts are much like each other, and all of them are to be kept.
        _check(self._runner.run(self._storage.store(_memory(text), skip_semantic_dedup=True)))

    def fill(self, texts: Sequence[str], vectors: Matrix) -> None:
        """Store texts whose vectors are known."""
        own, self._storage.embedding_model = self._storage.embedding_model, _Known(vectors)
        for stored in self._runner.run(self._storage.store_batch([_memory(text) for text in texts])):
            _check(stored)
        self._storage.embedding_model = own


class _Known:
    """A model that has been asked already."""

    def __init__(self, vectors: Matrix) -> None:
        self._vectors = vectors

    def encode(self, _texts: Sequence[str], **_options: Any) -> Matrix:
        return self._vectors


@contextmanager
def _opened(database: Path) -> Iterator[_Connection]:
    # Its own choice would be a model that it downloads.
    os.environ.update(MCP_MEMORY_USE_ONNX="0", HF_HUB_OFFLINE="1")
    if _OTHER_SQLITE:
        import pysqlite3

        sys.modules["sqlite3"] = pysqlite3
    from mcp_memory_service.storage.sqlite_vec import SqliteVecMemoryStorage

    storage = SqliteVecMemoryStorage(str(database), embedding_model=str(sources.find(load()).folder))
    with asyncio.Runner() as runner:
        runner.run(storage.initialize())
        try:
            yield _Connection(storage, runner)
        finally:
            runner.run(storage.close())


def _memory(text: str) -> Memory:
    from mcp_memory_service.models.memory import Memory
    from mcp_memory_service.utils.hashing import generate_content_hash

    return Memory(content=text, content_hash=generate_content_hash(text))


def _check(stored: tuple[bool, str]) -> None:
    kept, said = stored
    if not kept:
        raise RuntimeError(said)
