"""All memories: take them out as they are, and put them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from memmux import limits
from memmux.client.calls import Call
from memmux.wire import requests
from memmux.wire.answers import Dumped, Loaded, Problem
from memmux.wire.protocol import Message


def dump(
    *,
    after: int = 0,
    limit: int = limits.DUMP_MEMORIES,
    vectors: bool = False,
    timeout_s: float | None = None,
) -> Call[Dumped]:
    """Return a page of all memories of all namespaces as they are, the deleted ones too, in the order of their storing.

    after: the `next` of the page before; 0 for the first page.
    limit: how many memories at most, 1 to 256.
    vectors: whether their vectors come along.

    Returns a `Dumped`: memories as JSON objects, which PROTOCOL.md describes and `load` takes.
    """
    arguments = requests.Dump(after=after, limit=limit, vectors=vectors)
    return Call(operation="memory.dump", body=arguments.to_body(), read=_dumped, timeout_s=timeout_s)


def load(
    memories: Sequence[Mapping[str, object]],
    *,
    adopt: bool = False,
    newest: bool = False,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Loaded]:
    """Put memories back as `dump` gave them; those that are there already, as they are given, are skipped.

    memories: 1 to 256 JSON objects. Each is loaded or not by itself.
    adopt: whether they come from a former home: then what changed there and not here is taken over, equal contents
        become one memory, and their vectors are compared with the model's before they are trusted.
    newest: whether of an adopted memory that was changed on both sides the newer state counts, and not that of here.

    Returns a `Loaded`; its `problems` name the memories that were not loaded, and say why.
    """
    body = requests.Load(memories=cast("tuple[object, ...]", memories), adopt=adopt, newest=newest).to_body()
    return Call(operation="memory.load", body=body, read=_loaded, key=key, timeout_s=timeout_s)


def _dumped(message: Message) -> Dumped:
    fields = orjson.loads(message.body)
    return Dumped(**{**fields, "memories": tuple(fields["memories"])})


def _loaded(message: Message) -> Loaded:
    fields = orjson.loads(message.body)
    return Loaded(**{**fields, "problems": tuple(Problem(**problem) for problem in fields["problems"])})
