"""Counts: the namespaces and tags that live memories are under, and how many each has."""

from __future__ import annotations

from memmux.wire import answers
from memmux.wire.requests import Filter, Namespaces, Tags
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records.filters import Condition, condition

_SQL = queries.load("counts")


def namespaces(connection: Connection, asked: Namespaces) -> answers.Namespaces:
    """Return the namespaces, those with the most memories first."""
    found, total = _counted(connection, "namespaces", condition(Filter(namespace=asked.namespaces)), asked.limit)
    return answers.Namespaces(namespaces=found, total=total)


def tags(connection: Connection, asked: Tags) -> answers.Tags:
    """Return the tags in some namespaces, those of the most memories first."""
    found, total = _counted(connection, "tags", condition(Filter(namespace=asked.namespace)), asked.limit)
    return answers.Tags(tags=found, total=total)


def _counted(
    connection: Connection, query: str, where: Condition, limit: int
) -> tuple[tuple[answers.NameCount, ...], int]:
    """Return the names that a query of `counts.sql` counts, and how many there are in all."""
    found = connection.fetch(_SQL[query].among(where.names), {**where.values, "limit": limit})
    counts = tuple(answers.NameCount(name=name, memories=memories) for name, memories, _ in found)
    return counts, found[0][2] if found else 0
