"""The tools of earlier releases of mcp-memory-service, which prompts and hooks still call: one table of mappings.

Each name stands for a current tool. What an older argument is called there now, and what it means, is in the table;
an argument that is not in it is the current tool's own. docs/tools.md is made from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from mcp_dealer.arguments import one
from mcp_dealer.arguments.base import split
from mcp_dealer.arguments.time_words import Now
from memmux import limits
from memmux.errors import ArgumentInvalidError, TimeNotUnderstoodError, UnknownOperationError

Meant = dict[str, object]

_YES = ("true", "yes", "on", "1", "t", "y")  # texts that mean true
_NO = ("", "false", "no", "off", "0", "f", "n")  # and false


@dataclass(frozen=True, slots=True)
class Means:
    """The meaning of an older argument; text: for the documentation. meant: the current arguments that say the same."""

    text: str
    meant: Callable[[object, Now], Meant]


def _is(name: str) -> Means:
    return Means(f"`{name}`", lambda value, _: {name: value})


def _tags(value: object, now: Now) -> Meant:
    del now
    return {"tags": split(value)}


def _one_tag(value: object, now: Now) -> Meant:
    del now
    return {"tags": [value] if isinstance(value, str) else value}


def _all_tags(value: object, now: Now) -> Meant:
    del now
    if (said := str(value).strip().lower()) not in (*_YES, *_NO):
        raise ArgumentInvalidError("match_all is wrong: give true or false")
    return {"tag_match": "all" if said in _YES else "any"}


def _day_included(value: object, now: Now) -> Meant:
    """Return the end of a stretch of days, which the last of them belongs to."""
    del now
    try:
        return {"before": (date.fromisoformat(str(value)) + timedelta(days=1)).isoformat()}
    except (ValueError, OverflowError):
        return {"before": value}  # a time, or what the current tool refuses


def _its_day(value: object, now: Now) -> Meant:
    """Return the end of the day of a time, or of what words mean; nothing for what the current tool refuses."""
    try:
        return _day_included(datetime.fromisoformat(str(value)).date(), now)
    except ValueError:
        with suppress(TimeNotUnderstoodError):
            _, before = now().meant(str(value))
            return {} if before is None else {"before": before.isoformat()}
    return {}


def _recalled(value: object, now: Now) -> Meant:
    """Return the time that a query speaks of, and what else it says; without either it is what it is."""
    if not isinstance(value, str):
        return {"query": value}
    (after, before), rest = now().found(value)
    times = {"after": after and after.isoformat(), "before": before and before.isoformat()}
    given: Meant = {name: time for name, time in times.items() if time is not None}
    return given | ({"query": rest} if rest.strip() or not given else {})


def _similarity(value: object, now: Now) -> Meant:
    """Return the cosine of a relevance score, which is (1 + cosine) / 2."""
    del now
    try:
        relevance = float(value)  # type: ignore[arg-type]  # what is no number is refused by the tool
    except (TypeError, ValueError, OverflowError):
        return {"min_score": value}
    return {} if relevance <= 0 else {"min_score": 2 * relevance - 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """An older tool; tool: the current one. takes: its arguments by name.

    always: what the name itself says. default: what it means unless it is said otherwise. one_day: whether it is about
    the day of its start_date where it has no end_date.
    """

    tool: str
    takes: Mapping[str, Means] = field(default_factory=dict)
    always: Mapping[str, object] = field(default_factory=dict)
    default: Mapping[str, object] = field(default_factory=dict)
    one_day: bool = False

    def translate(self, arguments: Mapping[str, Any], now: Now) -> dict[str, Any]:
        """Return the current tool's arguments.

        Raises ArgumentInvalidError when an older argument and a current one say different things about the same.
        """
        given = {
            name: value
            for name, value in arguments.items()
            if self.tool == "memory_delete" or value not in (None, "")  # memory_delete refuses what says nothing
        }
        said: dict[str, dict[str, object]] = {}  # by current name, then by the name it was given under
        for name, value in given.items():
            means = self.takes.get(name)
            for current, meant in ({name: value} if means is None else means.meant(value, now)).items():
                said.setdefault(current, {})[name] = meant
        for name in self.always:
            if given.get(name) is not None and name not in self.takes and given[name] != self.always[name]:
                raise ArgumentInvalidError(f"{name} is always {self.always[name]} here; leave it out")
        default = {name: value for name, value in self.default.items() if _ALSO.get(name) not in said}
        if self.one_day and "start_date" in given and "end_date" not in given:
            default |= _its_day(given["start_date"], now)
        return {**default, **{name: one(values) for name, values in said.items()}, **self.always}


_ALSO = {"limit": "page_size", "tag_match": "any_tag"}  # what else says the same, so that no default stands beside it


_RESULTS = {"n_results": _is("limit")}
_SCORE = {"similarity_threshold": Means("`min_score`, as cosine", _similarity)}
_FIVE = {"limit": 5}
_TAG = Means("`tags`", _one_tag)
_TAGS = Means("`tags`", _tags)
_DAYS = {"start_date": _is("after"), "end_date": Means("`before`, that day included", _day_included)}
_SEMANTIC = {"mode": "semantic"}

OLDER: Mapping[str, Older] = {
    "store_memory": Older(tool="memory_store", takes={"tags": _TAGS, "memory_type": _is("type")}),
    "retrieve_memory": Older(
        tool="memory_search",
        takes={**_RESULTS, **_SCORE, "min_similarity": _SCORE["similarity_threshold"]},
        always=_SEMANTIC,
        default=_FIVE,
    ),
    "debug_retrieve": Older(
        tool="memory_search",
        takes={**_RESULTS, **_SCORE},
        always=_SEMANTIC,
        default=_FIVE,
    ),
    "recall_memory": Older(
        tool="memory_search",
        takes={"query": Means("`query`, and the time it speaks of", _recalled), **_RESULTS},
        always=_SEMANTIC,
        default=_FIVE,
    ),
    "recall_by_timeframe": Older(tool="memory_search", takes={**_DAYS, **_RESULTS}, default=_FIVE, one_day=True),
    "exact_match_retrieve": Older(tool="memory_search", takes={"content": _is("query")}, always={"mode": "exact"}),
    "retrieve_with_quality_boost": Older(
        tool="memory_search",
        takes={**_RESULTS, "quality_weight": _is("quality_boost")},
        always={"mode": "hybrid"},
        default={"limit": 10},
    ),
    "search_by_tag": Older(
        tool="memory_list",
        takes={"tag": _TAG, "tags": _TAGS, "match_all": Means("`tag_match`", _all_tags)},
        default={"tag_match": "any", "limit": limits.LIST_LIMIT},
    ),
    "list_memories": Older(tool="memory_list", takes={"tag": _TAG, "memory_type": _is("type")}),
    "delete_memory": Older(tool="memory_delete", takes={"content_hash": _is("id")}),
    "delete_by_tag": Older(tool="memory_delete", takes={"tag": _TAG, "tags": _TAGS}, always={"tag_match": "any"}),
    "delete_by_tags": Older(tool="memory_delete", takes={"tags": _TAGS}, always={"tag_match": "any"}),
    "delete_by_all_tags": Older(tool="memory_delete", takes={"tags": _TAGS}, always={"tag_match": "all"}),
    "delete_by_timeframe": Older(tool="memory_delete", takes={**_DAYS, "tag": _TAG}, one_day=True),
    "delete_before_date": Older(tool="memory_delete", takes={"before_date": _is("before"), "tag": _TAG}),
    "update_memory_metadata": Older(tool="memory_update", takes={"content_hash": _is("id")}),
    "cleanup_duplicates": Older(tool="memory_cleanup"),
    "check_database_health": Older(tool="memory_health"),
    "get_cache_stats": Older(tool="memory_stats"),
    "find_connected_memories": Older(
        tool="memory_graph",
        takes={"max_hops": _is("hops")},
        always={"action": "connected"},
    ),
    "find_shortest_path": Older(tool="memory_graph", takes={"max_depth": _is("hops")}, always={"action": "path"}),
    "get_memory_subgraph": Older(tool="memory_graph", takes={"radius": _is("hops")}, always={"action": "subgraph"}),
    "ingest_document": Older(tool="memory_ingest", takes={"file_path": _is("path")}),
    "ingest_directory": Older(tool="memory_ingest", takes={"directory_path": _is("path")}),
}
"""The older names that are answered."""

_CONSOLIDATION = (
    "consolidate_memories",
    "consolidation_status",
    "consolidation_recommendations",
    "scheduler_status",
    "trigger_consolidation",
    "pause_consolidation",
    "resume_consolidation",
)
_QUALITY = ("rate_memory", "get_memory_quality", "analyze_quality_distribution")
_CURRENT = (
    "memory_consolidate",
    "memory_quality",
    "memory_harvest",
    "memory_conflicts",
    "memory_resolve",
    "mistake_note_add",
    "mistake_note_search",
    "mistake_note_update",
    "mistake_note_delete",
)

REFUSED = frozenset((*_CONSOLIDATION, *_QUALITY, *_CURRENT))
"""Tools of mcp-memory-service that are not part of memmux: the ten older ones, and current ones of that kind."""


def refusal(name: str) -> UnknownOperationError:
    """Return the error for a tool that is refused."""
    return UnknownOperationError(
        f"{name} is not part of memmux, which neither consolidates, rates nor harvests memories; leave it out"
    )
