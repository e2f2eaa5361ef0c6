"""What tests of workers share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from memmux.postgres import servers
from memmux.postgres.server import Server
from tests.postgres_server import SMALL, own_database
from tests.unit.workers.desk import SQLITE, Desk

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, of which each test takes a copy: to make one takes as long as many tests do."""
    path = tmp_path_factory.mktemp("empty") / "memories.db"
    Desk(path).close()
    return path


@pytest.fixture(scope="session")
def prepared_postgres(postgres_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose database has memmux's tables, of which each test takes a copy."""
    from workers.storage.postgres.writer import PostgresWriter

    with servers.running(postgres_template) as place:
        server = place.primary(fsync="off", full_page_writes="off", autovacuum="off", **SMALL)
        PostgresWriter(server.url, tmp_path_factory.mktemp("empty") / "home").close()
        yield server


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A writer and a reader of an empty database; every view is checked at the end."""
    with ExitStack() as stack:
        if getattr(request, "param", SQLITE) == SQLITE:
            empty: Path = request.getfixturevalue("empty_database")
            desk = Desk(Path(shutil.copy(empty, tmp_path / "memories.db")))
        else:
            server: Server = request.getfixturevalue("prepared_postgres")
            desk = _postgres_desk(stack, server, tmp_path / "memories")
        yield desk
        desk.check()
        desk.close()


def _postgres_desk(stack: ExitStack, server: Server, home: Path) -> Desk:
    from tests.unit.workers.postgres_desk import PostgresDesk

    url = stack.enter_context(own_database(server, f"copy_{next(_NUMBERS)}", "TEMPLATE memmux"))
    return PostgresDesk(url, home)
