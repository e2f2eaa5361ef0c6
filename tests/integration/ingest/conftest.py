"""A folder of each test for documents, and who ingests them."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux import Client
from memmux.ingest.report import Ingested
from memmux.ingest.run import ingest
from tests.integration.ingest.documents import Ingest


@pytest.fixture
def client(own_client: Client) -> Client:
    """A client for documents of this test alone."""
    return own_client


@pytest.fixture
def folder(short_tmp: Path) -> Path:
    """An empty folder for documents."""
    made = (short_tmp / "documents").resolve()
    made.mkdir()
    return made


@pytest.fixture
def into(client: Client) -> Ingest:
    """Ingest with small chunks, so that a few paragraphs are some."""

    def run(path: Path | list[Path], **options: object) -> Ingested:
        arguments: dict[str, object] = {"chunk_size": 200, "chunk_overlap": 0, "roots": None, **options}
        return ingest(client, path, **arguments)  # type: ignore[arg-type]  # options of the test

    return run
