"""The tools of the full list: what they pass on and what they count."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp_types import TextContent

from tests.unit.mcp_dealer.stand_in import Connect, StandIn

pytestmark = pytest.mark.anyio


async def _answer(connect: Connect, name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    async with connect() as client:
        result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    (content,) = result.content
    assert isinstance(content, TextContent)
    return result.structured_content, content.text


TURNS = [
    {"role": "user", "content": "Hello."},
    {"role": "tool", "content": " "},
    {"role": "assistant", "content": "Hi."},
]
TALK = {"turns": TURNS, "session_id": "s", "tags": "a,b", "metadata": {"k": 1}, "store": "work"}


async def test_a_conversation_is_stored_as_a_thread_of_its_turns(connect: Connect, made: list[StandIn]) -> None:
    answer, text = await _answer(connect, "memory_store_session", TALK)
    called, (memories,), options = made[0].calls[-1]
    assert (called, options) == ("store_batch", {"namespace": "work"})
    assert [(one.content, one.thread, one.place) for one in memories] == [
        ("user: Hello.", "s", 0),
        ("assistant: Hi.", "s", 2),
    ]
    assert [one.metadata["role"] for one in memories] == ["user", "assistant"]
    for one in memories:
        assert (one.type, one.tags, one.merge) == ("turn", ("session:s", "a", "b"), False)
        assert (one.metadata["k"], one.metadata["session_id"]) == (1, "s")
    assert (answer["session_id"], answer["turns"], answer["stored"], answer["id"]) == ("s", 3, 2, "0001")
    assert text.endswith("session s, 3 turns")


async def test_a_long_conversation_is_stored_in_pieces(connect: Connect, made: list[StandIn]) -> None:
    turns = [{"role": "user", "content": f"turn {number}"} for number in range(300)]
    answer, _ = await _answer(connect, "memory_store_session", {"turns": turns})
    sizes = [len(given[0]) for name, given, _ in made[0].calls if name == "store_batch"]
    assert (sizes, answer["stored"]) == ([256, 44], 300)


async def test_a_conversation_is_kept_whole_if_told(connect: Connect, made: list[StandIn]) -> None:
    arguments = TALK | {"whole": True}
    answer, text = await _answer(connect, "memory_store_session", arguments)
    called, positional, options = made[0].calls[-1]
    assert (called, positional) == ("store", ("[user] Hello.\n[assistant] Hi.",))
    assert options == {
        "similar": True,
        "tags": ("session:s", "a", "b"),
        "type": "session",
        "metadata": {"k": 1, "session_id": "s", "turns": 3},
        "namespace": "work",
    }
    assert (answer["session_id"], answer["turns"], answer["stored"]) == ("s", 3, 1)
    assert text.endswith("session s, 3 turns")


async def test_a_conversation_without_a_name_gets_one(connect: Connect, made: list[StandIn]) -> None:
    answer, _ = await _answer(connect, "memory_store_session", {"turns": [{"role": "user", "content": "Hello."}]})
    ((first,),) = made[0].calls[-1][1]
    assert (first.tags, first.thread) == ((f"session:{answer['session_id']}",), answer["session_id"])
    assert len(answer["session_id"]) == 36


async def test_a_path_has_two_ends_and_a_length(connect: Connect, made: list[StandIn]) -> None:
    await _answer(connect, "memory_graph", {"action": "path", "hash1": "1", "hash2": "2", "max_depth": 4})
    assert made[0].calls[-1] == ("path", ("1", "2"), {"hops": 4})


@pytest.mark.parametrize(("given", "hops"), [({"action": "path", "hash1": "1", "hash2": "2"}, 5), ({"hash": "1"}, 2)])
async def test_links_are_followed_as_far_as_they_were_there(
    connect: Connect, made: list[StandIn], given: dict[str, Any], hops: int
) -> None:
    await _answer(connect, "memory_graph", given)
    assert made[0].calls[-1][2]["hops"] == hops


async def test_a_memory_that_is_not_there_is_still_in_the_graph(connect: Connect) -> None:
    answer, text = await _answer(connect, "memory_graph", {"hash": "0001"})
    assert answer["nodes"][1] == {"id": "0009", "distance": 1}
    assert json.loads(text)["connected"] == [{"hash": "0009", "distance": 1}]


async def test_deleted_memories_are_counted_to_the_last_page(connect: Connect) -> None:
    answer, text = await _answer(connect, "memory_cleanup", {})
    assert (answer["duplicates"], answer["deleted"]) == (0, 3)
    assert "more" not in answer
    assert text.startswith("no duplicates")


async def test_counting_deleted_memories_has_a_bound(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_dealer.tools.full_tools.DUMP_PAGES", 2)
    answer, text = await _answer(connect, "memory_cleanup", {})
    assert (answer["deleted"], answer["more"]) == (2, True)
    assert "at least 2 deleted" in text


async def test_stats_leave_out_what_was_never_asked(connect: Connect) -> None:
    answer, _ = await _answer(connect, "memory_stats", {})
    assert answer["memories"] == 7
    assert answer["requests"] == {"memory.list": 3}
    assert answer["namespaces"] == {"default": 5, "Tianda": 2}
    assert answer["newest"] == "2026-11-23T14:30:00.000+00:00"


async def test_a_history_says_who_did_what_when(connect: Connect) -> None:
    answer, text = await _answer(connect, "memory_history", {"id": "0001"})
    assert answer["changes"] == [{"seq": 1, "at": "2026-11-23T14:30:00.000+00:00", "did": "stored", "client": "a"}]
    assert text == "1 change\n1 · 2026-11-23T14:30:00.000+00:00 · stored · a"


async def test_a_key_that_is_not_for_the_whole_database_gets_what_it_may_know(
    connect: Connect, made: list[StandIn]
) -> None:
    async with connect() as client:
        await client.call_tool("memory_list", {})
        made[0].limited = True
        answers = [
            (await client.call_tool(name, {})).structured_content or {}
            for name in ("memory_health", "memory_stats", "memory_cleanup")
        ]
    health, stats, cleanup = answers
    assert (health["memories"], health["clients"], health["state"]) == (7, 1, "serving")
    assert (stats["memories"], stats["requests"]) == (7, {})
    assert cleanup["superseded"] == 0
    for answer, name in zip(answers, ("pending", "pending", "deleted"), strict=True):
        assert name not in answer


@pytest.mark.parametrize("after_seq", [-1, 10**30])
async def test_a_wait_names_its_own_argument(connect: Connect, after_seq: int) -> None:
    async with connect() as client:
        result = await client.call_tool("memory_wait", {"after_seq": after_seq, "timeout_s": 0})
    assert result.is_error
    assert "after_seq is " in str(result.content)
