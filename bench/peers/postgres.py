"""PostgreSQL with pgvector among the peers: an HNSW index by cosine, prepared statements, a socket of the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import report
from bench.harness.material import Material
from bench.peers.interface import NEAREST, Address, Answered, Ask, Served, Vector
from bench.peers.postgres_server import PACKAGE, USER, running

if TYPE_CHECKING:
    from psycopg import Connection

NAME = "pgvector"
PACKAGES = (PACKAGE, "psycopg", "pgvector")
BREADTH = "ef_search"
BREADTHS = (40, 64, 100, 160, 250)  # the first is its default

_DATABASE = "postgres"
_TABLE = """
CREATE TABLE memories (
    id bigint PRIMARY KEY,
    content text NOT NULL,
    embedding vector({dimensions}) NOT NULL
)
"""
_FILL = "COPY memories (id, content, embedding) FROM STDIN WITH (FORMAT binary)"
# The parameters are the defaults.
INDEX = "CREATE INDEX ON memories USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)"
# %b: in binary. As text, which the server has to parse, a vector makes a query about twice as slow.
_NEAREST = f"SELECT id, content FROM memories ORDER BY embedding <=> %b LIMIT {NEAREST}"  # noqa: S608  # a number of ours


@contextmanager
def serve(material: Material, folder: Path) -> Iterator[Served]:  # noqa: ARG001  # the server's user may not enter it
    """Serve the material from a table with an index that is in memory."""
    report.progress(f"{NAME}: starting the server")
    with running() as socket:
        version = filled(socket, material, _TABLE, (INDEX,))

        def widen(breadth: int) -> None:
            with _connection(socket) as connection:
                connection.execute(f"ALTER DATABASE {_DATABASE} SET hnsw.ef_search = {breadth:d}")

        yield Served(address=(str(socket),), version=version, widen=widen)


@contextmanager
def connect(address: Address) -> Iterator[Ask]:
    """Give a function that asks the server whose socket is in this folder."""
    (socket,) = address
    with opened(Path(socket)) as connection:
        cursor = connection.cursor()

        def ask(query: Vector) -> Answered:
            found: list[tuple[int, str]] = cursor.execute(_NEAREST, (query,), prepare=True).fetchall()
            return found

        yield ask


@contextmanager
def opened(socket: Path) -> Iterator[Connection[tuple[Any, ...]]]:
    """Give a connection that knows what a vector is, to the server whose socket is in this folder."""
    from pgvector.psycopg import register_vector

    with _connection(socket) as connection:
        register_vector(connection)  # a cursor knows what its connection knew when it was made
        yield connection


def filled(socket: Path, material: Material, table: str, indexes: Sequence[str]) -> str:
    """Store the material in a table that is made with these statements; return the versions of what serves it.

    table: makes it, with `{dimensions}` in the place of their number.
    """
    with _connection(socket) as connection:
        connection.execute("CREATE EXTENSION vector")
    with opened(socket) as connection:
        report.progress(f"{NAME}: storing {len(material)}")
        connection.execute(table.format(dimensions=material.vectors.shape[1]).encode())
        with connection.cursor() as cursor, cursor.copy(_FILL) as copy:
            copy.set_types(["int8", "text", "vector"])
            for place, vector in enumerate(material.vectors):
                copy.write_row((place, material.content(place), vector))
        report.progress(f"{NAME}: building the index")
        for statement in (*indexes, "VACUUM ANALYZE memories", "CHECKPOINT"):
            connection.execute(statement.encode())
        return _version(connection)


def _connection(socket: Path) -> Connection[tuple[Any, ...]]:
    from psycopg import connect as open_connection

    made: Connection[tuple[Any, ...]] = open_connection(host=str(socket), user=USER, dbname=_DATABASE, autocommit=True)
    return made


def _version(connection: Connection[tuple[Any, ...]]) -> str:
    asked = "SELECT extversion, current_setting('server_version') FROM pg_extension WHERE extname = 'vector'"
    found = connection.execute(asked).fetchone()
    assert found is not None
    pgvector, server = found
    return f"{pgvector}, PostgreSQL {server}"
