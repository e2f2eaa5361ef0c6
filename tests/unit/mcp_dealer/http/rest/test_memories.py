"""Memories over REST: which tags a list means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from mcp_dealer.http.rest.memories import ListMemories, list_memories
from mcp_dealer.http.rest.operation import Asked
from memmux import limits
from tests.unit.memmux.cli.desk_client import DeskClient
from tests.unit.workers.desk import Desk

TAGS = (["a,b"], ["a"], ["b", "c"], ["deleted,"])


class Client:
    """The desk's client, whose calls are awaited."""

    def __init__(self, desk: Desk) -> None:
        self._desk = DeskClient(desk)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*arguments: Any, **options: Any) -> Any:
            return getattr(self._desk, name)(*arguments, **options)

        return call


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a database that has a memory with each of `TAGS`; the last one is deleted."""
    folder: Path = tmp_path_factory.mktemp("tagged")
    desk = Desk(folder / "m.db")
    stored = [desk.store(" ".join(tags), tags=tags) for tags in TAGS]
    desk.ask("memory.delete", {"id": stored[-1]["id"]})
    yield Client(desk)
    desk.close()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"tag": ["a,b"]}, [["a,b"]]),
        ({"tag": [" A,B "], "after": "2200-01-01"}, []),
        ({"tag": ["a,c"]}, [["b", "c"], ["a"]]),
        ({"tag": ["b, c ,"], "tag_match": "all"}, [["b", "c"]]),
        ({"tag": ["a,b", "c"]}, [["b", "c"], ["a,b"]]),
        ({"tag": ["a,c", "d"]}, []),
        ({"tags": ["a,b"]}, [["b", "c"], ["a"]]),
        ({"tags": ["a", "c"], "tag": [""]}, [["b", "c"], ["a"]]),
        ({"tag": ["deleted,"]}, []),
        ({"tag": ["deleted,"], "deleted": True}, [["deleted,"]]),
        ({"tag": ["a," + "b" * limits.TAG_CHARACTERS]}, [["a"]]),
    ],
)
def test_a_value_with_commas_is_a_tag_if_there_is_one(
    client: Client, query: dict[str, Any], found: list[list[str]]
) -> None:
    request = Request({"type": "http", "headers": [], "state": {"caller": SimpleNamespace(client=client)}})
    said: Any = anyio.run(list_memories, Asked(request, ListMemories(**query)))
    assert [list(one["tags"]) for one in said["memories"]] == found
