from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workers.desk import Desk


def total(desk: Desk, **fields: Any) -> int:
    found: int = desk.ask("memory.list", {"filter": fields})["total"]
    return found


@pytest.fixture
def tagged(desk: Desk) -> Desk:
    for content, tags in (("both", ["Red", "Straße"]), ("one", ["red"]), ("none", [])):
        desk.store(content, tags=tags)
    return desk


@pytest.mark.parametrize(
    ("tags", "every", "either"),
    [
        ([], 3, 3),
        (["RED"], 2, 2),
        ([" red "], 2, 2),
        (["red", "Red"], 2, 2),
        (["STRASSE"], 1, 1),
        (["red", "strasse"], 1, 2),
        (["red", "blue"], 0, 2),
        (["blue"], 0, 0),
    ],
)
def test_tags_must_all_be_there_or_any(tagged: Desk, tags: list[str], every: int, either: int) -> None:
    assert total(tagged, tags=tags) == every
    assert total(tagged, tags=tags, any_tag=True) == either


def test_tags_are_equal_however_their_accents_are_composed(desk: Desk) -> None:
    desk.store("one", tags=["caf\u00e9"])
    assert total(desk, tags=["cafe\u0301"]) == 1


NUMBERS = [1, 1.0]
DIFFERENT = [None, True, False, 0, 1, 1.5, "", "1", "true", [], [1], [1.0], {}, {"a": 1, "b": [2]}, {"a": 1}, 2**63]


@pytest.mark.parametrize("value", DIFFERENT, ids=repr)
def test_metadata_must_have_exactly_the_value(desk: Desk, value: object) -> None:
    for number, other in enumerate(DIFFERENT):
        desk.store(f"memory {number}", metadata={"key": other, "more": 1})
    desk.store("without")
    (found,) = desk.ask("memory.list", {"filter": {"metadata": {"key": value}}})["memories"]
    assert found["metadata"] == {"key": value, "more": 1}


@pytest.mark.parametrize("stored", NUMBERS)
@pytest.mark.parametrize("asked", NUMBERS)
def test_a_number_is_the_same_however_it_is_written(desk: Desk, stored: float, asked: float) -> None:
    desk.store("one", metadata={"key": stored})
    assert total(desk, metadata={"key": asked}) == 1


def test_objects_are_equal_whatever_the_order_of_their_keys(desk: Desk) -> None:
    desk.store("one", metadata={"key": {"b": {"y": 1, "x": 2}, "a": 3}})
    assert total(desk, metadata={"key": {"a": 3, "b": {"x": 2, "y": 1}}}) == 1


@pytest.mark.parametrize("key", ["", "a.b", 'a"b', "$", "$.a", "[0]", "a\\b", "é", "%"])
def test_any_text_is_a_key(desk: Desk, key: str) -> None:
    _is_a_key(desk, key)


@pytest.mark.sqlite_only("stores NUL, which PostgreSQL refuses")
def test_a_text_with_nul_is_a_key(desk: Desk) -> None:
    _is_a_key(desk, "a\x00b")


def _is_a_key(desk: Desk, key: str) -> None:
    desk.store("one", metadata={key: "x"})
    desk.store("two", metadata={f"{key}!": "x", "a": {"b": "x"}})
    assert total(desk, metadata={key: "x"}) == 1


def test_several_keys_must_all_be_there(desk: Desk) -> None:
    desk.store("one", metadata={"a": 1, "b": 2})
    assert total(desk, metadata={"a": 1, "b": 2}) == 1
    assert total(desk, metadata={"a": 1, "b": 3}) == 0


def test_a_time_after_includes_itself_and_a_time_before_does_not(desk: Desk) -> None:
    times = [desk.ask("memory.get", {"id": desk.store(content)["id"]})["created_at"] for content in "abc"]
    assert total(desk, after=times[1]) == 2
    assert total(desk, before=times[1]) == 1
    assert total(desk, after=times[1], before=times[2]) == 1


def test_a_namespace_sees_nothing_of_another(desk: Desk) -> None:
    desk.store("mine", (1, 0))
    desk.store("theirs", (1, 0), namespace="other")
    assert total(desk) == 1
    for mode in ("exact", "keyword", "semantic", "hybrid"):
        assert desk.contents("mine", (1, 0), mode=mode) == ["mine"]
        assert "mine" not in desk.contents("mine", (1, 0), mode=mode, namespace="other")
    assert desk.contents("mine", (1, 0), namespace="third") == []


def test_types_are_compared_as_they_are(desk: Desk) -> None:
    desk.store("one", type="note")
    desk.store("two")
    assert total(desk, type="note") == 1
    assert total(desk, type="Note") == 0
