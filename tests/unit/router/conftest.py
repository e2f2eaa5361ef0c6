"""A cluster at rest: one worker of each kind, and a client."""

from __future__ import annotations

import pytest

from memmux.wire.operations import Stage
from tests.unit.router.dispatch.driver import Driver


@pytest.fixture
def driver() -> Driver:
    """One embedder, one reader and one writer with credit for two requests each; the client `a` has a session."""
    driver = Driver()
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=2)
    driver.hello(b"a")
    return driver
