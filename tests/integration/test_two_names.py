"""Two names of one file, with real clusters: one serves, and who comes by the other name is told so at once."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.settings import Settings
from memmux.errors import DatabaseElsewhereError
from tests.bounds import BOUND_S
from tests.integration.helpers import complete, status_until
from tests.integration.machines import memmux


@pytest.mark.skipif(sys.platform != "linux", reason="flock and SQLite's locks are one and the same there")
def test_a_hard_link_to_a_database_in_use_is_refused_and_nothing_is_lost(
    settings: Settings, settings_env: dict[str, str], client: Client, short_tmp: Path
) -> None:
    folder = short_tmp / "linked"
    folder.mkdir()
    client.store("the first")
    os.link(settings.database, folder / "other.db")
    other = replace(settings, database=folder / "other.db")
    with pytest.raises(DatabaseElsewhereError, match="one name"), Client(settings=other, name="other") as second:
        second.store("lost")
    for number in range(20):
        client.store(f"number {number}")
    client.close()
    log, until = settings.database.with_name(f"{settings.database.name}-wal"), time.monotonic() + BOUND_S
    assert memmux(settings_env, "stop").returncode == 0
    while log.exists():  # a writer that was late was killed, and left it
        assert time.monotonic() < until
        with Client(settings=settings, name="again") as again:
            status_until(again, complete)
        assert memmux(settings_env, "stop").returncode == 0
    with Client(settings=other, name="other") as second:
        assert second.list(limit=1).total == 21
    assert memmux({**settings_env, "MEMMUX_DATABASE": str(other.database)}, "stop").returncode == 0
    assert memmux(settings_env, "check", "--deep").returncode == 0
