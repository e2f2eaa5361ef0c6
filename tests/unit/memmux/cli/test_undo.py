"""Deleting by mistake, and the ways back, on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from memmux.errors import StorageFullError
from tests.unit.memmux.cli.desk_client import Typed
from tests.unit.workers.desk import MODEL, Desk, frames
from workers.runtime.jobs import Answer
from workers.storage.reading import ranking

Answers = Callable[[str], list[str]]


def _live(typed: Typed) -> list[str]:
    return sorted(memory["content"] for memory in orjson.loads(typed("list", "--json")[1])["memories"])


def _line_of(text: str) -> list[str]:
    """The arguments of the `memmux …` that a text names."""
    (named,) = re.findall(r"`memmux (undo [^`]*)`", text)
    return str(named).split()


def test_each_line_that_is_said_of_a_deletion_brings_the_memory_back(typed: Typed, desk: Desk) -> None:
    stored = desk.store("the pier is closed")
    for said in (
        lambda: typed("delete", stored["id"])[1],
        lambda: (typed("delete", stored["id"]), typed("get", stored["id"]))[1][2],
        lambda: (typed("delete", stored["id"]), typed("update", stored["id"], "--tag", "x"))[1][2],
        lambda: (typed("delete", stored["id"]), typed("list", "--deleted"))[1][1],
    ):
        back = _line_of(said())
        assert _live(typed) == []
        assert typed(*back)[0] == 0
        assert _live(typed) == ["the pier is closed"]


def test_an_undo_takes_an_id_or_its_beginning(typed: Typed, desk: Desk) -> None:
    stored = desk.store("one")
    for name in (stored["id"], stored["id"][:18], stored["content_hash"]):
        typed("delete", stored["id"])
        assert typed("undo", name)[0] == 0
        assert _live(typed) == ["one"]
    typed("update", stored["id"], "--content", "two")
    assert typed("undo", stored["id"])[0] == 0
    assert _live(typed) == ["one"]


def test_an_id_of_digits_is_no_number_and_no_range(typed: Typed, desk: Desk) -> None:
    ids = ["48213377-3000-5000-8000-000000000000", "16039572-a000-5000-8000-000000000000"]
    lines = [{"id": name, "content": name, "created_at": 1, "updated_at": 1} for name in ids]
    desk.ask("memory.load", {"memories": lines})
    for name in ("48213377", "48213377-3", "48213377-3000", "16039572"):
        typed("delete", name)
        code, out, err = typed("undo", name)
        assert (code, out.count("as it was"), err) == (0, 1, "")
        assert _live(typed) == sorted(ids)
    assert typed("undo", "48213378")[0] == 1


def test_a_range_that_begins_with_the_larger_number_is_refused(typed: Typed, desk: Desk) -> None:
    for text in ("one", "two", "three"):
        desk.store(text)
    code, _, err = typed("undo", "3-1")
    assert (code, "say 1-3" in err) == (2, True)
    assert len(_live(typed)) == 3


def test_digits_that_are_a_number_and_an_id_are_refused(typed: Typed, desk: Desk) -> None:
    lines = [{"id": "10000001-a000-5000-8000-000000000000", "content": "one", "created_at": 1, "updated_at": 1}]
    desk.ask("memory.load", {"memories": lines})
    desk.sql("UPDATE sqlite_sequence SET seq = 10000000 WHERE name = 'changes'")
    desk.store("two")
    code, _, err = typed("undo", "10000001")
    assert (code, "say 10000001-10000001 for that change, or the whole id" in err) == (2, True)
    assert typed("undo", "10000001-10000001")[0] == 0
    assert _live(typed) == ["one"]


@pytest.mark.parametrize("way", ["line", "--last", "--since SEQ", "--since 2020-01-01"])
def test_a_whole_forget_comes_back(way: str, typed: Typed, desk: Desk) -> None:
    for text in ("one", "two", "three"):
        desk.store(text, tags=["t"])
    other = desk.store("four")
    code, out, _ = typed("forget", "--tag", "t")
    assert (code, _live(typed)) == (0, ["four"])
    back = _line_of(out)
    assert back == ["undo", f"{other['seq'] + 1}-{other['seq'] + 3}"]
    line = {"line": back, "--since SEQ": ["undo", "--since", back[1].partition("-")[0]]}.get(
        way, ["undo", *way.split()]
    )
    if way == "--since 2020-01-01":  # everything, the stores too
        assert typed(*line)[0] == 0
        assert _live(typed) == []
        return
    assert typed(*line)[0] == 0
    assert _live(typed) == ["four", "one", "three", "two"]


def test_the_last_change_that_is_undone_is_one_memory_or_one_forget(typed: Typed, desk: Desk) -> None:
    one, two = desk.store("one"), desk.store("two")
    typed("delete", one["id"])
    typed("delete", two["id"])
    assert orjson.loads(typed("undo", "--last", "--json")[1])["count"] == 1
    assert _live(typed) == ["two"]
    typed("undo", "--last")  # an undo is a change, too
    assert _live(typed) == []


@pytest.mark.parametrize("way", ["--last", "2-3", "--since 2"])
def test_a_new_version_is_undone_as_a_whole_and_back(way: str, typed: Typed, desk: Desk) -> None:
    stored = desk.store("one")
    typed("update", stored["id"], "--content", "two", "--versioned")
    code, told, err = typed("undo", *way.split())
    assert (code, told.splitlines()[-1], err) == (0, "1 undone", "")
    assert _live(typed) == ["one"]
    assert typed("undo", "--last")[0] == 0
    assert _live(typed) == ["one", "two"]
    assert typed("search", "one", "--mode", "keyword", "--json")[1].count('"id"') == 0


def test_many_changes_since_a_time_are_found(typed: Typed, desk: Desk) -> None:
    kept = [desk.store(f"kept {number}") for number in range(80)]
    (at,) = {change["at"] for change in desk.ask("memory.history", {"id": kept[-1]["id"]})["changes"]}
    desk.clock.at += 60
    for memory in kept[:70]:
        desk.ask("memory.delete", {"id": memory["id"]})
    assert len(_live(typed)) == 10
    later = f"{at[:17]}30{at[19:]}" if at[17:19] < "30" else at
    code, out, err = typed("undo", "--since", later)
    assert code == 0, err
    assert "70 undone" in out or "71 undone" in out


def test_a_terminal_is_shown_what_is_deleted_and_asked(typed: Typed, desk: Desk, answers: Answers) -> None:
    for number in range(12):
        desk.store(f"memory {number}", tags=["t"])
    asked = answers("no")
    code, out, err = typed("forget", "--tag", "t")
    assert (code, out, asked) == (1, "", ["Delete these 12 memories?"])
    assert "memory 0" in err
    assert "and 2 more" in err
    assert "nothing was done" in err
    assert len(_live(typed)) == 12
    asked = answers("yes")
    assert typed("forget", "--tag", "t")[0] == 0
    assert (len(asked), _live(typed)) == (1, [])


@pytest.mark.parametrize("way", [["--tag", "t"], ["--source", "/pier"]])
def test_what_is_stored_while_a_question_stands_there_stays(
    way: list[str], typed: Typed, desk: Desk, monkeypatch: pytest.MonkeyPatch, answers: Answers
) -> None:
    said = {"tags": ["t"], "type": "document", "metadata": {"source": "/pier/one.md"}}
    ids = [desk.store(text, **said)["id"] for text in ("one", "two", "three")]
    answers("yes")

    def confirm(*_: object, **__: object) -> bool:
        desk.store("stored meanwhile", **said)
        desk.ask("memory.delete", {"id": ids[2]})
        return True

    monkeypatch.setattr("click.confirm", confirm)
    code, out, _ = typed("forget", *way)
    assert (code, out.splitlines()[:2], "2 deleted; `memmux undo 6-7`" in out) == (0, ids[:2], True)
    assert _live(typed) == ["stored meanwhile"]


def test_a_terminal_is_shown_what_an_undo_would_do_and_asked(typed: Typed, desk: Desk, answers: Answers) -> None:
    stored = desk.store("the pier is closed")
    typed("delete", stored["id"])
    asked = answers("no")
    for line in (["undo", "2"], ["undo", stored["id"]], ["undo", "--last"], ["undo", "1-2"]):
        code, out, err = typed(*line)
        assert (code, out) == (1, ""), line
        assert "deleted; it would come back" in err
        assert "the pier is closed" in err
    assert asked == ["Undo this change?"] * 3 + ["Undo these 2 changes?"]
    assert _live(typed) == []
    assert typed("undo", "2", "--yes")[0] == 0


@pytest.mark.parametrize("arguments", [["forget", "--tag", "t", "--yes"], ["forget", "--tag", "t", "--dry-run"]])
def test_nobody_is_asked_who_has_answered(arguments: list[str], typed: Typed, desk: Desk, answers: Answers) -> None:
    desk.store("one", tags=["t"])
    asked = answers("no")
    assert typed(*arguments)[0] == 0
    assert not asked


def test_a_purge_that_is_answered_with_no_does_nothing(typed: Typed, desk: Desk, answers: Answers) -> None:
    stored = desk.store("one")
    typed("delete", stored["id"])
    asked = answers("no")
    assert typed("purge", stored["id"][:18])[0] == 1
    assert asked == [f"Remove the memory {stored['id']} for good?"]
    assert typed("undo", stored["id"], "--yes")[0] == 0


def test_an_undo_of_several_leaves_what_was_changed_since_and_names_it(typed: Typed, desk: Desk) -> None:
    desk.store("zero")
    one = desk.store("one")
    desk.store("two")
    desk.ask("memory.update", {"id": one["id"], "tags": ["x"]})
    code, out, err = typed("undo", "1-3")
    assert (code, _live(typed)) == (1, ["one"])
    assert "2 undone, 1 left" in out
    assert f"left: the memory '{one['id']}' was changed again since change 2, last by change 4; undo that first" in err
    left = orjson.loads(typed("undo", "2-3", "--json")[1])["left"]
    assert [(problem["seq"], problem["code"]) for problem in left] == [(3, "undo_conflict"), (2, "undo_conflict")]


def test_of_many_that_are_undone_some_are_named_and_the_rest_are_counted(typed: Typed, desk: Desk) -> None:
    for number in range(13):
        desk.store(f"memory {number}")
    code, told, _ = typed("undo", "1-13")
    assert (code, told.splitlines()[-2:]) == (0, ["and 3 more; --json has all of them", "13 undone"])


def test_an_undo_of_several_passes_over_what_came_deleted(typed: Typed, desk: Desk) -> None:
    lines = [{"id": name, "content": name, "created_at": 1, "updated_at": 1} for name in ("one", "two", "three")]
    desk.ask("memory.load", {"memories": [lines[0], {**lines[1], "deleted_at": 2}, lines[2]]})
    code, out, err = typed("undo", "1-3")
    assert (code, err, _live(typed)) == (0, "", [])
    assert "2 undone" in out


def test_an_undo_of_several_names_what_is_there_again(typed: Typed, desk: Desk) -> None:
    for text in ("one", "two"):
        desk.store(text, tags=["x"])
    desk.ask("memory.forget", {"filter": {"tags": ["x"]}})
    again = desk.store("one")["id"]
    code, out, err = typed("undo", "3-4")
    assert (code, _live(typed)) == (1, ["one", "two"])
    assert "1 undone, 1 left" in out
    assert f"left: the memory '{again}' has this content already; delete that one first" in err


def test_an_undo_that_fails_midway_says_how_far_it_came(
    typed: Typed, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, two = desk.store("one"), desk.store("two")
    answer = desk.answer

    def ask(operation: str, body: Any, *blobs: bytes, **fields: Any) -> Answer:
        if b'"seq":1' in bytes(body):
            raise StorageFullError("the disk is full")
        return answer(operation, body, *blobs, **fields)

    monkeypatch.setattr(desk, "answer", ask)
    code, _, err = typed("undo", "1-2")
    assert code == 1
    assert err.startswith("memmux: storage_full: ")
    assert f"1 undone before that, down to change {two['seq']}" in err


def test_a_time_is_named_in_words_or_figures(typed: Typed, desk: Desk) -> None:
    desk.store("one")
    for after in ("yesterday", "2020-01-01", "1 hour ago", "1500000000"):
        assert "1 of 1" in typed("list", "--after", after)[1]
    assert typed("list", "--after", "2026-13-45")[0] == 2
    assert typed("list", "--after", "frobnicated")[0] == 2


def test_nonsense_is_called_no_close_match(typed: Typed, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of two dimensions, in which what is asked is near or far."""
    monkeypatch.setitem(ranking.NEAR, MODEL, ranking.Near(0.4, 0.0))
    desk.store("the pier is closed", (1.0, 0.0))
    query = [(1.0, 0.1)]

    def ask(operation: str, body: Any, *blobs: bytes, **fields: Any) -> Answer:
        more = frames(query) if operation == "memory.search" else ()
        return answer(operation, body, *blobs, *more, **fields)

    answer = desk.answer
    monkeypatch.setattr(desk, "answer", ask)
    assert "no close match" not in typed("search", "harbour")[2]
    query[:] = [(0.1, 1.0)]
    assert "no close match" in typed("search", "harbour")[2]
    assert "no close match" not in typed("search", "the pier")[2]
    assert "no close match" not in typed("search", "harbour", "--only-relevant")[2]
