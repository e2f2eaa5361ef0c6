"""A desk where tests hand in requests: the real workers on a real database, in this process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.wire.embeddings import Embedding
from memmux.wire.ids import uuid7
from memmux.wire.operations import OPERATIONS
from workers.read import ReadWorker
from workers.runtime.jobs import Answer, Job, Outcome
from workers.storage.sqlite.reader import SqliteReader
from workers.storage.sqlite.writer import SqliteWriter
from workers.write import WriteWorker

SQLITE = "sqlite"  # the engine of a desk that names none
MODEL = "tiny"
Vector = Sequence[float]


def frames(*texts: Sequence[Vector], model: str = MODEL) -> tuple[bytes, bytes]:
    """Return the embedding frames of texts, each given as the vectors of its windows."""
    vectors = [vector for text in texts for vector in text]
    flat = [number for vector in vectors for number in vector]
    data = Embedding.of_vector(model, flat, 0).data
    windows = tuple(tuple((number, number + 1) for number, _ in enumerate(text)) for text in texts)
    return Embedding(model, len(vectors[0]) if vectors else 2, windows, data).frames()


def embedding(content: str, *vectors: Vector) -> tuple[bytes, bytes]:
    """The frames of a content in windows that overlap and cover it, one for each vector."""
    size = len(content) // len(vectors)
    windows = [(number * size, (number + 1) * size) for number in range(len(vectors))]
    windows[-1] = (windows[-1][0], len(content))
    flat = [number for vector in vectors for number in vector]
    return Embedding(MODEL, 2, (tuple(windows),), Embedding.of_vector(MODEL, flat, 0).data).frames()


def job(operation: str, body: object, *blobs: bytes, **fields: Any) -> Job:
    """Return a job; a body that is not bytes is written as JSON."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    known = {"key": "", "client": "test", "deadline": math.inf, "attempt": 1, "degraded": ()}
    return Job(**{"id": uuid7(), "operation": operation, "frames": (data, *blobs), **known, **fields})


def waiting(desk: Desk, model: str = "tiny", limit: int = 10, dimensions: int = 2) -> tuple[dict[str, Any], bytes]:
    """Ask the read stage which texts wait for vectors."""
    asked = {"model": model, "dimensions": dimensions, "limit": limit}
    ((_, outcome),) = desk.reader.handle([job("vectors.backfill", asked)], lambda: None)
    assert not isinstance(outcome, MemmuxError)
    return asked, outcome.frames[0]


class Clock:
    """A clock that moves only when it is told to, and by a second each time it is asked."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        self.at += 1
        return self.at


class Desk:
    """A writer and a reader of one database."""

    engine: Any
    questions: Any
    zero = "\0"  # the character, where the engine keeps it

    def __init__(self, database: Path, *, most_vectors: int = 200_000, languages: tuple[str, ...] = ()) -> None:
        self.clock = Clock()
        self.settings = Settings(database=database)
        self.writer = WriteWorker(self.settings)
        self.reader = ReadWorker(self.settings)
        self.open(most_vectors, languages)
        self.writer._open, self.reader._open = self.engine, self.questions

    def open(self, most_vectors: int, languages: tuple[str, ...]) -> None:
        """Open both sides of the engine."""
        database = self.settings.database
        self.engine = SqliteWriter(database, now=self.clock, languages=languages)
        self.questions = SqliteReader(database, most_vectors=most_vectors)

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run SQL on the writer's connection."""
        return self.engine._raw.execute(query, values).fetchall()

    def write(self, *jobs: Job) -> list[Outcome]:
        return list(self.writer.handle(jobs, lambda: None))

    def ask(self, operation: str, body: object, *blobs: bytes, **fields: Any) -> Any:
        """Return the answer's body, or raise its error."""
        return orjson.loads(self.answer(operation, body, *blobs, **fields).frames[0])

    def answer(self, operation: str, body: object, *blobs: bytes, **fields: Any) -> Answer:
        worker = self.writer if OPERATIONS[operation].writes else self.reader
        ((_, outcome),) = worker.handle([job(operation, body, *blobs, **fields)], lambda: None)
        if isinstance(outcome, MemmuxError):
            raise outcome
        return outcome

    def store(self, content: str, *vectors: Vector, key: str = "", **fields: Any) -> Any:
        """Store a memory with the vectors of its windows, or none."""
        blobs = frames(vectors) if vectors else ()
        return self.ask("memory.store", {"content": content, **fields}, *blobs, key=key)

    def search(self, query: str, *vectors: Vector, mode: str = "hybrid", limit: int = 10, **filters: Any) -> Any:
        """Search, with the vectors of the query's windows or none; return the body of the answer."""
        body = {"query": query, "mode": mode, "limit": limit, "filter": filters}
        return self.ask("memory.search", body, *(frames(vectors) if vectors else ()))

    def contents(self, query: str, *vectors: Vector, **fields: Any) -> list[str]:
        """Return the contents of the hits of a search."""
        return [hit["memory"]["content"] for hit in self.search(query, *vectors, **fields)["hits"]]

    def check(self) -> None:
        """Raise if any view has drifted from the rows."""
        self.sql("INSERT INTO texts (texts, rank) VALUES ('integrity-check', 1)")
        ((live, counted),) = self.sql(
            "SELECT (SELECT count(*) FROM memories WHERE deleted_at IS NULL), value FROM meta WHERE key = 'memories'"
        )
        assert live == counted
        models = self.sql("SELECT id, memories, vectors FROM models")
        assert len(self.sql("SELECT name FROM sqlite_schema WHERE sql LIKE '%USING vec0%'")) == len(models)
        for model, memories, vectors in models:
            ids = self.sql("SELECT id FROM vectors WHERE model = ? ORDER BY id", model)
            assert len(ids) == vectors
            assert ids == self.sql(f"SELECT rowid FROM vec_{model} ORDER BY rowid")  # noqa: S608  # a name of our own, made from a number
            ((owners,),) = self.sql("SELECT count(DISTINCT memory) FROM vectors WHERE model = ?", model)
            assert owners == memories
        assert self.sql("PRAGMA foreign_key_check") == []
