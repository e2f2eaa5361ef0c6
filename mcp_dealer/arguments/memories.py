"""The arguments of the everyday tools that read, and the filters that they share with those that delete."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from mcp_dealer.arguments.base import (
    Arguments,
    Flag,
    Most,
    Named,
    Names,
    Number,
    Object,
    Placed,
    Ratio,
    Tags,
    Text,
    bounded,
    lower,
    one,
)
from mcp_dealer.arguments.time_words import Now
from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.wire.checks import check_number, check_range
from memmux.wire.requests import Mode
from memmux.wire.times import OR_WORDS, parse_time

STALE_DAYS = 36_500  # at most; no memory is older
LIST_LIMIT = 20  # memories of a page, unless told otherwise
MODES = (
    "hybrid: meaning and words; semantic: meaning; keyword: words; ranked: also new and much used; exact: as written"
)
"""What each mode finds, for a model to choose by."""
_WORD = re.compile(r"[^\W\d_]{3}")

Choice = Annotated[Literal["any", "all"] | None, BeforeValidator(lower)]


class Filtered(Placed):
    """A tool that chooses among memories."""

    tags: Annotated[Tags, Field(description="With these tags")] = None
    tag_match: Annotated[Choice, Field(description="Default any")] = None
    type: Annotated[str | None, Field(description="Of this type")] = None
    after: Annotated[str | None, Field(description="ISO 8601, or e.g. last week")] = None
    before: Annotated[str | None, Field(description="The same")] = None
    time_expr: Annotated[str | None, Field(description="E.g. last week")] = None
    any_tag: Flag = None
    memory_type: Text = None

    choosing: ClassVar[Collection[str]] = ("tags", "type", "memory_type", "after", "before", "time_expr")
    narrowing: ClassVar[Collection[str]] = (*choosing, "tag_match", "any_tag")
    any_of_several: ClassVar[bool] = True
    """Whether one of several tags is enough, unless it is said."""

    @property
    def filters(self) -> list[str]:
        """The names of the arguments that leave memories out."""
        return [name for name in self.choosing if getattr(self, name) not in (None, [])]

    def selection(self, now: Now) -> dict[str, Any]:
        """Return the filter, as the client takes it.

        Raises TimeNotUnderstoodError, with examples, for a time expression that says nothing.
        """
        match = None if self.tag_match is None else self.tag_match == "any"
        any_tag = one({"tag_match": match, "any_tag": self.any_tag})
        after, before = self._bounds(now)
        return {
            "tags": self.tags or (),
            "any_tag": bool(self.tags) and self.any_of_several if any_tag is None else any_tag,
            "type": one({"type": self.type, "memory_type": self.memory_type}),
            "after": after,
            "before": before,
            **self.part,
        }

    def _bounds(self, now: Now) -> tuple[datetime | None, datetime | None]:
        """Return the time since when and before when, by all that was said of it."""
        after, before = (_begin(name, getattr(self, name), now) for name in ("after", "before"))
        if self.time_expr is None:
            return after, before
        start, end = now().meant(self.time_expr)
        return _latest(start, after), _earliest(end, before)


def _begin(name: str, text: str | None, now: Now) -> datetime | None:
    """Return a time, or of one in words the beginning; raise TimeNotUnderstoodError, with examples."""
    if text is None:
        return None
    if not _WORD.search(text):  # a date with a slip of the pen is no words
        return parse_time(text, OR_WORDS, now().zone)
    begin, _ = now().meant(text)
    if begin is None:
        raise ArgumentInvalidError(f"{name} is {text!r}, which has no beginning; name a time, like yesterday")
    return begin


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


class QueryArguments(Arguments):
    """The query of a search, and its ranking."""

    query: Annotated[str | None, Field(description="What to look for")] = None
    limit: Annotated[int, Field(description="Most results", json_schema_extra=bounded(1, limits.SEARCH_LIMIT))] = 10
    mode: Annotated[
        str,
        BeforeValidator(lower),
        Field(description=MODES, json_schema_extra={"enum": [str(mode) for mode in Mode]}),
    ] = Mode.HYBRID.value


class Search(Filtered, QueryArguments):
    """memory_search."""

    filled: ClassVar[Collection[str]] = ("query",)
    idle: ClassVar[Mapping[str, str]] = {
        "rerank": "results are ranked by mode alone",
        "summarize": "long contents are cut, not summarized",
        "include_beliefs": "there are no beliefs here",
        "agent_id": "memories of all agents are searched; a tag or namespace tells them apart",
        "conversation_id": "memories of all conversations are searched",
    }

    context: Annotated[int | None, Field(description="Beside each")] = None
    context_weight: Annotated[float | None, Field(description="0-1")] = None
    offset: Annotated[int | None, Field(description="Skip")] = None
    min_similarity: Annotated[float | None, Field(description="Least cosine")] = None
    min_score: Ratio = None
    why: Flag = None
    cues: Names = None
    include_superseded: Flag = None
    max_response_chars: Most = None
    quality_boost: Ratio = None
    ranking_weights: Object = None
    entity: Text = None
    fallback: Flag = None
    include_debug: Flag = None

    @property
    def wording(self) -> str | None:
        """The query; None when a filter alone says what is meant. Raises ArgumentInvalidError if nothing does."""
        if (self.query is None or not self.query.strip()) and self.filters:
            return None
        if self.query is None:
            raise ArgumentInvalidError("query is missing; give it")
        return self.query

    @property
    def floors(self) -> dict[str, Any]:
        """What is left out, as the client takes it; by meaning and words, what has to do with neither."""
        only_relevant = self.mode == Mode.HYBRID and self.min_score is None
        return {
            "min_score": self.min_score,
            "min_similarity": self.min_similarity,
            "only_relevant": only_relevant,
        }

    @property
    def around(self) -> dict[str, Any]:
        """What of the memories around hits is asked for, as the client takes it."""
        return {name: value for name in ("context", "context_weight") if (value := getattr(self, name)) is not None}

    def notes(self) -> list[str]:
        """Return which arguments of mcp-memory-service would have ranked or chosen otherwise there."""
        given = {
            "quality_boost has no effect: memories are not rated here": self.quality_boost,
            "ranking_weights has no effect: the weights of ranked are fixed": self.ranking_weights,
            "entity has no effect: memories are not linked to entities here": self.entity,
        }
        return [note for note, value in given.items() if value]

    def rest(self, shown: int) -> str:
        """Return the offset of the rest."""
        return f"continue with offset {(self.offset or 0) + shown}"


class Paged(Arguments):
    """The page of a list."""

    limit: Annotated[
        int | None,
        Field(description="Page size", json_schema_extra={"default": LIST_LIMIT, **bounded(1, limits.LIST_LIMIT)}),
    ] = None
    offset: Annotated[int | None, Field(description="Skip")] = None
    page: Number = None
    page_size: Number = None

    def window(self) -> dict[str, int]:
        """Return limit and offset; pages are counted from 1."""
        limit = one({"limit": self.limit, "page_size": self.page_size})
        limit = LIST_LIMIT if limit is None else limit
        begin = None
        if self.page is not None:
            check_range("page", self.page, 1, 1 << 32)
            begin = (self.page - 1) * limit
        return {"limit": limit, "offset": one({"offset": self.offset, "page": begin}) or 0}


class List(Filtered, Paged):
    """memory_list."""

    idle: ClassVar[Mapping[str, str]] = {
        "agent_id": "memories of all agents are listed; a tag or namespace tells them apart",
        "conversation_id": "memories of all conversations are listed",
    }

    include_superseded: Flag = None
    max_response_chars: Most = None
    stale_days: Ratio = None

    def selection(self, now: Now) -> dict[str, Any]:
        """Return the filter, and since when the memories were of no use if so many days were given."""
        selection = super().selection(now)
        if self.stale_days:
            check_number("stale_days", self.stale_days, 0, math.inf)
            selection["unused_since"] = now().now - timedelta(days=min(self.stale_days, STALE_DAYS))
        return selection

    def rest(self, shown: int) -> str:
        """Return the offset of the rest."""
        return f"continue with offset {self.window()['offset'] + shown}"


class Get(Named):
    """memory_get."""

    offset: Annotated[int | None, Field(description="Begin there")] = None
    length: Annotated[int | None, Field(description="Characters of it")] = None
    max_response_chars: Most = None

    def stretch(self, most: int) -> tuple[int, int]:
        """Return offset and length of the part that is asked for, `most` unless told otherwise."""
        offset, length = self.offset or 0, most if self.length is None else self.length
        check_range("offset", offset, 0, 1 << 32)
        check_range("length", length, 1, 1 << 32)
        return offset, length
