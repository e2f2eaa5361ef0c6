"""Tidying up: find what says the same twice, and what is out of date; `delete` and `undo` do the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memmux.client.calls import Call
from memmux.client.methods.arguments import Time, filter_of
from memmux.wire import requests
from memmux.wire.answers import Duplicates, Superseded
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE


def duplicates(
    after: int = 0,
    *,
    limit: int = 20,
    least: float | None = None,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    metadata: Mapping[str, object] | None = None,
    namespace: str | None = DEFAULT_NAMESPACE,
    include_superseded: bool = False,
    timeout_s: float | None = None,
) -> Call[Duplicates]:
    """Return groups of memories that say nearly the same, by meaning or but for case and blanks.

    Each memory is compared with all others of its namespace, so many of them at once, in the order of their storing.
    Ask again with `next` until that is None; a page may have no group. The first of a group, which was created first,
    is the one to stay: each other one says nearly the same as that. What differs in a number, a version, a date, a path
    or an identifier is no duplicate, however near.

    after: the cursor, `next` of the page before; 0 begins.
    limit: how many groups at most, 1 to 100.
    least: the cosine from which on two memories say nearly the same, 0 to 1; None for the one that `store` goes by.

    Returns a `Duplicates`; memories without a vector are in no group.
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
    body = requests.Duplicates(after=after, limit=limit, least=least, filter=kept).to_body()
    return Call(operation="memory.duplicates", body=body, read=_duplicates, timeout_s=timeout_s)


def superseded(
    *,
    limit: int = 20,
    offset: int = 0,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    after: Time | None = None,
    before: Time | None = None,
    metadata: Mapping[str, object] | None = None,
    namespace: str | None = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[Superseded]:
    """Return memories that a newer version took the place of, newest first, each with the newest version.

    limit: how many at most, 1 to 1000.
    offset: how many of the newest to leave out.

    Returns a `Superseded`: the memories, and how many the filter lets through in all.
    """
    kept = filter_of(
        tags=tags,
        any_tag=any_tag,
        type_=type,
        after=after,
        before=before,
        metadata=metadata,
        namespace=namespace,
        include_superseded=True,
    )
    body = requests.Superseded(limit=limit, offset=offset, filter=kept).to_body()
    return Call(operation="memory.superseded", body=body, read=_superseded, timeout_s=timeout_s)


def _duplicates(message: Message) -> Duplicates:
    return Duplicates.from_body(message.body)


def _superseded(message: Message) -> Superseded:
    return Superseded.from_body(message.body)
