"""Documents of the tests of ingesting, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memmux import Client
from memmux.ingest.report import Ingested
from memmux.wire.answers import Memory

PARAGRAPHS = [f"Paragraph {number} says something of its own about the number {number}." for number in range(40)]
Ingest = Callable[..., Ingested]


def text(paragraphs: list[str]) -> str:
    return "\n\n".join(paragraphs) + "\n"


def chunks_of(client: Client, path: Path) -> list[Memory]:
    found = client.list(type="document", metadata={"source": str(path)}, limit=1000)
    return sorted(found, key=lambda memory: int(str(memory.metadata["chunk"])))


def counts(done: Ingested) -> tuple[int, int, int, int]:
    assert done.problems == ()
    return done.files, done.chunks, done.replaced, done.skipped
