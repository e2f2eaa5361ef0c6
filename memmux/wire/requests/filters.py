"""Filters and modes: which memories a question is about, and how they are ranked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from memmux import limits
from memmux.wire.checks import aware, check_metadata, check_tags, check_text
from memmux.wire.requests.base import DEFAULT_NAMESPACE, Body, Metadata, check_flag, named, put


class Mode(StrEnum):
    """How a search ranks."""

    SEMANTIC = "semantic"  # by meaning: cosine of the embeddings
    KEYWORD = "keyword"  # by words: BM25
    HYBRID = "hybrid"  # half of each
    RANKED = "ranked"  # hybrid, and how new a memory is and how often it was of use
    EXACT = "exact"  # contents that hold the query as it is written, in upper or lower case, newest first

    @property
    def embeds(self) -> bool:
        """Whether the mode needs the query's embedding."""
        return self is Mode.SEMANTIC or self.fuses

    @property
    def fuses(self) -> bool:
        """Whether the mode ranks by words and by meaning."""
        return self in (Mode.HYBRID, Mode.RANKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Body):
    """Which memories a search or a list is about; applied before ranking, never after.

    tags: all of them, or any of them with `any_tag`; compared without regard to case.
    any_tag: whether one of the tags is enough.
    type: this one.
    after: created at this time or later.
    before: created before this time.
    metadata: keys of the first level that must have exactly these values.
    namespace: one, or several; None for all.
    include_superseded: also memories that a newer version has taken the place of; None for what the operation says: a
        search leaves them out, a list has them.
    """

    tags: tuple[str, ...] = ()
    any_tag: bool = False
    type: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    metadata: Metadata = field(default_factory=dict)
    namespace: str | tuple[str, ...] | None = DEFAULT_NAMESPACE
    include_superseded: bool | None = None

    def __post_init__(self) -> None:
        check_tags(self.tags)
        put(self, "tags", tuple(self.tags))
        check_flag("any_tag", self.any_tag)
        if self.include_superseded is not None:
            check_flag("include_superseded", self.include_superseded)
        if self.type is not None:
            check_text("type", self.type, limits.TYPE_CHARACTERS)
        put(self, "after", aware("after", self.after))
        put(self, "before", aware("before", self.before))
        check_metadata(self.metadata)
        put(self, "namespace", named(self.namespace))

    @property
    def everything(self) -> bool:
        """Whether it lets through every memory of its namespaces."""
        return not (self.tags or self.type or self.after or self.before or self.metadata)


def filter_of(value: object, *, include_superseded: bool) -> Filter:
    """Return the filter that `value` is or describes, with what the operation says of superseded memories."""
    if isinstance(value, dict) and value.get("include_superseded") is None:
        value = {**value, "include_superseded": include_superseded}
    found = value if isinstance(value, Filter) else Filter.from_json(value)
    return replace(found, include_superseded=include_superseded) if found.include_superseded is None else found
