"""Conversations of Claude and ChatGPT, whole and hostile."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux import limits
from memmux.transfer.formats import chatgpt, claude
from memmux.transfer.formats.base import Line, Skips

WORDS = ("message", "author", "role", "content", "parts", "parent", "text", "uuid", "sender", "type", "create_time")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["user", "human", "a", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


def message(role: str = "user", text: object = "hi", **more: object) -> dict[str, Any]:
    return {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, **more}


def talk(mapping: object, **more: object) -> dict[str, Any]:
    return {"id": "t", "title": "T", "create_time": 5.0, "mapping": mapping, **more}


def lines(kind: Any, element: object) -> tuple[list[Line], dict[str, int]]:
    skips = Skips()
    return list(kind.lines(element, "default", skips)), dict(skips.counts)


def test_a_time_too_large_for_any_is_none() -> None:
    mapping = {"a": {"message": message(create_time=10**400), "parent": None}}
    (one,), _ = lines(chatgpt, talk(mapping, create_time=10**400))
    assert one["content"] == "user: hi"


def test_a_circle_of_messages_is_left_out_and_named() -> None:
    mapping = {"a": {"message": message(), "parent": "b"}, "b": {"message": message(), "parent": "a"}}
    assert lines(chatgpt, talk(mapping, current_node="a")) == ([], {chatgpt._CIRCLE: 1})
    mapping = {"a": {"message": message(), "parent": "a"}}
    assert lines(chatgpt, talk(mapping, current_node="a")) == ([], {chatgpt._CIRCLE: 1})


def test_without_a_current_message_the_newest_branch_counts() -> None:
    mapping = {
        "a": {"message": message(text="one"), "parent": None},
        "b": {"message": message("assistant", "old", create_time=1.0), "parent": "a"},
        "c": {"message": message("assistant", "new", create_time=2.0), "parent": "a"},
    }
    found, skipped = lines(chatgpt, talk(mapping))
    assert [line["content"] for line in found] == ["user: one", "assistant: new"]
    assert skipped == {"answers that were replaced": 1}


def test_pictures_hidden_messages_and_thoughts_are_left_out() -> None:
    mapping = {
        "a": {"message": message(text={"asset_pointer": "file"}), "parent": None},
        "b": {"message": message(metadata={"is_visually_hidden_from_conversation": True}), "parent": "a"},
        "c": {"message": {**message("assistant"), "content": {"content_type": "thoughts"}}, "parent": "b"},
        "d": {"message": message("tool"), "parent": "c"},
    }
    found, skipped = lines(chatgpt, talk(mapping, current_node="d"))
    assert found == []
    assert skipped == {"messages of tools and of the system": 3, "messages without text": 1}


def test_ids_are_the_same_each_time_and_others_in_another_namespace() -> None:
    chat = {"uuid": "c", "chat_messages": [{"uuid": "m", "sender": "human", "text": "hi"}]}
    first, again = lines(claude, chat)[0], lines(claude, chat)[0]
    assert first == again
    assert first[0]["id"] != next(claude.lines(chat, "other", Skips()))["id"]


def test_zeros_lone_surrogates_and_what_is_too_long_do_not_come_in() -> None:
    texts = ["a\0b\ud800", "x" * (limits.CONTENT_BYTES + 1), "\0"]
    turns = [{"uuid": f"{place}", "sender": "human", "text": text} for place, text in enumerate(texts)]
    found, skipped = lines(claude, {"uuid": "c", "name": 7, "chat_messages": turns})
    assert [line["content"] for line in found] == ["user: ab�"]
    assert sum(skipped.values()) == 2


@pytest.mark.parametrize("kind", [claude, chatgpt])
@given(mapping=st.dictionaries(st.sampled_from(["a", "b", "c"]), ANYTHING), current=ANYTHING)
def test_whatever_types_stand_there_nothing_fails(kind: Any, mapping: dict[str, Any], current: Any) -> None:
    lines(
        kind,
        {"id": "x", "uuid": "x", "mapping": mapping, "chat_messages": list(mapping.values()), "current_node": current},
    )
    lines(
        kind, {"mapping": current, "chat_messages": current, "uuid": current, "id": current, "conversation_id": current}
    )
