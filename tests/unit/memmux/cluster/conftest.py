"""The files of a cluster, and a router that is a script of the test."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memmux.cluster import ping, start
from memmux.config.paths import Places
from memmux.config.settings import Settings
from tests.bounds import BOUND_S
from tests.unit.memmux.cluster.routers import ROUTER


@pytest.fixture
def places(settings: Settings) -> Iterator[Places]:
    """The places of a database whose folder is there."""
    settings.database.parent.mkdir(exist_ok=True)
    yield Places(settings)
    Places(settings).endpoint.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that is a thread of the test is there however late it answers; a test may set less."""
    monkeypatch.setattr(ping, "PONG_S", BOUND_S)


@pytest.fixture
def router(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A function that makes `python -m router` run this code; returns a file that it may write to."""

    def script(code: str) -> Path:
        package = short_tmp / "lib" / "router"
        package.mkdir(parents=True)
        told = short_tmp / "told"
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(f"{ROUTER}told = {str(told)!r}\n{textwrap.dedent(code)}")
        python = short_tmp / "python"
        python.write_text(f'#!/bin/sh\nPYTHONPATH={package.parent} exec {sys.executable} "$@"\n')
        python.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(python))
        monkeypatch.setattr(start, "END_S", BOUND_S)
        return told

    return script
