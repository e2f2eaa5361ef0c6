"""Memories that many others become one with: their names and links, and what the change log keeps of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, NotFoundError
from tests.unit.workers.desk import Desk
from tests.unit.workers.storage.dumps import adopt, dumped, line, statuses

CONTENT = "user: continue"


def _id(number: int) -> str:
    return f"01890000-0000-7000-8000-{number:012d}"


def _said(first: int, last: int, **fields: Any) -> list[dict[str, Any]]:
    """Memories of one content, each from another conversation."""
    return [line(id=_id(number), content=CONTENT, tags=[f"t{number}"], **fields) for number in range(first, last)]


def _link(number: int) -> dict[str, Any]:
    return {"target": f"target {number}", "relation": "related", "types": [], "metadata": {}, "created_at": 1.0}


def _lines_of_the_log(desk: Desk) -> int:
    ((count,),) = desk.sql("SELECT count(*) FROM changes")
    return int(count)


@pytest.fixture
def repeated(desk: Desk) -> Desk:
    """A desk where one text was taken up more often than a store may name aliases."""
    answer = adopt(desk, *_said(0, limits.ALIASES + 3))
    assert (answer["created"], answer["merged"]) == (1, limits.ALIASES + 2)
    return desk


def test_a_text_that_was_said_often_is_stored_again_alone_and_among_others(repeated: Desk) -> None:
    assert repeated.store(CONTENT)["status"] == "duplicate"
    batch = repeated.ask(
        "memory.store_batch", {"memories": [{"content": "another"}, {"content": CONTENT, "type": "t"}]}
    )
    assert [one["status"] for one in batch["stored"]] == ["created", "duplicate"]
    assert repeated.ask("memory.get", {"id": _id(limits.ALIASES + 1)})["type"] == "t"


def test_it_is_dumped_and_loaded_with_all_its_names(repeated: Desk, tmp_path: Path) -> None:
    (memory,) = dumped(repeated)
    assert memory["aliases"] == [_id(number) for number in range(1, limits.ALIASES + 3)]
    other = Desk(tmp_path / "other.db")
    for adopting in (False, True):
        answer = other.ask("memory.load", {"memories": [memory], "adopt": adopting})
        assert (answer["created"], answer["skipped"]) == ((0, 1) if adopting else (1, 0))
    assert dumped(other) == [memory]
    assert other.ask("memory.get", {"id": _id(limits.ALIASES + 2)})["id"] == memory["id"]
    other.close()


def test_it_is_taken_up_again_without_a_change(repeated: Desk) -> None:
    before = _lines_of_the_log(repeated)
    assert adopt(repeated, *_said(0, limits.ALIASES + 3))["skipped"] == limits.ALIASES + 3
    assert _lines_of_the_log(repeated) == before


def test_a_store_gives_it_no_name_beyond_the_most_and_says_so(repeated: Desk) -> None:
    before = dumped(repeated)
    for given in ({"id": _id(999)}, {"aliases": ["one more"]}):
        with pytest.raises(ArgumentInvalidError, match=f"the most is {limits.ALIASES}"):
            repeated.store(CONTENT, **given)
    assert repeated.store(CONTENT, aliases=[_id(1)], id=_id(2))["status"] == "duplicate"
    assert dumped(repeated) == before


def test_a_load_is_one_change_of_a_memory_however_many_became_one_with_it(desk: Desk) -> None:
    adopt(desk, *_said(0, 100))
    assert _lines_of_the_log(desk) == 1
    second = adopt(desk, *_said(100, 250))
    assert _lines_of_the_log(desk) == 2
    assert desk.ask("memory.get", {"id": _id(249)})["id"] == _id(0)
    undone = desk.ask("memory.undo", {"seq": second["seq"]})
    assert desk.ask("memory.get", {"id": _id(99)})["id"] == _id(0)
    with pytest.raises(NotFoundError):
        desk.ask("memory.get", {"id": _id(100)})
    desk.ask("memory.undo", {"seq": undone["seq"]})
    assert desk.ask("memory.get", {"id": _id(249)})["id"] == _id(0)


def test_what_was_stored_here_stays_known_as_that(desk: Desk) -> None:
    stored = desk.store(CONTENT)
    adopt(desk, *_said(0, 3))
    answer = adopt(desk, line(id=stored["id"], content="changed there"))
    assert statuses(answer) == [(0, "conflict")]


def test_the_first_load_is_undone_as_a_whole(desk: Desk) -> None:
    first = adopt(desk, *_said(0, 5))
    assert first["first_seq"] == first["seq"]
    assert desk.ask("memory.undo", {"seq": first["seq"]})["deleted"]


def test_names_beyond_the_most_that_are_kept_are_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALIASES_KEPT", 2)
    for _ in range(2):
        answer = adopt(desk, *_said(0, 5))
        assert [problem["id"] for problem in answer["problems"] if "not kept" in problem["message"]] == [_id(3), _id(4)]
    assert dumped(desk)[0]["aliases"] == [_id(1), _id(2)]
    assert _lines_of_the_log(desk) == 1


def test_links_beyond_the_most_are_left_out_and_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(limits, "LINKS", 3)
    lines = _said(0, 2)
    lines[0]["links"], lines[1]["links"] = [_link(5), _link(6)], [_link(number) for number in (1, 2, 5)]
    answer = adopt(desk, *lines)
    assert [("1 of its links" in problem["message"]) for problem in answer["problems"]] == [True]
    assert [link["target"] for link in dumped(desk)[0]["links"]] == ["target 1", "target 5", "target 6"]
    monkeypatch.setattr(limits, "LINKS", 2)  # what a database has is loaded elsewhere all the same
    other = Desk(tmp_path / "other.db")
    assert other.ask("memory.load", {"memories": dumped(desk)})["created"] == 1
    assert dumped(other) == dumped(desk)
    other.close()
