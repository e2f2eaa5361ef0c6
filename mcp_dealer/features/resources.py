"""The resources: memories that a host reads by an address, as those of mcp-memory-service.

To list them costs nothing: the cluster is not asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote

from mcp_dealer.schemas import Answer, Stats, text
from mcp_dealer.schemas.bounds import ANSWER_CHARACTERS, Rest
from mcp_dealer.schemas.older import OlderStats
from mcp_dealer.schemas.resources import FeedResource, Resource, SearchResource, TagNames
from memmux import limits
from memmux.client.asynchronous import AsyncClient
from memmux.errors import ArgumentInvalidError, NotFoundError

SCHEME: Final = "memory://"
JSON: Final = "application/json"
LATELY = 50  # changes of memory://changes, at most
HITS = 10  # of memory://search
DIGITS = 9  # of the number of memory://recent, at most; Python reads no number of thousands
NAME_CHARACTERS = 200  # of an address, in a refusal


class MemoryResources:
    """The resources over the client that `connected` returns; stats: the tool that counts."""

    def __init__(self, connected: Callable[[], AsyncClient], stats: Callable[[], Awaitable[Stats]]) -> None:
        self._connected = connected
        self._stats = stats
        self._fixed = {"stats": self._counts, "tags": self._tags, "changes": self._changes}
        self._named = {"recent": self._recent, "tag": self._tag, "search": self._search}

    @staticmethod
    def addresses() -> list[dict[str, str]]:
        """Return the resources that are listed, as the protocol has them."""
        told = {
            "stats": ("Memory Statistics", "How many memories there are"),
            "tags": ("Available Tags", "The tags that memories have"),
            "changes": ("Changes", "What was stored, changed and deleted lately; can be subscribed to"),
            "recent/10": ("Recent Memories", "The 10 newest memories"),
        }
        return [
            {"uri": f"{SCHEME}{path}", "name": name, "description": description, "mimeType": JSON}
            for path, (name, description) in told.items()
        ]

    @staticmethod
    def templates() -> list[dict[str, str]]:
        """Return the forms of the addresses that are not listed, as the protocol has them."""
        told = {
            "recent/{n}": ("Recent Memories", "The n newest memories"),
            "tag/{tag}": ("Memories by Tag", "The memories with a tag"),
            "search/{query}": ("Search Memories", "What a search finds"),
        }
        return [
            {"uriTemplate": f"{SCHEME}{path}", "name": name, "description": description, "mimeType": JSON}
            for path, (name, description) in told.items()
        ]

    async def read(self, uri: str) -> tuple[str, Answer]:
        """Return the text of a resource, and the answer that it is.

        What follows the kind is percent-decoded, slashes and all. Raises NotFoundError for an address that is none.
        """
        kind, slash, value = uri.removeprefix(SCHEME).partition("/")
        reading: Awaitable[tuple[Answer, Rest]] | None = None
        if uri.startswith(SCHEME):
            if kind in self._fixed and not value:
                reading = self._fixed[kind]()
            elif kind in self._named and slash and unquote(value).strip():
                reading = self._named[kind](unquote(value))
        if reading is None:
            raise NotFoundError(f"there is no resource {uri[:NAME_CHARACTERS]!r}; list resources and their templates")
        answer, rest = await reading
        answer = answer.within(ANSWER_CHARACTERS, rest)
        return text(answer), answer

    async def _counts(self) -> tuple[Answer, Rest]:
        stats = await self._stats()
        return OlderStats(**dict(stats)), str

    async def _tags(self) -> tuple[Answer, Rest]:
        return TagNames.of(await self._connected().tags(limit=limits.NAMES)), lambda _: "those of the most memories"

    async def _changes(self) -> tuple[Answer, Rest]:
        found = await self._connected().changes(0, newest=True, limit=LATELY, namespace=None)
        return FeedResource.of(found), lambda _: "call memory_wait with after_seq"

    async def _recent(self, count: str) -> tuple[Answer, Rest]:
        if not count.isdecimal() or len(count) > DIGITS or not 1 <= int(count) <= limits.LIST_LIMIT:
            raise ArgumentInvalidError(
                f"{count[:NAME_CHARACTERS]!r} is no number of memories from 1 to {limits.LIST_LIMIT}"
            )
        page = await self._connected().list(limit=int(count))
        return Resource.of(page, limit=int(count), offset=0), _by_list

    async def _tag(self, tag: str) -> tuple[Answer, Rest]:
        page = await self._connected().list(tags=[tag], limit=limits.LIST_LIMIT)
        listed = Resource.of(page, limit=limits.LIST_LIMIT, offset=0)
        return listed.model_copy(update={"tag": tag}), _by_list

    async def _search(self, query: str) -> tuple[Answer, Rest]:
        found = SearchResource.found(await self._connected().search(query, limit=HITS), query)
        return found, lambda shown: f"call memory_search with offset {shown}"


def _by_list(shown: int) -> str:
    return f"call memory_list with offset {shown}"
