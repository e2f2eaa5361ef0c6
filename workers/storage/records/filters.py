"""Filters: a request's filter as conditions of a query, the same ones for lists and for every way of searching."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson

from memmux.wire.requests import Filter, Metadata
from workers.storage.connection import Values


class Deleted(StrEnum):
    """Whether deleted memories are meant, as the names of conditions have it."""

    NO = "live"
    TOO = "ever"
    ONLY = "deleted"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on `m`, a row of memories: all those of filters.sql with these names must hold, of these values.

    plain: it asks for the live memories of one namespace, or of all, and nothing else. by_tags: the name of the query
    in search.sql for the rows with the tags that are asked for, if nothing else is; among them are those of other
    namespaces, and of deleted memories. Empty otherwise. current: it leaves out superseded memories, of which plain and
    by_tags do not speak.
    """

    names: tuple[str, ...]
    values: Values
    plain: bool
    by_tags: str = ""
    current: bool = False


def condition(
    asked: Filter,
    *,
    current: bool = False,
    unused_since: datetime | None = None,
    deleted: Deleted = Deleted.NO,
    client: str | None = None,
    ids: Sequence[str] | None = None,
) -> Condition:
    """Return the condition that lets through what `asked` does.

    current: and no superseded memory. unused_since: and none that was of use, or created, since that time. client: and
    none but those that a client stored whose name begins so. ids: and none but these.
    """
    values: dict[str, object] = {}
    names = [f"{deleted}_everywhere"]
    if isinstance(asked.namespace, str):
        names, values = [str(deleted)], {"namespace": asked.namespace}
    elif asked.namespace is not None:
        names.append("namespaces")
        values["namespaces"] = asked.namespace
    if asked.tags:
        names.append("any_tag" if asked.any_tag else "all_tags")
        values["tags"] = sorted(set(map(normal, asked.tags)))
    more = {
        "type": asked.type,
        "after": asked.after and asked.after.timestamp(),
        "before": asked.before and asked.before.timestamp(),
        "metadata": metadata_text(asked.metadata) if asked.metadata else None,
        "unused_since": unused_since and unused_since.timestamp(),
        "client": client,
        "ids": ids,
    }
    given = {name: value for name, value in more.items() if value is not None}
    names += given
    values |= given
    by_tags = f"rows_of_{names[1]}" if names[1:] in (["any_tag"], ["all_tags"]) else ""
    plain = len(names) == 1 and deleted is Deleted.NO
    names += ["current"] if current else []
    return Condition(tuple(names), values, plain=plain, by_tags=by_tags, current=current)


def metadata_text(metadata: Metadata) -> str:
    """Return metadata as the JSON that is stored: keys in order, so that equal objects are equal texts."""
    return orjson.dumps(dict(metadata), option=orjson.OPT_SORT_KEYS).decode()


def normal(tag: str) -> str:
    """Return the name under which `tag` is compared."""
    return folded(unicodedata.normalize("NFC", tag).strip())


def folded(text: str) -> str:
    """Return a text as it is compared without regard to case."""
    # Folding can take a composed character apart, so it is composed once more.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def holds(content: str, query: str) -> bool:
    """Return whether a content holds a query that is folded already; SQL's own functions know only ASCII."""
    return query in content.casefold() or (not content.isascii() and query in folded(content))


def spellings(tags: Sequence[str]) -> dict[str, str]:
    """Return the first spelling of each name, in the order given."""
    found: dict[str, str] = {}
    for tag in tags:
        found.setdefault(normal(tag), tag)
    return found
