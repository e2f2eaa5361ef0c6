"""Questions: search, list, and follow links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from memmux.client.calls import Call, Vector, embedding_of
from memmux.client.methods.arguments import Time, filter_of
from memmux.errors import ArgumentInvalidError
from memmux.wire import requests
from memmux.wire.answers import Graph, Page, SearchResult
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE, Mode, Walk


def search(
    query: str,
    *,
    mode: Mode | str = Mode.HYBRID,
    limit: int = 10,
    offset: int = 0,
    min_score: float | None = None,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    after: Time | None = None,
    before: Time | None = None,
    metadata: Mapping[str, object] | None = None,
    namespace: str | None = DEFAULT_NAMESPACE,
    include_superseded: bool = False,
    vector: Vector | None = None,
    timeout_s: float | None = None,
) -> Call[SearchResult]:
    """Find the best memories for a query, among those that the filter lets through.

    mode: semantic, keyword, hybrid, ranked or exact. offset: leave out so many of the best. min_score: leave out those
    below. namespace: None for all of them. include_superseded: also those that a newer version has taken the place of.
    vector: the query's embedding by the cluster's model, if the caller made it.
    """
    kept = filter_of(
        tags=tags,
        any_tag=any_tag,
        type_=type,
        after=after,
        before=before,
        metadata=metadata,
        namespace=namespace,
        include_superseded=include_superseded,
    )
    arguments = requests.Search(
        query=query, mode=cast("Mode", mode), limit=limit, offset=offset, min_score=min_score, filter=kept
    )
    if vector is not None and not arguments.mode.embeds:
        raise ArgumentInvalidError(f"a search by {arguments.mode} needs no vector; leave it out")
    return Call(
        operation="memory.search" if arguments.mode.embeds else "memory.match",
        body=arguments.to_body(),
        read=_found,
        timeout_s=timeout_s,
        embedding=None if vector is None else embedding_of([query], [vector]),
    )


def page(
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
    include_superseded: bool = True,
    timeout_s: float | None = None,
) -> Call[Page]:
    """Return a page of the memories that the filter lets through, newest first.

    namespace: None for all of them. include_superseded: also those that a newer version has taken the place of.
    """
    kept = filter_of(
        tags=tags,
        any_tag=any_tag,
        type_=type,
        after=after,
        before=before,
        metadata=metadata,
        namespace=namespace,
        include_superseded=include_superseded,
    )
    arguments = requests.List(limit=limit, offset=offset, filter=kept)
    return Call(operation="memory.list", body=arguments.to_body(), read=_page, timeout_s=timeout_s)


def graph(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    action: Walk | str = Walk.CONNECTED,
    hops: int = 2,
    namespace: str = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[Graph]:
    """Return the memories that links lead to and from, within so many links of one memory, nearest first.

    action: connected has the links by which they are reached, subgraph all links among them. Raises NotFoundError.
    """
    arguments = requests.Graph(id=id, action=cast("Walk", action), hops=hops, namespace=namespace)
    return Call(operation="memory.graph", body=arguments.to_body(), read=_graph, timeout_s=timeout_s)


def path(
    id: str,  # noqa: A002 - the name of the memory's field
    other: str,
    *,
    hops: int = 5,
    namespace: str = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[Graph]:
    """Return a shortest way along links, in either direction, from one memory to another; empty if there is none.

    hops: how long it may be. Raises NotFoundError.
    """
    arguments = requests.Graph(id=id, action=Walk.PATH, other=other, hops=hops, namespace=namespace)
    return Call(operation="memory.graph", body=arguments.to_body(), read=_graph, timeout_s=timeout_s)


def _found(message: Message) -> SearchResult:
    return SearchResult.from_body(message.body)


def _page(message: Message) -> Page:
    return Page.from_body(message.body)


def _graph(message: Message) -> Graph:
    return Graph.from_body(message.body)
