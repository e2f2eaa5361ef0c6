"""What is neutral of storage is tested on both engines."""

from __future__ import annotations

import pytest

from tests.unit.workers.desk import SQLITE

NEUTRAL = {"reading", "records", "writing"}  # folders of tests


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the desk of either engine to the tests of what is neutral; that of SQLite alone to those that ask for it."""
    alone = metafunc.definition.get_closest_marker("sqlite_only") is not None
    if "desk" in metafunc.fixturenames and metafunc.definition.path.parent.name in NEUTRAL and not alone:
        engines = [SQLITE, pytest.param("postgresql", marks=pytest.mark.slow)]
        metafunc.parametrize("desk", engines, indirect=True)
