"""How thorough the unit tests are, and which of them are slow."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from memmux.logs import log

# `full`, unless `--hypothesis-profile=quick` says otherwise. A busy machine is no failure: neither has a deadline.
settings.register_profile("full", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=5)
settings.load_profile("full")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the real model, which takes a second to load."""
    for item in items:
        if "model_cache" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Leave what was collected, some hundred thousand objects that stay, out of every later collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_log() -> Iterator[None]:
    """Leave the log of a test, which is its process's, to no other."""
    yield
    if log._sink is not None:
        structlog.reset_defaults()
        log._sink.close()
        log._logger = log._sink = None
