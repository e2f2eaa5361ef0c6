"""The parts of a memory beside its row: aliases, links to others, and its origin in a former home."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from memmux.wire.requests import Use
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import rows
from workers.storage.records.filters import metadata_text

_SQL = queries.load("links")
Fields = dict[str, Any]
"""A link as a dump has it: target, relation, similarity, types, metadata, created_at; or an origin."""


def aliases(connection: Connection, row: int) -> list[str]:
    """Return the aliases of the memory `row`, in order."""
    return [name for (name,) in connection.fetch(_SQL["aliases"], {"row": row})]


def origin(connection: Connection, row: int) -> Fields:
    """Return what the former home of the memory `row` knew; empty if it had none."""
    fields = connection.value(_SQL["origin"], {"row": row})
    found: Fields = {} if fields is None else orjson.loads(fields)
    return found


def links(connection: Connection, row: int) -> list[Fields]:
    """Return the links that start at the memory `row`, by their targets."""
    return [
        {
            "target": target,
            "relation": relation,
            "similarity": similarity,
            "types": orjson.loads(types),
            "metadata": orjson.loads(metadata),
            "created_at": created_at,
        }
        for target, relation, similarity, types, metadata, created_at in connection.fetch(_SQL["links"], {"row": row})
    ]


def uses(connection: Connection, rows: Sequence[int]) -> dict[int, int]:
    """Return how often each of the memories `rows` was of use, those that never were left out."""
    return dict(connection.fetch(_SQL["uses"], {"rows": rows}))


def put_uses(connection: Connection, row: int, count: int, last_at: float) -> None:
    """Let the memory `row` have been of use so often, and last then, unless it was more often, or later."""
    connection.execute(_SQL["put_uses"], {"row": row, "count": count, "last_at": last_at})


def named(connection: Connection, namespace: str, names: Sequence[str]) -> int | None:
    """Return the row of a memory, live or deleted, that has one of these aliases."""
    values = {"namespace": namespace, "names": names}
    row: int | None = connection.value(_SQL["row_of_alias"], values)
    return row


def add_aliases(connection: Connection, row: int, names: Iterable[str]) -> None:
    """Let the memory `row` go by these names too; one that another memory has stays with it."""
    for name in names:
        connection.execute(_SQL["add_alias"], {"row": row, "name": name})


def drop_aliases(connection: Connection, row: int, names: Sequence[str]) -> None:
    """Let the memory `row` go by none of these names any more."""
    connection.execute(_SQL["drop_named_aliases"], {"row": row, "names": names})


def taken(connection: Connection, row: int, namespace: str, names: Sequence[str]) -> set[str]:
    """Return those of the names that another memory of the namespace than `row` has, as its id or as an alias."""
    values = {"row": row, "namespace": namespace, "names": names}
    return {name for (name,) in connection.fetch(_SQL["taken_names"], values)}


def put_aliases(connection: Connection, row: int, before: Iterable[str], names: Iterable[str]) -> None:
    """Let the memory `row`, which has the aliases `before`, have these and no other."""
    known, wanted = set(before), set(names)
    if gone := sorted(known - wanted):
        drop_aliases(connection, row, gone)
    add_aliases(connection, row, sorted(wanted - known))


def put_origin(connection: Connection, row: int, fields: Mapping[str, object]) -> None:
    """Keep what the former home of the memory `row` knew, in place of what was kept."""
    if fields:
        connection.execute(_SQL["put_origin"], {"row": row, "fields": metadata_text(fields)})
    else:
        connection.execute(_SQL["drop_origin"], {"row": row})


def add_links(connection: Connection, row: int, given: Iterable[Mapping[str, Any]]) -> None:
    """Add links that start at the memory `row`, but those of which it has one to the same target and relation."""
    for link in given:
        values = {**link, "types": orjson.dumps(link["types"]).decode(), "metadata": metadata_text(link["metadata"])}
        connection.execute(_SQL["put_link"], {**values, "row": row})


def put_links(connection: Connection, row: int, given: Iterable[Mapping[str, Any]]) -> None:
    """Let these links start at the memory `row` and no other."""
    connection.execute(_SQL["drop_links"], {"row": row})
    add_links(connection, row, given)


def use(connection: Connection, asked: Use, at: float) -> dict[str, object]:
    """Count a use of each of the memories; return how many are there."""
    ids = sorted({name for memory_id in asked.ids for name in rows.spellings(memory_id)})
    return {"count": connection.execute(_SQL["use"], {"ids": ids, "at": at, "namespaces": asked.namespaces})}
