"""A cluster at rest: one worker of each kind, and a client; and a supervisor of real workers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux.config.settings import Settings
from memmux.wire.operations import Stage
from router.lifecycle.supervisor import Supervisor
from tests.unit.router.dispatch.driver import Driver


@pytest.fixture
def driver() -> Driver:
    """One embedder, one reader and one writer with credit for two requests each; the client `a` has a session."""
    driver = Driver()
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=2)
    driver.hello(b"a")
    return driver


@pytest.fixture
def supervisor(settings: Settings, short_tmp: Path) -> Iterator[Supervisor]:
    """Its workers connect to nobody, unless a test listens; that is enough for them to live, or to be killed."""
    settings.database.parent.mkdir()
    counter = itertools.count()
    made = Supervisor(settings, f"ipc://{short_tmp}/workers", new_identity=lambda: str(next(counter)))
    yield made
    made.kill_all()
