"""Search: by meaning and words, by tags, by time, and near a memory, in the shapes of mcp-memory-service."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any, Final

from pydantic import Field

from mcp_dealer.http.rest import models, shapes, times
from mcp_dealer.http.rest.memories import Place
from mcp_dealer.http.rest.operation import Asked, Done, Operation, part
from mcp_dealer.tools.anywhere import anywhere
from memmux.errors import TimeNotUnderstoodError
from memmux.wire import answers
from memmux.wire.requests import Mode

GROUP: Final = "search"
TEXT: Final = 8 << 10  # characters of a memory by which others are found
SHOWN: Final = 50  # characters of it in the answer


class Near(Place):
    """How many to find."""

    n_results: Annotated[int, Field(ge=1, le=models.MOST_RESULTS - 1)] = models.PAGE_SIZE


async def search(asked: Asked) -> Done:
    """Answer with what is found for a question."""
    began = time.perf_counter()
    body: models.Search = asked.body
    after, before = times.moment(body.after, body.time_zone), times.moment(body.before, body.time_zone)
    if body.time_expr is not None:
        after, before = times.bounds(body.time_expr, body.time_zone)
    least = body.similarity_threshold
    found = await asked.client.search(
        body.query,
        mode=body.mode or Mode.HYBRID,
        limit=body.n_results,
        offset=body.offset,
        min_similarity=2 * least - 1 if least else None,
        only_relevant=body.only_relevant,
        why=body.why,
        context=body.context,
        tags=body.tags,
        any_tag=not body.match_all,
        type=body.memory_type or None,
        after=after,
        before=before,
        metadata=body.metadata,
        include_superseded=body.include_superseded,
        **part(body),
    )
    return _found(found, body.query, str(found.mode), began)


async def search_tags(asked: Asked) -> Done:
    """Answer with the memories that have tags, newest first."""
    began = time.perf_counter()
    body: models.SearchTags = asked.body
    after, before = (None, None)
    if body.time_filter:
        after, before = times.bounds(body.time_filter, body.time_zone)
    page = await asked.client.list(
        limit=body.limit or models.MOST_PAGE,
        tags=body.tags,
        any_tag=not body.match_all,
        after=after,
        before=before,
        include_superseded=False,
        **part(body),
    )
    how = "ALL" if body.match_all else "ANY"
    query = f"Tags: {', '.join(body.tags)} ({how}){f' | Time: {body.time_filter}' if body.time_filter else ''}"
    wanted = {tag.casefold() for tag in body.tags}

    def reason(one: answers.Memory) -> str:
        return f"Tags match ({how}): {', '.join(tag for tag in one.tags if tag.casefold() in wanted)}"

    rows = [shapes.listed(one, reason(one)) for one in page]
    return _results(rows, query, "tag", began, total=page.total, notes=page.notes, degraded=page.degraded)


async def search_time(asked: Asked) -> Done:
    """Answer with the memories of a time; of a text that speaks of one, the rest is what is looked for."""
    began = time.perf_counter()
    body: models.SearchTime = asked.body
    query = (body.semantic_query or "").strip()
    try:
        after, before = times.bounds(body.query, body.time_zone)
    except TimeNotUnderstoodError:
        meant = times.found(body.query.replace("-", " "), body.time_zone)
        if meant is None:
            raise
        (after, before), rest = meant
        query = query or rest.strip()
    reason = f"Time match: {body.query}"
    if query:
        found = await asked.client.search(query, limit=body.n_results, after=after, before=before, **part(body))
        rows = [{**shapes.result(hit), "relevance_reason": reason} for hit in found]
        return _results(rows, body.query, "time", began, notes=found.notes, degraded=found.degraded)
    page = await asked.client.list(
        limit=body.n_results, after=after, before=before, include_superseded=False, **part(body)
    )
    rows = [shapes.listed(one, reason) for one in page]
    return _results(rows, body.query, "time", began, notes=page.notes, degraded=page.degraded)


async def search_similar(asked: Asked) -> Done:
    """Answer with the memories that are nearest to one."""
    began = time.perf_counter()
    query: Near = asked.query
    said = part(query)
    one = await anywhere(partial(asked.client.get, asked.id), said)
    where: dict[str, Any] = said or {"namespace": one.namespace}
    found = await asked.client.search(one.content[:TEXT], mode=Mode.SEMANTIC, limit=query.n_results + 1, **where)
    rows = [shapes.result(hit) for hit in found if hit.memory.id != one.id][: query.n_results]
    words = f"Similar to: {one.content[:SHOWN]}..."
    return _results(rows, words, "similar", began, notes=found.notes, degraded=found.degraded)


def _found(found: answers.SearchResult, query: str, kind: str, began: float) -> dict[str, Any]:
    return _results(map(shapes.result, found), query, kind, began, notes=found.notes, degraded=found.degraded)


def _results(
    rows: Iterable[dict[str, Any]],
    query: str,
    kind: str,
    began: float,
    *,
    total: int | None = None,
    notes: tuple[str, ...],
    degraded: tuple[str, ...],
) -> dict[str, Any]:
    results = list(rows)
    return {
        "results": results,
        "total_found": len(results) if total is None else total,
        "query": query,
        "search_type": kind,
        "processing_time_ms": round((time.perf_counter() - began) * 1000, 3),
        "notes": notes,
        "degraded": degraded,
    }


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/api/search",
        name="search",
        group=GROUP,
        summary="Find the best memories for a question",
        does=search,
        takes=models.Search,
        gives=models.Results,
        fails=(400, 413),
    ),
    Operation(
        method="POST",
        path="/api/search/by-tag",
        name="search_by_tag",
        group=GROUP,
        summary="Find the memories that have tags, newest first",
        does=search_tags,
        takes=models.SearchTags,
        gives=models.Results,
    ),
    Operation(
        method="POST",
        path="/api/search/by-time",
        name="search_by_time",
        group=GROUP,
        summary="Find the memories of a time, in words",
        does=search_time,
        takes=models.SearchTime,
        gives=models.Results,
        fails=(400, 413),
    ),
    Operation(
        method="GET",
        path="/api/search/similar/{id}",
        name="search_similar",
        group=GROUP,
        summary="Find the memories that are nearest to one",
        does=search_similar,
        query=Near,
        gives=models.Results,
        fails=(404,),
    ),
)
