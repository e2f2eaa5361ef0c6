"""Dump: memories as they are, all fields, the deleted ones too, a page at a time in the order of their rows."""

from __future__ import annotations

import binascii
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson

from memmux.wire.requests import Dump
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import links

_SQL = queries.load("transfer")
PAGE_BYTES = 8 << 20  # of contents and vectors; a page ends with the memory that goes beyond
Fields = dict[str, Any]


def dump(connection: Connection, asked: Dump) -> Fields:
    """Return a page: `memories`; `next`, where the page after it begins, None after the last; `last`, where all end."""
    memories: list[Fields] = []
    size, row, full = 0, asked.after, False
    for row, uses, used_at, *values in connection.each(_SQL["page"], {"after": asked.after, "limit": asked.limit}):
        fields = _fields(connection, row, values)
        if uses is not None:
            fields |= {"uses": uses, "used_at": used_at}
        size += len(fields["content"].encode())
        size += sum(len(orjson.dumps(fields[name])) for name in ("aliases", "origin", "links") if name in fields)
        if asked.vectors:
            fields["vectors"] = _vectors(connection, row)
            size += sum(len(text["data"]) for text in fields["vectors"])
        memories.append(fields)
        full = size > PAGE_BYTES or len(memories) == asked.limit
        if full:
            break
    last = connection.value(_SQL["last"])
    return {"memories": memories, "next": row if full and row < last else None, "last": last}


def dumped(connection: Connection, row: int) -> Fields:
    """Return the memory `row` as a dump without vectors has it, without its uses, which are no part of its state."""
    ((_, _, _, *values),) = connection.fetch(_SQL["page"], {"after": row - 1, "limit": 1})
    return _fields(connection, row, values)


def _fields(connection: Connection, row: int, values: list[Any]) -> Fields:
    """Return the fields of a memory; times in seconds since 1970, as they are kept, so that nothing is rounded."""
    id_, namespace, type_, created, updated, deleted, supersedes, content_hash, metadata, content, *rest = values
    superseded_by, thread, place, has_aliases, has_origin, has_links = rest
    fields = {
        "id": id_,
        "namespace": namespace,
        "type": type_,
        "tags": [spelling for (spelling,) in connection.fetch(_SQL["tags"], {"row": row})],
        "metadata": orjson.loads(metadata),
        "created_at": created,
        "updated_at": updated,
        "deleted_at": deleted,
        "supersedes": supersedes,
        "content_hash": content_hash,
        "content": content,
    }
    # What most memories have not is there only where they have it.
    if superseded_by is not None:
        fields["superseded_by"] = superseded_by
    fields |= {name: value for name, value in (("thread", thread), ("place", place)) if value is not None}
    if has_aliases:
        fields["aliases"] = links.aliases(connection, row)
    if has_origin:
        fields["origin"] = links.origin(connection, row)
    if has_links:
        fields["links"] = links.links(connection, row)
    return fields


def _vectors(connection: Connection, row: int) -> list[Fields]:
    """Return the vectors of a memory, for each model its windows and, in base64, their float32."""
    found = connection.fetch(_SQL["vectors"], {"row": row})
    return [_text(model, dimensions, list(group)) for (model, dimensions), group in groupby(found, itemgetter(0, 1))]


def _text(model: str, dimensions: int, windows: list[tuple[Any, ...]]) -> Fields:
    data = b"".join(embedding for *_, embedding in windows)
    return {
        "model": model,
        "dimensions": dimensions,
        "windows": [[start, end] for _, _, start, end, _ in windows],
        "data": binascii.b2a_base64(data, newline=False).decode(),
    }
