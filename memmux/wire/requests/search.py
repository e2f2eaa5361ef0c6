"""Questions: the requests that search, list, and follow links."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError, ContentEmptyError, ContentTooLongError, UnknownModeError
from memmux.wire.checks import aware, check_number, check_range, check_text, encoded
from memmux.wire.cues import Cue
from memmux.wire.requests.base import DEFAULT_NAMESPACE, Body, check_flag, named, put
from memmux.wire.requests.filters import Filter, Mode, filter_of
from memmux.wire.shown import SHOWN, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Body):
    """memory.search (semantic, hybrid, ranked) and memory.match (keyword, exact): the best memories for a query.

    offset: leaves out so many of the best. min_score: leaves out those whose score is below it. min_similarity: those
    whose cosine with the query is known to be below it. only_relevant: all, where none is near the query by meaning or
    has half of its words, else what is far and has none; of hybrid and ranked, where there is no min_similarity. why:
    whether hits say what their scores are sums of. cues: those of the question that count, of hybrid and ranked; None
    for those of the cluster's setting. context: how many memories before and after each hit in its thread come with it.
    context_weight: how much these say for a hit, from 0 to 1; of hybrid and ranked. short: with the shortest beginning
    that names each memory.
    """

    query: str
    mode: Mode = Mode.HYBRID
    limit: int = 10
    offset: int = 0
    min_score: float | None = None
    min_similarity: float | None = None
    only_relevant: bool = False
    why: bool = False
    cues: tuple[Cue, ...] | None = None
    context: int = 0
    context_weight: float = 1.0
    short: bool = False
    filter: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        if not isinstance(self.query, str):
            raise ArgumentInvalidError("query is not a text")
        if not self.query.strip():
            raise ContentEmptyError("the query is empty; say what you are looking for")
        if (size := len(encoded("query", self.query))) > limits.QUERY_BYTES:
            raise ContentTooLongError(f"the query has {size} bytes, the most is {limits.QUERY_BYTES}")
        try:
            put(self, "mode", Mode(self.mode))
        except ValueError:
            meant = _mode_like(self.mode)
            there = f"did you mean '{meant[0]}'? There are" if meant else "use"
            raise UnknownModeError(f"there is no search mode {shown(self.mode)}; {there} {', '.join(Mode)}") from None
        check_range("limit", self.limit, 1, limits.SEARCH_LIMIT)
        check_range("offset", self.offset, 0, limits.SEARCH_OFFSET)
        if self.min_score is not None:
            check_number("min_score", self.min_score, -limits.SCORE, limits.SCORE)
        if self.min_similarity is not None:
            check_number("min_similarity", self.min_similarity, -1, 1)
        check_flag("only_relevant", self.only_relevant)
        check_flag("why", self.why)
        check_flag("short", self.short)
        put(self, "cues", None if self.cues is None else _cues(self.cues))
        check_range("context", self.context, 0, limits.CONTEXT)
        check_number("context_weight", self.context_weight, 0, 1)
        put(self, "filter", filter_of(self.filter, include_superseded=False))

    def to_body(self) -> bytes:
        """Return it as a request's body, without what is hardly ever given: clusters of before do not know it."""
        rare = {"min_similarity": self.min_similarity} if self.min_similarity is not None else {}
        flags = {name: True for name in ("only_relevant", "why", "short") if getattr(self, name)}
        rare |= {"context": self.context} if self.context else {}
        rare |= {"context_weight": self.context_weight} if self.context_weight != 1 else {}
        fields = {name: getattr(self, name) for name in ("query", "mode", "limit", "offset", "min_score", "filter")}
        cues = {} if self.cues is None else {"cues": self.cues}
        return orjson.dumps({**fields, **rare, **flags, **cues})

    @property
    def embeds(self) -> bool:
        """Whether the query's vector is needed."""
        return self.mode.embeds or self.min_similarity is not None

    @property
    def depth(self) -> int:
        """How many of the best are wanted, those that are left out included."""
        return self.offset + self.limit


