"""Bounds: whatever there is to tell, an answer has an end, and says how to go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types import CallToolResult, TextContent

from mcp_dealer.schemas import History, Hits, Ingested, Linked, Listed, Read, as_older
from mcp_dealer.schemas.base import Answer
from mcp_dealer.schemas.bounds import ANSWER_CHARACTERS, MEMORY_CHARACTERS, PAGE_CHARACTERS, cut, size
from mcp_dealer.schemas.reports import Unread
from memmux.wire import answers
from memmux.wire.requests import Mode
from tests.unit.examples import examples
from tests.unit.mcp_dealer.stand_in import MEMORY, MOMENT, Connect, StandIn

WORDS = "All that was said about the office in Ghent. " * 850  # 37 KB
CONTENTS = {"words": WORDS, "no blanks": "x" * 37_000, "escaped": '\n\x01"\\' * 9000, "wide": "東京😀" * 9000}
LARGE = replace(
    MEMORY,
    content=WORDS,
    tags=tuple(f"tag-{number:0120}" for number in range(64)),
    metadata={f"key-{number}": "v" * 1000 for number in range(60)},
)


LINK = answers.Link(source="1", target="2", relation="causes", similarity=0.5, types=(), metadata={}, created_at=MOMENT)


def _rest(shown: int) -> str:
    return f"continue with offset {shown}"


def _memories(count: int, memory: answers.Memory) -> tuple[answers.Memory, ...]:
    return tuple(replace(memory, id=f"{number:036}") for number in range(count))


def _hits(memories: tuple[answers.Memory, ...]) -> Hits:
    hits = tuple(answers.Hit(score=0.5, memory=memory) for memory in memories)
    return Hits.of(answers.SearchResult(mode=Mode.HYBRID, hits=hits))


def _listed(memories: tuple[answers.Memory, ...]) -> Listed:
    return Listed.of(answers.Page(memories=memories, total=5000), limit=1000, offset=0)


def _linked(memories: tuple[answers.Memory, ...]) -> Linked:
    nodes = tuple(answers.Node(id=memory.id, distance=1, memory=memory) for memory in memories)
    links = [
        answers.Link(
            source=one.id, target=other.id, relation="r", similarity=None, types=(), metadata={}, created_at=MOMENT
        )
        for one, other in pairwise(nodes)
    ]
    return Linked.of(answers.Graph(nodes=nodes, links=tuple(links) * 20), "subgraph")


def _history(memories: tuple[answers.Memory, ...]) -> History:
    changes = [
        answers.Change(seq=1, id=memory.id, at=MOMENT, operation="o", client="c", request="r", did="d", before=memory)
        for memory in memories
    ]
    return History.of(answers.History(changes=tuple(changes)))


MANY: dict[str, Callable[[tuple[answers.Memory, ...]], Answer]] = {
    "hits": _hits,
    "older hits": lambda memories: as_older(_hits(memories), "retrieve_memory"),
    "list": _listed,
    "older list": lambda memories: as_older(_listed(memories), "search_by_tag"),
    "graph": _linked,
    "history": _history,
}


@pytest.mark.parametrize("kind", MANY)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("most", [1000, ANSWER_CHARACTERS, 100_000])
def test_an_answer_of_many_large_memories_is_bounded_and_says_so(kind: str, content: str, most: int) -> None:
    answer = MANY[kind](_memories(50, replace(LARGE, content=CONTENTS[content]))).within(most, _rest)
    assert size(answer) <= max(most, 4000)  # the first memory's details are always there
    shown = 50 - answer.structured()["omitted"]
    assert shown > 0
    assert f"{shown} of 50 shown; continue with offset {shown}" in answer.structured()["notes"]


@pytest.mark.parametrize("kind", MANY)
def test_an_answer_that_fits_is_whole(kind: str) -> None:
    answer = MANY[kind](_memories(3, MEMORY))
    fitted = answer.within(ANSWER_CHARACTERS, _rest)
    assert fitted.structured() == answer.structured()
    assert "notes" not in fitted.structured()


@pytest.mark.parametrize("kind", MANY)
def test_as_much_is_shown_as_fits(kind: str) -> None:
    memories = _memories(400, replace(MEMORY, content=WORDS[:100]))
    answer = MANY[kind](memories).within(ANSWER_CHARACTERS, _rest)
    assert ANSWER_CHARACTERS // 2 < size(answer) <= ANSWER_CHARACTERS


def test_a_long_memory_among_others_is_cut_and_says_where_the_rest_is() -> None:
    (hit,) = _hits((LARGE,)).within(ANSWER_CHARACTERS, _rest).structured()["hits"]
    head, _, told = hit["content"].partition("…")
    assert told == f" ({len(head)} of {len(WORDS)} characters; memory_get 0001)"
    assert len(hit["content"]) <= MEMORY_CHARACTERS
    assert WORDS.startswith(head + " ")
    assert hit["left_out"][0].startswith("metadata (")
    assert hit["left_out"][1].endswith(" of 64 tags")
    assert "metadata" not in hit


def test_the_only_memory_is_cut_to_the_answers_bound() -> None:
    answer = _hits(_memories(2, replace(MEMORY, content=WORDS))).within(700, _rest)
    assert 500 < size(answer) <= 700
    assert len(answer.structured()["hits"]) == 1


@settings(max_examples=examples(200))
@given(st.text(st.sampled_from("ab \n")), st.integers(0, 200))
def test_a_cut_is_within_its_bound_at_a_word_and_tells_the_truth(content: str, most: int) -> None:
    content *= 20
    short = cut(content, most, "1")
    if len(content) <= most:
        assert short == content
        return
    head, _, told = short.partition("…")
    assert told == f" ({len(head)} of {len(content)} characters; memory_get 1)"
    assert content.startswith(head)
    assert len(short) <= max(most, len(told) + 1)


def test_a_cut_at_a_long_run_of_blanks_ends() -> None:
    blanks = "x" + " " * 500_000 + "y z" + "w" * 1000  # what goes back at each blank takes days
    assert len(cut(blanks, 500_300, "1")) <= 500_300


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("most", [2000, ANSWER_CHARACTERS])
def test_the_pages_of_a_long_memory_are_all_of_it(content: str, most: int) -> None:
    memory, offset, whole = replace(LARGE, content=CONTENTS[content]), 0, ""
    while True:
        page = Read.page(memory, offset, PAGE_CHARACTERS).within(most, _rest)
        assert size(page) <= most
        said = page.structured()
        whole += said["content"]
        assert said["total_chars"] == len(memory.content)
        if "next_offset" not in said:
            break
        offset = said["next_offset"]
        assert offset == len(whole)
    assert whole == memory.content


def test_a_short_memory_is_read_without_pages() -> None:
    assert Read.page(MEMORY, 0, PAGE_CHARACTERS).structured().keys() <= {
        "id", "content_hash", "content", "tags", "type", "metadata", "created_at", "updated_at",
    }  # fmt: skip


def test_an_ingest_with_many_problems_is_bounded() -> None:
    problems = [Unread(path="p" * 200, message="m" * 100)] * 1000
    answer = Ingested(files=0, chunks=0, replaced=0, skipped=0, problems=problems).within(ANSWER_CHARACTERS, _rest)
    assert size(answer) <= ANSWER_CHARACTERS
    assert any("of 1000 shown" in note for note in answer.notes or ())


def _size(result: CallToolResult) -> int:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return max(len(content.text), len(json.dumps(result.structured_content, ensure_ascii=False)))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("memory_search", {"query": "x"}),
        ("memory_search", {"tags": "a"}),
        ("memory_list", {}),
        ("memory_get", {"id": "1"}),
        ("memory_graph", {"hash": "1"}),
        ("memory_history", {"id": "1"}),
        ("retrieve_memory", {"query": "x"}),
        ("search_by_tag", {"tag": "x"}),
        ("find_connected_memories", {"hash": "x"}),
    ],
)
async def test_every_tool_keeps_to_the_bound_and_to_a_narrower_one(
    connect: Connect, made: list[StandIn], name: str, arguments: dict[str, Any]
) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].memory = LARGE
        made[0].times = 50
        whole = await client.call_tool(name, arguments)
        narrow = await client.call_tool(name, arguments | {"max_response_chars": 5000})
    assert not whole.is_error, whole.content
    assert 5000 < _size(whole) <= ANSWER_CHARACTERS
    assert _size(narrow) <= 5000


@pytest.mark.anyio
async def test_the_rest_is_where_the_answer_says(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].memory, made[0].times = LARGE, 50
        for name, arguments, begin in (
            ("memory_search", {"query": "x", "offset": 7}, 7),
            ("memory_list", {"page": 3, "page_size": 50}, 100),
            ("memory_history", {"id": "1", "offset": 10}, 10),
        ):
            said = (await client.call_tool(name, arguments)).structured_content or {}
            shown = len(said.get("hits") or said.get("memories") or said["changes"])
            assert said["notes"][-1].endswith(f"continue with offset {begin + shown}")
