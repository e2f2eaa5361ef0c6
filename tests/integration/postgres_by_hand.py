"""PostgreSQL by hand: statements of an administrator; stores and lists of a writer and a reader without a cluster."""

from __future__ import annotations

import math
import secrets
from typing import Any

import orjson
import psycopg

from memmux.errors import MemmuxError
from memmux.wire.requests import List
from tests.unit.workers.desk import job
from workers.runtime.jobs import Answer, silent
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter


def asked(url: str, *statements: str) -> None:
    """Run statements in a database, in which `DATABASE` stands for its name."""
    with psycopg.connect(url, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement.replace("DATABASE_NAME", f'"{admin.info.dbname}"').encode())


def guest(url: str, *statements: str) -> str:
    """Return the URL of another user, who has a name of his own."""
    name = f"guest_{secrets.token_hex(4)}"
    asked(url, f"CREATE ROLE {name} LOGIN", *(statement.replace("GUEST", name) for statement in statements))
    return url.replace("memmux@", f"{name}@")


def applied(writer: PostgresWriter, content: str, key: str = "") -> Answer | MemmuxError:
    """Return what became of a store."""
    ((_, outcome),) = writer.apply([job("memory.store", {"content": content}, key=key)], silent)
    return outcome


def stored(writer: PostgresWriter, content: str) -> Any:
    """Return the answer to a store, which has to be one."""
    outcome = applied(writer, content)
    assert isinstance(outcome, Answer), outcome
    return orjson.loads(outcome.frames[0])


def listed(reader: PostgresReader) -> list[str]:
    """Return the contents of all memories, in the order of the alphabet."""
    with reader.snapshot(math.inf, silent):
        return sorted(memory.content for memory in reader.list(List()).memories)
