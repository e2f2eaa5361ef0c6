"""Absent names: tags and clients that are asked for and unknown, and a sentence on each."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memmux.client.blocking import Client
from memmux.wire.answers import Page, SearchResult

_MOST = 1000  # names or changes that are looked at


def names(client: Client, options: Mapping[str, Any], found: SearchResult | Page) -> list[str]:
    """Return a sentence on each unknown tag and client of a filter; what it lets through has all of them."""
    namespace = options["namespace"]
    if found.notes:  # which say that there is no such namespace, or why nothing is found
        return []
    if len(found):
        return tags(client, options["tags"], namespace) if options["any_tag"] else []
    return [
        *tags(client, options["tags"], namespace),
        *clients(client, options.get("client"), namespace),
    ]


def tags(client: Client, asked: Sequence[str], namespace: str | None) -> list[str]:
    """Return a sentence for each of the tags that no memory has; nothing where there are too many tags to tell."""
    found = client.tags(limit=_MOST, namespace=namespace) if asked else None
    if found is None or found.total > _MOST:
        return []
    known = {_folded(tag.name): tag.name for tag in found.tags}
    where = "" if namespace is None else f" in the namespace {namespace!r}"
    gone = [tag for tag in asked if _folded(tag) not in known]
    return [f"no memory has the tag {tag!r}{where}{_meant(tag, known.values())}" for tag in gone]


def clients(client: Client, asked: str | None, namespace: str | None) -> list[str]:
    """Return a sentence if the client has made no change; it names a client of late that may be meant."""
    if asked is None or client.changes(0, limit=1, client=asked, namespace=namespace).changes:
        return []
    late = client.changes(0, limit=_MOST, newest=True, namespace=namespace)
    return [f"nothing is of a client {asked!r}{_meant(asked, (change.client for change in late))}"]


def _meant(name: str, known: Iterable[str]) -> str:
    names = {_folded(one): one for one in known}
    meant = difflib.get_close_matches(_folded(name), names, 1)
    return f"; did you mean {names[meant[0]]!r}?" if meant else ""


def _folded(name: str) -> str:
    """Return a name as it is compared."""
    return unicodedata.normalize("NFC", name).strip().casefold()
