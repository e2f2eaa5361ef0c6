"""Questions: search, list, and follow links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from memmux.client.calls import Call, Vector, embedding_of
from memmux.client.methods.arguments import Time, filter_of
from memmux.errors import ArgumentInvalidError
from memmux.wire import requests
from memmux.wire.answers import Graph, Page, SearchResult
from memmux.wire.cues import Cue
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE, Mode, Walk


def search(
    query: str,
    *,
    mode: Mode | str = Mode.HYBRID.value,
    limit: int = 10,
    offset: int = 0,
    min_score: float | None = None,
    min_similarity: float | None = None,
    only_relevant: bool = False,
    why: bool = False,
    cues: Sequence[Cue | str] | None = None,
    context: int = 0,
    context_weight: float = 1.0,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    after: Time | None = None,
    before: Time | None = None,
    metadata: Mapping[str, object] | None = None,
    namespace: str | None = DEFAULT_NAMESPACE,
    include_superseded: bool = False,
    short: bool = False,
    vector: Vector | None = None,
    timeout_s: float | None = None,
) -> Call[SearchResult]:
    """Find the best memories for a query, among those that a filter lets through.

    query: what to look for, a text of 1 byte to 64 KiB of UTF-8.
    mode: how to rank, a `Mode` or its name: `semantic`, by meaning; `keyword`, by words; `hybrid`, by both; `ranked`,
        as hybrid, and by how new a memory is and how often it was of use; `exact`, what holds the query as it is
        written, in upper or lower case.
    limit: how many memories at most, 1 to 1000.
    offset: how many of the best to leave out, at most 10 000.
    min_score: leave out memories with a lower score; None for no bound.
    min_similarity: leave out memories whose cosine with the query is lower, from -1 to 1, in any mode; None for no
        bound. A memory without a vector stays.
    only_relevant: whether nothing is found where no memory is near the query by meaning or has half of its words, and
        else what is far and has none of them is left out; by `hybrid` and `ranked`, unless `min_similarity` says what
        is left out.
    why: whether each hit says what its score is the sum of.
    cues: which cues of the question count, each a `Cue` or its name, by `hybrid` and `ranked`; none for an empty list,
        and for None those of the setting `cues`.
    context: how many memories before and after each hit in its thread to give with it, at most 20; they are the hit's
        `before` and `after`, whatever the filter says.
    context_weight: how much the memories around a hit, and the best one of its thread, say for it, from 0, nothing, to
        1; by `hybrid` and `ranked`, where threads are in an order that means something.
    short: whether the answer has, for each memory, the shortest beginning of its id that names it.
    vector: the query's embedding by the cluster's model, if you have made it; only for modes that rank by meaning.

    Returns a `SearchResult`: its hits, best first, and the mode by which they were ranked in the end; without an
    embedder, or before there are vectors, words alone decide, and `degraded` says so. A higher score is better; only
    semantic ones of two searches can be compared; what can in any mode is the `similarity` of a hit:

    - semantic: the cosine of query and memory, from -1 to 1.
    - keyword: BM25 divided by that of the best hit, from 0 to 1.
    - hybrid: half BM25 as a part of the best, half the cosine with what sets the query apart from all memories of its
      namespaces, put between the least and the greatest, with what stands beside it in its thread, from 0 to 1; on top
      what cues of the query add, at most 0.65.
    - ranked: 0.7 of the hybrid score, 0.2 of newness, which halves every 30 days, and 0.1 of use.
    - exact: always 1; the newest come first.

    Raises ContentEmptyError, ContentTooLongError, UnknownModeError, ModelMismatchError for a vector of another model,
    and ModelMissingError, ModelInvalidError or ModelUnsupportedError if a semantic search can have no vector at all.
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
        query=query,
        mode=cast("Mode", mode),
        limit=limit,
        offset=offset,
        min_score=min_score,
        min_similarity=min_similarity,
        only_relevant=only_relevant,
        why=why,
        cues=cast("tuple[Cue, ...] | None", cues),  # a list becomes one, and anything else is refused, by the request
        context=context,
        context_weight=context_weight,
        short=short,
        filter=kept,
    )
    if vector is not None and not arguments.embeds:
        raise ArgumentInvalidError(f"a search by {arguments.mode} needs no vector; leave it out")
    return Call(
        operation="memory.search" if arguments.embeds else "memory.match",
        body=arguments.to_body(),
        read=_found,
        timeout_s=timeout_s,
        embedding=None if vector is None else embedding_of([query], [vector]),
    )


def list(  # noqa: A001 - the name of the method
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
    unused_since: Time | None = None,
    deleted: bool = False,
    client: str | None = None,
    short: bool = False,
    as_of: int | None = None,
    timeout_s: float | None = None,
) -> Call[Page]:
    """Return a page of the memories that a filter lets through, newest first by `created_at`.

    limit: how many at most, 1 to 1000.
    offset: how many of the newest to leave out.
    unused_since: only memories that were last shown by a search or read before this time, or never, and created before.
    deleted: whether to list deleted memories instead, the last deleted first, with how each was deleted.
    client: only memories that a client stored whose name begins so, in any case, as the change log has it.
    short: as of `search`.
    as_of: the number of a change; memories as they were after it, deleted since or not. What was purged since is gone.

    Returns a `Page`: the memories, and how many the filter lets through in all.
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
    unused = cast("datetime | None", unused_since)  # a text is read by the request
    arguments = requests.List(
        limit=limit,
        offset=offset,
        unused_since=unused,
        deleted=deleted,
        client=client,
        short=short,
        as_of=as_of,
        filter=kept,
    )
    return Call(operation="memory.list", body=arguments.to_body(), read=_page, timeout_s=timeout_s)


def graph(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    action: Walk | str = Walk.CONNECTED.value,
    hops: int = 2,
    namespace: str | None = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[Graph]:
    """Return the memories that are linked with one memory, in either direction, nearest first.

    action: a `Walk` or its name: `connected` has the links by which they are reached, `subgraph` all links among them.
    hops: how many links away they may be, 1 to 16.
    namespace: as of `get`.

    Returns a `Graph` of at most 500 memories.

    Raises NotFoundError.
    """
    arguments = requests.Graph(id=id, action=cast("Walk", action), hops=hops, namespace=namespace)
    return Call(operation="memory.graph", body=arguments.to_body(), read=_graph, timeout_s=timeout_s)


def path(
    id: str,  # noqa: A002 - the name of the memory's field
    other: str,
    *,
    hops: int = 5,
    namespace: str | None = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[Graph]:
    """Return a shortest way along links, in either direction, from one memory to another.

    id: where it begins: an id, a content hash or an alias.
    other: where it ends, named likewise.
    hops: how many links long it may be, 1 to 16.
    namespace: the namespace that both are in; as of `get`.

    Returns a `Graph` with the memories in their order; an empty one if there is no way.

    Raises NotFoundError if one of the two is not there, LimitOutOfRangeError if there is none among the 10 000 memories
    nearest to the first.
    """
    arguments = requests.Graph(id=id, action=Walk.PATH, other=other, hops=hops, namespace=namespace)
    return Call(operation="memory.graph", body=arguments.to_body(), read=_graph, timeout_s=timeout_s)


def _found(message: Message) -> SearchResult:
    return SearchResult.from_body(message.body)


def _page(message: Message) -> Page:
    return Page.from_body(message.body)


def _graph(message: Message) -> Graph:
    return Graph.from_body(message.body)
