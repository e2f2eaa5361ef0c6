"""The shapes of what REST takes and answers about memories: the source of its checks and of its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from mcp_dealer.http.rest.base import (
    Answer,
    Content,
    Csv,
    Given,
    Namespace,
    Object,
    Query,
    Store,
    Theirs,
    Time,
    When,
    Zone,
)
from memmux import limits
from memmux.wire.requests import Mode

PAGE_SIZE = 10  # memories of a page, unless told otherwise
MOST_RESULTS = limits.SEARCH_LIMIT
MOST_PAGE = limits.LIST_LIMIT


class Memory(Answer):
    """One memory."""

    content: str
    content_hash: str
    """SHA-256 of the content without the blanks around it; names the memory in paths, as the id does"""
    tags: list[str]
    memory_type: str | None
    metadata: dict[str, Any]
    created_at: float
    """Seconds since 1970"""
    created_at_iso: str
    updated_at: float
    updated_at_iso: str
    id: str
    """A UUID"""
    namespace: str
    thread: str | None
    """What it belongs to, such as a conversation"""
    place: int | None
    """Where it stands there"""
    supersedes: str | None
    """The id of the memory whose place it took"""
    superseded_by: str | None
    """The id of the memory that took its place"""
    aliases: list[str]
    """Other names by which it is found"""


class Deletion(Answer):
    """How a memory was deleted."""

    seq: int
    """The change that undo takes; 0 if none does"""
    at: str
    client: str


class Memories(Answer):
    """A page of memories, newest first."""

    memories: list[Memory]
    total: int
    """How many there are in all"""
    page: int
    page_size: int
    has_more: bool
    offset: int
    """How many of the newest are before this page"""
    notes: list[str]
    """Sentences on what was asked for"""
    deletions: list[Deletion]
    """Of deleted memories, in their order"""
    degraded: list[str]
    """Codes of what the answer had to do without"""


class StoreMemory(Given):
    """A memory to keep."""

    example: ClassVar = {"content": "The staging database listens on port 5433", "tags": ["staging"]}

    content: Content
    tags: Annotated[Csv, Field(max_length=limits.TAGS)] = []  # noqa: RUF012 - pydantic copies it
    memory_type: Annotated[str | None, Field(max_length=limits.TYPE_CHARACTERS)] = None
    metadata: Object | None = None
    namespace: Namespace
    store: Store
    conversation_id: Annotated[str | None, Field(max_length=limits.THREAD_CHARACTERS)] = None
    """The thread that it belongs to"""
    thread: Annotated[str | None, Field(max_length=limits.THREAD_CHARACTERS)] = None
    place: Annotated[int | None, Field(ge=-limits.PLACE, le=limits.PLACE)] = None
    created_at: Annotated[str | float | None, Field(description="When it was first known; by default now")] = None
    client_hostname: str | None = None
    """Becomes the tag source:NAME"""
    similar: bool = False
    """Whether to name memories that say nearly the same"""
    restore_deleted: Theirs


class UpdateMemory(Given):
    """What to change of a memory; what is left out stays."""

    example: ClassVar = {"tags": ["production"]}

    content: Content | None = None
    """The new text"""
    tags: Annotated[Csv | None, Field(max_length=limits.TAGS)] = None
    """In place of the old ones"""
    memory_type: Annotated[str | None, Field(max_length=limits.TYPE_CHARACTERS)] = None
    metadata: Object | None = None
    """Merged into the old metadata key by key; null removes one"""
    versioned: bool = False
    """Whether a new memory takes the place of this one, which stays as it is; that needs a content"""


class Similar(Answer):
    """A memory that says nearly the same."""

    id: str
    score: float


class Kept(Answer):
    """The acknowledgement of a write: durable, and visible to every read that starts now."""

    success: bool
    message: str
    content_hash: str
    memory: Memory | None
    id: str | None
    seq: int | None
    """The change in the log, which undo takes; null where nothing was changed"""
    status: Literal["created", "duplicate", "updated", "unchanged"]
    similar: list[Similar]
    degraded: list[str]


class Deleted(Answer):
    """The acknowledgement of a delete."""

    success: bool
    message: str
    content_hash: str
    id: str
    seq: int


class Search(Given):
    """A question."""

    example: ClassVar = {"query": "which port does the test database use", "n_results": 3}

    query: Query
    n_results: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = PAGE_SIZE
    similarity_threshold: Annotated[float | None, Field(ge=0, le=1)] = None
    """The least similarity_score, which is half of 1 + cosine"""
    mode: Mode | None = None
    """How to rank; by default hybrid, by meaning and words"""
    offset: Annotated[int, Field(ge=0, le=limits.SEARCH_OFFSET)] = 0
    namespace: Namespace
    store: Store
    tags: Annotated[Csv, Field(max_length=limits.TAGS)] = []  # noqa: RUF012 - pydantic copies it
    match_all: bool = False
    """Whether a memory must have all of the tags, and not any"""
    memory_type: Annotated[str | None, Field(max_length=limits.TYPE_CHARACTERS)] = None
    after: Time
    before: Time
    time_expr: Annotated[str | None, Field(max_length=limits.EXPRESSION_CHARACTERS)] = None
    """A time in words, such as last week"""
    metadata: Object | None = None
    """Keys of the first level that must have exactly these values"""
    include_superseded: bool = False
    only_relevant: bool = False
    """Whether nothing is found where no memory is near"""
    why: bool = False
    """Whether each result says what its score is the sum of"""
    context: Annotated[int, Field(ge=0, le=limits.CONTEXT)] = 0
    """How many memories before and after each result in its thread to give with it"""
    time_zone: Zone
    quality_boost: Theirs
    quality_weight: Theirs


class SearchTags(Given):
    """The tags to look for."""

    example: ClassVar = {"tags": ["staging"], "limit": 3}

    tags: Annotated[Csv, Field(min_length=1, max_length=limits.TAGS)]
    match_all: bool = False
    time_filter: Annotated[str | None, Field(max_length=limits.EXPRESSION_CHARACTERS)] = None
    limit: Annotated[int | None, Field(ge=1, le=MOST_PAGE)] = None
    namespace: Namespace
    store: Store
    time_zone: Zone
    query: Theirs


class SearchTime(Given):
    """The time to look at, and perhaps what to look for."""

    example: ClassVar = {"query": "last week"}

    query: When
    n_results: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = PAGE_SIZE
    semantic_query: Annotated[str | None, Field()] = None
    namespace: Namespace
    store: Store
    time_zone: Zone


class Result(Answer):
    """A memory that was found."""

    memory: Memory
    similarity_score: float | None
    """From 0 to 1: half of 1 + cosine; of words alone the score; null where nothing was ranked"""
    relevance_reason: str | None
    score: float | None
    """By which the results are in order"""
    similarity: float | None
    """The cosine of query and memory"""
    why: dict[str, float] | None
    """The parts of the score, if that was asked for"""
    before: list[Memory]
    after: list[Memory]


class Results(Answer):
    """What was found, best first."""

    results: list[Result]
    total_found: int
    query: str
    search_type: str
    processing_time_ms: float
    notes: list[str]
    degraded: list[str]
