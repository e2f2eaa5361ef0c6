"""What tests of workers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.workers.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A writer and a reader of an empty database; every view is checked at the end."""
    desk = Desk(tmp_path / "memories.db")
    yield desk
    desk.check()
    desk.close()