def _mode_like(value: object) -> list[str]:
    """Return the mode that is meant, if any looks like it; what is long is not compared, which would take too long."""
    import difflib  # costs 3 ms, and few searches need it

    return (
        difflib.get_close_matches(value.lower(), list(Mode), 1)
        if isinstance(value, str) and len(value) <= SHOWN
        else []
    )


def _cues(value: object) -> tuple[Cue, ...]:
    """Return cues as they are kept in a request; raise ArgumentInvalidError for what is none, or no list of them."""
    if not isinstance(value, list | tuple):
        raise ArgumentInvalidError(f"cues are a list of {', '.join(Cue)}; an empty one turns all off")
    for name in value:
        if name not in list(Cue):
            raise ArgumentInvalidError(f"there is no cue {shown(name)}; there are {', '.join(Cue)}")
    return tuple(cue for cue in Cue if cue in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class List(Body):
    """memory.list: memories, newest first, a page at a time.

    unused_since: only those that were last of use before this time, or never, and created before it. deleted: deleted
    memories, and no others, the last deleted first. client: only those that a client stored whose name begins so, in
    any case. short: as of Search. as_of: the memories as they were after this change, deleted since or not; None for as
    they are.
    """

    limit: int = 20
    offset: int = 0
    unused_since: datetime | None = None
    deleted: bool = False
    client: str | None = None
    short: bool = False
    as_of: int | None = None
    filter: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        check_range("limit", self.limit, 1, limits.LIST_LIMIT)
        check_range("offset", self.offset, 0, 1 << 53)
        put(self, "unused_since", aware("unused_since", self.unused_since))
        check_flag("deleted", self.deleted)
        if self.client is not None:
            check_text("client", self.client, limits.TYPE_CHARACTERS)
        check_flag("short", self.short)
        if self.as_of is not None:
            check_range("as_of", self.as_of, 0, limits.SEQ)
            if self.deleted or self.unused_since is not None:
                raise ArgumentInvalidError("as_of goes with neither deleted nor unused_since, of which no log is kept")
        put(self, "filter", filter_of(self.filter, include_superseded=True))

    def to_body(self) -> bytes:
        """Return it as a request's body, without what is hardly ever given: clusters of before do not know it."""
        rare = {name: getattr(self, name) for name in ("unused_since", "deleted", "client", "short")}
        rare = {name: value for name, value in rare.items() if value}
        rare |= {} if self.as_of is None else {"as_of": self.as_of}
        return orjson.dumps({"limit": self.limit, "offset": self.offset, "filter": self.filter, **rare})


class Walk(StrEnum):
    """What is asked of the links between memories."""

    CONNECTED = "connected"  # the memories within so many links, and the links by which they are reached
    SUBGRAPH = "subgraph"  # the same memories, and all links among them
    PATH = "path"  # a shortest way to another memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph(Body):
    """memory.graph: what is linked with a memory, in either direction.

    id, other: each an id, a content hash or an alias; other: where a path ends. hops: how many links far.
    namespace: as of Get.
    """

    id: str
    action: Walk = Walk.CONNECTED
    hops: int = 2
    other: str | None = None
    namespace: str | tuple[str, ...] | None = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        check_text("id", self.id, limits.TYPE_CHARACTERS)
        try:
            put(self, "action", Walk(self.action))
        except ValueError:
            raise ArgumentInvalidError(f"there is no action {shown(self.action)}; use {', '.join(Walk)}") from None
        check_range("hops", self.hops, 1, limits.GRAPH_HOPS)
        if (self.action is Walk.PATH) != (self.other is not None):
            raise ArgumentInvalidError("a path has another memory where it ends, and nothing else has")
        if self.other is not None:
            check_text("other", self.other, limits.TYPE_CHARACTERS)
        put(self, "namespace", named(self.namespace))
