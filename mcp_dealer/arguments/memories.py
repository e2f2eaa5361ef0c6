"""The arguments of the everyday tools."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from mcp_dealer.arguments.base import (
    NAME_CHARACTERS,
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
    object_of,
    one,
    split,
    tags_of,
    text_of,
)
from mcp_dealer.time_words import Now
from memmux import limits
from memmux.client.methods.arguments import Time
from memmux.errors import ArgumentInvalidError, UnknownFieldError
from memmux.wire.checks import aware, check_number, check_range
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


class Store(Placed):
    """memory_store."""

    filled: ClassVar[Collection[str]] = ("content",)
    idle: ClassVar[Mapping[str, str]] = {"restore_deleted": "what was deleted is stored anew"}

    content: Annotated[str, Field(description="The fact, complete in itself")]
    tags: Annotated[Tags, Field(description="Labels")] = None
    type: Annotated[str | None, Field(description="E.g. decision")] = None
    metadata: Annotated[dict[str, Any] | None, Field(description="JSON object")] = None
    thread: Text = None
    place: Number = None
    memory_type: Text = None
    conversation_id: Text = None
    agent_id: Text = None
    client_hostname: Text = None

    def described(self) -> dict[str, Any]:
        """Return tags, type, metadata, thread and namespace, as the client takes them.

        Tags and type may stand in the metadata, where mcp-memory-service has them; the conversation and the agent are
        kept there.
        """
        metadata = dict(self.metadata or {})
        tags = one({"tags": self.tags, "metadata.tags": tags_of("metadata.tags", metadata.pop("tags", None))})
        said = text_of("metadata.type", metadata.pop("type", None))
        kind = one({"type": self.type, "memory_type": self.memory_type, "metadata.type": said})
        for name, value in (("conversation_id", self.conversation_id), ("agent_id", self.agent_id)):
            if kept := one({name: value, f"metadata.{name}": metadata.get(name)}):
                metadata[name] = kept
        told = {name: value for name in ("thread", "place") if (value := getattr(self, name)) is not None}
        return {"tags": tags or (), "type": kind, "metadata": metadata or None, **told, **self.home}


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

    def _bounds(self, now: Now) -> tuple[Time | None, Time | None]:
        """Return the time since when and before when, by all that was said of it."""
        after, before = (_begin(name, getattr(self, name), now) for name in ("after", "before"))
        if self.time_expr is None:
            return after, before
        start, end = now().meant(self.time_expr)
        return _latest(start, aware("after", after)), _earliest(end, aware("before", before))


def _begin(name: str, text: str | None, now: Now) -> Time | None:
    """Return a time as it was given, or of one in words the beginning; raise TimeNotUnderstoodError, with examples."""
    if text is None:
        return None
    if not _WORD.search(text):  # a date with a slip of the pen is no words
        parse_time(text, OR_WORDS)
        return text
    begin, _ = now().meant(text)
    if begin is None:
        raise ArgumentInvalidError(f"{name} is {text!r}, which has no beginning; name a time, like yesterday")
    return begin


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


class Asked(Arguments):
    """The query of a search, and its ranking."""

    query: Annotated[str | None, Field(description="What to look for")] = None
    limit: Annotated[int, Field(description="Most results", json_schema_extra=bounded(1, limits.SEARCH_LIMIT))] = 10
    mode: Annotated[
        str,
        BeforeValidator(lower),
        Field(description=MODES, json_schema_extra={"enum": [str(mode) for mode in Mode]}),
    ] = Mode.HYBRID.value


class Search(Filtered, Asked):
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


class Delete(Filtered, Named):
    """memory_delete; several tags mean all of them unless told otherwise, so that no more is deleted than was meant."""

    any_of_several: ClassVar[bool] = False  # what deletes takes the reading that deletes less

    tags: Annotated[Tags, Field(description="With all these tags")] = None
    tag_match: Annotated[Choice, Field(description="Default all")] = None
    dry_run: Annotated[bool | None, Field(description="Only preview")] = None

    @classmethod
    def given(cls, said: Mapping[str, object], known: Collection[str]) -> dict[str, object]:
        """Return what is meant of what is said; an argument that says nothing must not leave more to delete.

        Raises UnknownFieldError, and ArgumentInvalidError for an empty one, or a null in place of a filter, unless one
        memory is named beside it.
        """
        given = {name: value for name, value in said.items() if value is not None or name in cls.narrowing}
        for name in given:
            if name not in known:
                raise UnknownFieldError(f"memory_delete has no argument '{name[:NAME_CHARACTERS]}'; leave it out")
        meant = super().given(said, known)
        single = "id" in meant or "content_hash" in meant
        for name, value in given.items():
            if (name not in meant or _empty(value)) and not (single and (value is None or name in cls.choosing)):
                raise ArgumentInvalidError(f"{name} is empty; leave it out, or say what to delete")
        return {name: value for name, value in meant.items() if not _empty(value)}

    def single(self) -> str | None:
        """Return the id or hash of the one memory meant, or None for a filter; raise ArgumentInvalidError for both."""
        name = "id" if self.id is not None else "content_hash"
        if self.id is None and self.content_hash is None:
            if not self.filters:
                raise ArgumentInvalidError("nothing says what to delete; give an id, or tags, type, after or before")
            return None
        if self.filters:
            raise ArgumentInvalidError(f"{name} means one memory and {self.filters[0]} many; give one of them")
        return self.target


def _empty(value: object) -> bool:
    """Return whether a list, or a text of one, has nothing in it."""
    parts = split(value)
    return isinstance(parts, list) and not any(not isinstance(part, str) or part.strip() for part in parts)


class Update(Named):
    """memory_update."""

    idle: ClassVar[Mapping[str, str]] = {"restore_deleted": "a deleted memory comes back by `memmux undo` alone"}

    content: Annotated[str | None, Field(description="New text")] = None
    tags: Annotated[Tags, Field(description="New tags, instead of all")] = None
    type: Annotated[str | None, Field(description="New type")] = None
    metadata: Annotated[dict[str, Any] | None, Field(description="Keys to set; null removes one")] = None
    versioned: Annotated[bool | None, Field(description="Keep the old one")] = None
    updates: Object = None
    memory_type: Text = None
    preserve_timestamps: Flag = None

    def changes(self) -> dict[str, Any]:
        """Return what to change, as the client takes it.

        mcp-memory-service has it in `updates`, where a key that is none of its fields is one of the metadata.
        """
        updates = {name: value for name, value in (self.updates or {}).items() if value is not None}
        their_tags = tags_of("updates.tags", updates.pop("tags", None))
        kinds = {name: text_of(f"updates.{name}", updates.pop(name, None)) for name in ("memory_type", "type")}
        their_content = text_of("updates.content", updates.pop("content", None))
        theirs = object_of("updates.metadata", updates.pop("metadata", None)) | updates
        return {
            "content": one({"content": self.content, "updates.content": their_content}),
            "tags": one({"tags": self.tags, "updates.tags": their_tags}),
            "type": one(
                {
                    "type": self.type,
                    "memory_type": self.memory_type,
                    **{f"updates.{name}": value for name, value in kinds.items()},
                }
            ),
            "metadata": one({"metadata": self.metadata, "updates.metadata": theirs or None}),
        }

    def notes(self) -> list[str]:
        """Return what a request to forget the time of creation comes to."""
        if self.preserve_timestamps is False:
            return ["preserve_timestamps has no effect: created_at always stays"]
        return []
