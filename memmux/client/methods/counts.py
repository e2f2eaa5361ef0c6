"""Counts: which namespaces and tags there are, and how many memories each has."""

from __future__ import annotations

from memmux.client.calls import Call
from memmux.wire import requests
from memmux.wire.answers import Namespaces, Tags
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE


def namespaces(*, limit: int = 100, timeout_s: float | None = None) -> Call[Namespaces]:
    """Return the namespaces that have memories, and how many each has, the most first.

    limit: how many namespaces at most, 1 to 1000.

    Returns a `Namespaces`; deleted memories do not count, superseded ones do.
    """
    body = requests.Namespaces(limit=limit).to_body()
    return Call(operation="memory.namespaces", body=body, read=_namespaces, timeout_s=timeout_s)


def tags(*, limit: int = 100, namespace: str | None = DEFAULT_NAMESPACE, timeout_s: float | None = None) -> Call[Tags]:
    """Return the tags that memories have, and how many memories have each, the most first.

    limit: how many tags at most, 1 to 1000.
    namespace: only tags of memories of this namespace; None for all namespaces; if left out, the setting `namespace`.

    Returns a `Tags`; deleted memories do not count, superseded ones do. Spellings that differ in case are one tag.
    """
    body = requests.Tags(limit=limit, namespace=namespace).to_body()
    return Call(operation="memory.tags", body=body, read=_tags, timeout_s=timeout_s)


def _namespaces(message: Message) -> Namespaces:
    return Namespaces.from_body(message.body)


def _tags(message: Message) -> Tags:
    return Tags.from_body(message.body)
