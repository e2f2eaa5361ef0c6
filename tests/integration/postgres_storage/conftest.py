"""An empty database of each test, with a writer and a reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bounds import BOUND_S
from workers.storage.postgres import engine
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a server accept as late as on a busy machine; for one that stands still tests have bounds of their own."""
    monkeypatch.setattr(engine, "CONNECT_S", int(BOUND_S))
    monkeypatch.setattr(engine, "ALL_S", int(BOUND_S))


@pytest.fixture
def url(own_url: str) -> str:
    """An empty database of the test's own."""
    return own_url


@pytest.fixture
def writer(url: str, tmp_path: Path) -> Iterator[PostgresWriter]:
    with closing(PostgresWriter(url, tmp_path)) as opened:
        yield opened


@pytest.fixture
def reader(writer: PostgresWriter, url: str, tmp_path: Path) -> Iterator[PostgresReader]:  # noqa: ARG001 - it makes the tables
    with closing(PostgresReader(url, tmp_path)) as opened:
        yield opened
