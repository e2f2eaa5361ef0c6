"""What tests of workers share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.workers.desk import Desk


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, of which each test takes a copy: to make one takes as long as many tests do."""
    path = tmp_path_factory.mktemp("empty") / "memories.db"
    Desk(path).close()
    return path


@pytest.fixture
def desk(empty_database: Path, tmp_path: Path) -> Iterator[Desk]:
    """A writer and a reader of an empty database; every view is checked at the end."""
    desk = Desk(Path(shutil.copy(empty_database, tmp_path / "memories.db")))
    yield desk
    desk.check()
    desk.close()
