"""The time line: what was stored, changed and deleted on each day, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from memmux.client.calls import Call
from memmux.client.methods.arguments import Time, filter_of
from memmux.wire import requests
from memmux.wire.answers import Timeline
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE, Grouping


def timeline(
    *,
    by: Grouping | str = Grouping.CLIENT.value,
    limit: int = 10,
    zone: str | None = None,
    after: Time | None = None,
    before: Time | None = None,
    client: str | None = None,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    metadata: Mapping[str, object] | None = None,
    namespace: str | None = DEFAULT_NAMESPACE,
    include_superseded: bool = True,
    timeout_s: float | None = None,
) -> Call[Timeline]:
    """Return how many memories were stored, changed and deleted on each day.

    Memories that are deleted now were stored and deleted; of what was purged nothing is counted.

    by: a `Grouping` or its name, what the counts are put under: `client`, `type`, `tag` or `namespace`.
        Under `tag` a memory counts once for each of its tags, also in the sum of the rest.
    limit: how many groups at most, those with the most counts, 1 to 100; `other` is the sum of the rest.
    zone: the time zone in which days begin and end, such as `Europe/Berlin`; None for the one of this machine.
    after: only what happened at this `Time` or later.
    before: only what happened before this `Time`.
    client: only what a client did whose name begins so, in any case.

    Returns a `Timeline`, with the newest 4000 days on which something happened.

    Raises ArgumentInvalidError for a time zone that nobody knows.
    """
    kept = filter_of(
        tags=tags,
        any_tag=any_tag,
        type_=type,
        after=None,
        before=None,
        metadata=metadata,
        namespace=namespace,
        include_superseded=include_superseded,
    )
    arguments = requests.Timeline(
        by=cast("Grouping", by),
        limit=limit,
        zone=zone,
        after=cast("datetime | None", after),  # a text is read by the request
        before=cast("datetime | None", before),
        client=client,
        filter=kept,
    )
    return Call(operation="memory.timeline", body=arguments.to_body(), read=_timeline, timeout_s=timeout_s)


def _timeline(message: Message) -> Timeline:
    return Timeline.from_body(message.body)
