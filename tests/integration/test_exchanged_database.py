"""A database that is exchanged under a cluster: it stops, and the next one serves what is there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memmux import Client
from memmux.config.settings import Settings
from memmux.errors import (
    DatabaseReplacedError,
)
from tests.integration.helpers import complete, gone, pids_of, status_until


def _moved_away(database: Path) -> None:
    database.rename(database.with_name("moved.db"))


def _exchanged(database: Path) -> None:
    """Another database of ours takes its place: one that was copied before it had the test's memories."""
    database.with_name("other.db").replace(database)


def _copy(database: Path) -> None:
    """Put a consistent copy of the database beside it."""
    with closing(apsw.Connection(str(database))) as source:
        source.execute("VACUUM INTO ?", (str(database.with_name("other.db")),))


@pytest.mark.parametrize("fault", [Path.unlink, _moved_away, _exchanged])
def test_cluster_whose_database_is_exchanged_stops_and_the_next_one_serves_what_is_there(
    client: Client, settings: Settings, fault: Callable[[Path], None]
) -> None:
    client.store("in every copy")
    _copy(settings.database)
    for number in range(20):
        client.store(f"in the old database alone {number}")
    before = status_until(client, complete)
    fault(settings.database)
    gone(pids_of(before))  # though nobody asks for anything
    with Client(settings=settings, name="next") as other:
        after = other.store("in the new database")
        left = {memory.content for memory in other.list(limit=100)}
    assert after.status == "created"
    assert left == {"in the new database"} | ({"in every copy"} if fault is _exchanged else set())
    with closing(apsw.Connection(str(settings.database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        assert connection.pragma("integrity_check") == "ok"


def test_write_to_an_exchanged_database_says_so_or_goes_to_the_next_cluster(client: Client, settings: Settings) -> None:
    client.store("in every copy")
    _copy(settings.database)
    client.store("in the old database alone")
    before = status_until(client, complete)
    _exchanged(settings.database)
    try:
        client.store("whose database is this")
    except DatabaseReplacedError:
        client.store("whose database is this")
    assert {memory.content for memory in client.list()} == {"in every copy", "whose database is this"}
    gone(pids_of(before))
