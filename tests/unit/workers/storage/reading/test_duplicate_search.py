"""Duplicates: groups of memories that say nearly the same, each once, a page at a time."""

from __future__ import annotations

import math
from typing import Any

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, CancelledError, LimitOutOfRangeError
from memmux.wire.requests import Duplicates
from tests.unit.workers.desk import Desk
from workers.storage.reading import duplicate_search


def _turned(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def _word(number: int) -> str:
    """Return a text for a number, without digits, by which texts would differ."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def _groups(found: Any) -> list[list[str]]:
    return [[one["memory"]["content"] for one in group["members"]] for group in found["groups"]]


def _all(desk: Desk, **fields: Any) -> list[list[str]]:
    """Return the groups of all pages."""
    groups: list[list[str]] = []
    after: int | None = 0
    while after is not None:
        found = desk.ask("memory.duplicates", {"after": after, **fields})
        groups += _groups(found)
        after = found["next"]
    return groups


def test_what_is_near_is_a_group_with_its_oldest_memory_first_and_then_the_nearest(desk: Desk) -> None:
    for name, degrees in (("a", 0.0), ("far", 90.0), ("a far", 20.0), ("a near", 5.0), ("lone", 200.0)):
        desk.store(name, _turned(degrees))
    found = desk.ask("memory.duplicates", {})
    assert _groups(found) == [["a", "a near", "a far"]]
    (group,) = found["groups"]
    assert [round(one["similarity"], 3) for one in group["members"]] == [1.0, 0.996, 0.94]
    assert (group["more"], found["next"], found["compared"], found["least"]) == (False, None, 5, 0.85)


@pytest.mark.parametrize("page", [1, 100])
def test_each_member_is_near_to_the_one_that_stays_and_not_by_way_of_another(desk: Desk, page: int) -> None:
    for name, degrees in (("end", 50.0), ("begin", 0.0), ("middle", 25.0)):
        desk.store(name, _turned(degrees))
    assert _all(desk, limit=page) == [["end", "middle"]]
    assert _all(desk, least=0.95) == []
    for name, degrees in (("beyond", 75.0), ("far beyond", 100.0)):  # one that goes takes no other with it
        desk.store(name, _turned(degrees))
    assert _all(desk, limit=page) == [["end", "middle", "beyond"]]


def test_the_one_that_was_created_first_stays_whichever_was_stored_first(desk: Desk) -> None:
    for name, day in (("newer", 20), ("older", 10), ("oldest", 1), ("same day", 1)):
        desk.store(
            name,
            _turned(0),
            created_at=f"2026-03-{day:02}T12:00:00Z",
            id=f"00000000-0000-7000-8000-{day:012}" if name != "same day" else "00000000-0000-7000-8000-000000000000",
        )
    assert _all(desk) == [["same day", "newer", "older", "oldest"]]


def test_the_namespace_of_a_group_is_one_also_where_all_are_asked_for(desk: Desk) -> None:
    for name, namespace in (("a", "default"), ("a, theirs", "theirs"), ("A", "default"), ("a theirs", "theirs")):
        desk.store(name, _turned(0), namespace=namespace)
    expected = [["a", "A"], ["a, theirs", "a theirs"]]
    assert _all(desk, filter={"namespace": None}) == expected
    assert _all(desk, filter={"namespace": ["theirs", "default"]}) == expected
    assert _all(desk, filter={"namespace": "theirs"}) == expected[1:]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/issues/4785", "https://example.com/issues/5285"),
        ("the port is 5433", "the port is 5434"),
        ("the port is 5433", "the port is 5433, or 5434"),
        ("two are 5 and 5", "two are 5"),
        ("needs v3.1", "needs v3.2"),
        ("due on 2026-11-23", "due on 2026-11-24"),
        ("look at /srv/atlas", "look at /srv/billing"),
        ("call read_all", "call read_some"),
        ("call getName", "call getTitle"),
    ],
)
def test_texts_with_other_numbers_or_names_are_no_duplicates_whatever_the_vectors_say(
    desk: Desk, one: str, other: str
) -> None:
    desk.store(one, _turned(0))
    desk.store(other, _turned(0))
    assert _all(desk, least=0.0) == []
    desk.store(f"So: {one}", _turned(0))
    assert _all(desk) == [[one, f"So: {one}"]]


def test_the_same_text_but_for_case_and_blanks_is_near_whatever_is_asked_for(desk: Desk) -> None:
    desk.store("Groß ist die STADT", _turned(0))
    desk.store("gross  ist\ndie Stadt", _turned(50))
    desk.store("gross ist das Dorf", _turned(51))
    assert _all(desk, least=1.0) == [["Groß ist die STADT", "gross  ist\ndie Stadt"]]


def test_each_group_is_given_once_over_pages_of_any_size(desk: Desk) -> None:
    for number in range(12):
        for part in "abc":
            desk.store(f"{_word(number)} {part}", _turned(number * 30 + ord(part) % 3))
    for limit in (1, 2, 5, 100):
        groups = [sorted(group) for group in _all(desk, limit=limit, least=0.99)]
        assert groups == [[f"{_word(number)} {part}" for part in "abc"] for number in range(12)], limit


def test_a_page_ends_when_its_time_is_over_and_says_where_to_go_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_search, "WORK_S", 0.0)
    for name in ("a", "b", "a again"):
        desk.store(name, _turned(0 if name[0] == "a" else 90))
    first = desk.ask("memory.duplicates", {})
    assert (_groups(first), first["compared"], first["next"]) == ([["a", "a again"]], 1, 1)
    second = desk.ask("memory.duplicates", {"after": first["next"]})
    assert (second["groups"], second["compared"]) == ([], 1)
    assert _all(desk) == [["a", "a again"]]


def test_who_asked_and_waits_no_more_ends_the_work(desk: Desk) -> None:
    desk.store("a", _turned(0))
    begun = False

    def gone() -> None:
        if begun:  # a snapshot of PostgreSQL says that it is alive, too, where it takes long
            raise CancelledError

    with desk.questions.snapshot(math.inf, gone):
        begun = True
        with pytest.raises(CancelledError):
            desk.questions.duplicates(Duplicates())


def test_deleted_superseded_and_other_namespaces_memories_are_in_no_group(desk: Desk) -> None:
    desk.store("one", _turned(0))
    desk.store("one, theirs", _turned(0), namespace="theirs")
    desk.ask("memory.delete", {"id": desk.store("one, gone", _turned(0))["id"]})
    assert _all(desk) == []
    assert _all(desk, filter={"namespace": None}) == []
    old = desk.store("one, old", _turned(0))["id"]
    desk.ask("memory.update", {"id": old, "tags": ["kept"]})
    assert _all(desk) == [["one", "one, old"]]
    assert _all(desk, filter={"tags": ["kept"]}) == []
    desk.sql("UPDATE memories SET superseded_by = 'x' WHERE id = ?", old)
    assert _all(desk) == []
    assert _all(desk, filter={"include_superseded": True}) == [["one", "one, old"]]


def test_what_has_no_vector_is_in_no_group_and_without_any_that_is_said(desk: Desk) -> None:
    desk.store("one")
    desk.store("ONE")
    found = desk.ask("memory.duplicates", {})
    assert (found["groups"], found["next"], len(found["notes"])) == ([], None, 1)
    desk.store("two", _turned(0))
    found = desk.ask("memory.duplicates", {})
    assert (found["groups"], found["next"], found["notes"]) == ([], None, [])


def test_a_group_beyond_the_most_is_given_in_part(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GROUP", 4)
    for number in range(10):
        desk.store(_word(number), _turned(number / 10))
    found = desk.ask("memory.duplicates", {})
    assert [(len(group["members"]), group["more"]) for group in found["groups"]] == [(4, True)]
    assert found["groups"][0]["members"][0]["memory"]["content"] == _word(0)


@pytest.mark.slow
def test_groups_of_the_largest_memories_fit_into_pages(desk: Desk) -> None:
    text = "\x01" * (limits.CONTENT_BYTES - 8)  # each character is six in JSON
    for number in range(12):
        desk.store(f"{text} {_word(number)}", _turned(number % 2 * 90))
    sizes = []
    after: int | None = 0
    while after is not None:
        found = desk.ask("memory.duplicates", {"after": after})
        sizes += [(len(group["members"]), group["more"]) for group in found["groups"]]
        after = found["next"]
    assert sizes == [(2, True), (2, True)]


def test_a_group_of_more_memories_than_are_compared_at_once_is_one(desk: Desk) -> None:
    for number in range(3 * duplicate_search._NEAREST):
        desk.store(_word(number), _turned(number / 100))
    assert len(_all(desk)) == 1


def test_two_duplicates_become_one_by_a_store_and_a_delete_which_are_undone(desk: Desk) -> None:
    kept = desk.store("one", _turned(0), tags=["a"])["id"]
    other = desk.store("One.", _turned(1), tags=["b"], metadata={"x": 1})["id"]
    merged = desk.ask("memory.store", {"content": "one", "tags": ["b"], "metadata": {"x": 1}})
    assert (merged["id"], merged["merged"]) == (kept, ["tags", "metadata"])
    gone = desk.ask("memory.delete", {"id": other})
    assert _all(desk) == []
    assert desk.ask("memory.get", {"id": kept})["tags"] == ["a", "b"]
    for seq in (gone["seq"], merged["seq"]):
        desk.ask("memory.undo", {"seq": seq})
    assert desk.ask("memory.get", {"id": kept})["tags"] == ["a"]
    assert desk.ask("memory.get", {"id": other})["metadata"] == {"x": 1}


def test_what_is_asked_for_is_within_bounds(desk: Desk) -> None:
    for fields in ({"limit": 0}, {"limit": limits.DUPLICATES + 1}, {"after": -1}):
        with pytest.raises(LimitOutOfRangeError):
            desk.ask("memory.duplicates", fields)
    for least in (-0.1, 1.1, "0.9", math.nan):
        with pytest.raises(ArgumentInvalidError):
            Duplicates(least=least)  # type: ignore[arg-type]
