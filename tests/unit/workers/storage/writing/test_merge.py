"""Memories from a former home: taken up, taken up again with what changed there, and made one with their equals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError, NotFoundError
from tests.unit.workers.desk import Desk, frames, waiting
from tests.unit.workers.storage.dumps import adopt, dumped, line, statuses, vector

HASH = "aa" * 32
OTHER_HASH = "bb" * 32


def counts(answer: Any) -> dict[str, int]:
    return {name: answer[name] for name in ("created", "skipped", "updated", "merged") if answer[name]}


LINK = {
    "target": "somewhere",
    "relation": "related",
    "similarity": 0.5,
    "types": ["semantic"],
    "metadata": {"k": 1},
    "created_at": 3.5,
}


def past(**fields: Any) -> dict[str, Any]:
    """A memory with all that one may bring along."""
    known = {"aliases": [HASH], "origin": {"source": "elsewhere", "hash": HASH}, "links": [LINK]}
    return line(**{**known, **fields})


def test_what_a_memory_brings_along_comes_out_of_the_dump_again(desk: Desk) -> None:
    given = past(superseded_by="newer", vectors=[vector("one", 1, 0)])
    assert counts(adopt(desk, given)) == {"created": 1}
    (found,) = dumped(desk)
    del found["content_hash"]
    assert found == given


def test_what_most_memories_have_not_is_not_in_their_dump(desk: Desk) -> None:
    desk.store("plain")
    assert not {"superseded_by", "aliases", "origin", "links"} & dumped(desk)[0].keys()


def test_a_dump_with_a_past_is_loaded_and_dumped_again_the_same(desk: Desk, tmp_path: Path) -> None:
    adopt(desk, past(aliases=["b", "a"], links=[{**LINK, "target": "z"}, LINK]), line(id="x", content="two"))
    other = Desk(tmp_path / "other.db")
    answer = desk.ask("memory.load", {"memories": dumped(desk)})
    assert counts(answer) == {"skipped": 2}
    other.ask("memory.load", {"memories": dumped(desk)})
    assert dumped(other) == dumped(desk)
    assert dumped(other)[0]["aliases"] == ["a", "b"]
    other.close()


def test_an_alias_finds_the_memory_to_read_change_delete_and_look_back(desk: Desk) -> None:
    adopt(desk, past())
    memory = desk.ask("memory.get", {"id": HASH})
    assert (memory["id"], memory["aliases"]) == (line()["id"], [HASH])
    assert desk.ask("memory.update", {"id": HASH, "tags": ["x"]})["id"] == memory["id"]
    assert desk.ask("memory.delete", {"id": HASH})["id"] == memory["id"]
    assert [change["did"] for change in desk.ask("memory.history", {"id": HASH})["changes"]] == [
        "deleted",
        "changed tags",
        "loaded",
    ]
    for namespace in ("default", "other"):
        with pytest.raises(NotFoundError):
            desk.ask("memory.get", {"id": HASH, "namespace": namespace})


@pytest.mark.sqlite_only("looks into the file")
def test_a_purge_by_an_alias_leaves_nothing_of_what_came_along(desk: Desk) -> None:
    adopt(desk, past(origin={"secret": "xyzzy"}, links=[{**LINK, "metadata": {"k": "xyzzy"}}]))
    desk.ask("memory.use", {"ids": [line()["id"]]})
    with pytest.raises(ArgumentInvalidError, match="delete it first"):
        desk.ask("memory.purge", {"id": HASH})
    desk.ask("memory.delete", {"id": HASH})
    assert desk.ask("memory.purge", {"id": HASH})["purged"] == 1
    for table in ("memories", "aliases", "origins", "links", "uses"):
        assert desk.sql(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608  # names of our own
    desk.engine._upkeep.finish()
    assert b"xyzzy" not in desk.settings.database.read_bytes()


def test_adopting_again_skips_what_is_there_as_it_is(desk: Desk) -> None:
    given = past(vectors=[vector("one", 1, 0)])
    seq = adopt(desk, given)["seq"]
    answer = adopt(desk, given)
    assert counts(answer) == {"skipped": 1}
    assert answer["seq"] == seq
    # What the former home notes of each look at a memory is no other state.
    assert counts(adopt(desk, {**given, "origin": {"source": "elsewhere", "last_accessed": 5}})) == {"skipped": 1}


def test_what_changed_there_and_not_here_is_taken_over(desk: Desk) -> None:
    adopt(desk, past(tags=["Old"], vectors=[vector("one", 1, 0)]))
    then = past(
        content="two words",
        tags=["New"],
        type="note",
        metadata={"a": 1},
        created_at=1.25,
        updated_at=9.5,
        superseded_by="newer",
        aliases=[OTHER_HASH],
        links=[{**LINK, "target": "other"}],
        vectors=[vector("two words", 0, 1)],
    )
    answer = adopt(desk, then)
    assert (counts(answer), answer["problems"]) == ({"updated": 1}, [])
    (found,) = dumped(desk)
    del found["content_hash"]
    assert found == {**then, "aliases": [HASH, OTHER_HASH]}
    assert desk.contents("words", mode="keyword", include_superseded=True) == ["two words"]
    assert desk.contents("one", mode="keyword", include_superseded=True) == []
    assert desk.contents("x", (0, 1), mode="semantic", include_superseded=True) == ["two words"]
    assert counts(adopt(desk, then)) == {"skipped": 1}


def test_an_update_that_was_taken_over_is_undone_with_all_that_it_changed(desk: Desk) -> None:
    adopt(desk, past(tags=["Old"]))
    before = dumped(desk)
    then = past(content="two", created_at=1.25, updated_at=9, tags=["New"], aliases=["x"], origin={"k": 2}, links=[])
    seq = adopt(desk, then)["seq"]
    changed = dumped(desk)
    undone = desk.ask("memory.undo", {"seq": seq})
    (found,) = dumped(desk)
    assert {**found, "updated_at": before[0]["updated_at"]} == before[0]
    desk.ask("memory.undo", {"seq": undone["seq"]})
    (again,) = dumped(desk)
    assert {**again, "updated_at": 9} == changed[0]


def test_a_deletion_there_is_one_here_and_so_is_a_return(desk: Desk) -> None:
    adopt(desk, past(vectors=[vector("one", 1, 0)]))
    assert counts(adopt(desk, past(deleted_at=7.5))) == {"updated": 1}
    assert desk.sql("SELECT deleted_at FROM memories") == [(7.5,)]
    assert desk.sql("SELECT count(*) FROM vectors") == [(0,)]
    assert counts(adopt(desk, past())) == {"updated": 1}
    assert desk.ask("memory.get", {"id": HASH})["content"] == "one"


def test_what_was_changed_here_stays_and_is_reported(desk: Desk) -> None:
    adopt(desk, past())
    desk.ask("memory.update", {"id": HASH, "tags": ["ours"]})
    answer = adopt(desk, past(content="theirs"))
    assert (counts(answer), statuses(answer)) == ({}, [(0, "conflict")])
    assert "changed here" in answer["problems"][0]["message"]
    assert dumped(desk)[0]["tags"] == ["ours"]


def test_vectors_that_came_later_are_no_change_of_ours(desk: Desk) -> None:
    adopt(desk, past())
    asked, texts = waiting(desk)
    desk.ask("vectors.backfill", asked, texts, *frames([(1, 0)]))
    assert counts(adopt(desk, past(tags=["x"]))) == {"updated": 1}
    assert desk.sql("SELECT count(*) FROM vectors") == [(1,)]  # of the same content, by our own model


def test_a_memory_stays_in_its_namespace(desk: Desk) -> None:
    adopt(desk, past())
    answer = adopt(desk, past(namespace="elsewhere"))
    assert statuses(answer) == [(0, "conflict")]
    assert dumped(desk)[0]["namespace"] == "default"


def test_one_of_the_same_content_becomes_one_with_ours(desk: Desk) -> None:
    stored = desk.store("one", tags=["Ours", "both"])
    answer = adopt(desk, past(tags=["Both", "theirs"], created_at=1.5))
    assert (counts(answer), statuses(answer)) == ({"merged": 1}, [(0, "merged")])
    assert stored["id"] in answer["problems"][0]["message"]
    (found,) = dumped(desk)
    assert found["id"] == stored["id"]
    assert found["aliases"] == sorted([HASH, line()["id"]])
    assert found["tags"] == ["Ours", "both", "theirs"]
    assert (found["created_at"], found["links"], found["origin"]) == (1.5, [LINK], past()["origin"])
    for name in (HASH, line()["id"]):
        assert desk.ask("memory.get", {"id": name})["id"] == stored["id"]
    assert counts(adopt(desk, past(tags=["Both", "theirs"], created_at=1.5))) == {"skipped": 1}


def test_two_of_the_same_content_there_become_one_and_stay_so(desk: Desk) -> None:
    lines = past(tags=["a"]), past(id="second", tags=["b"], aliases=[OTHER_HASH], content=" one ")
    assert counts(adopt(desk, *lines)) == {"created": 1, "merged": 1}
    (found,) = dumped(desk)
    assert (found["tags"], found["aliases"]) == (["a", "b"], sorted([HASH, OTHER_HASH, "second"]))
    answer = adopt(desk, *lines)
    assert (counts(answer), answer["problems"]) == ({"skipped": 2}, [])
    assert dumped(desk) == [found]


def test_a_merge_is_undone(desk: Desk) -> None:
    stored = desk.store("one", tags=["ours"])
    before = dumped(desk)
    seq = adopt(desk, past(tags=["theirs"]))["seq"]
    desk.ask("memory.undo", {"seq": seq})
    (found,) = dumped(desk)
    assert {**found, "updated_at": before[0]["updated_at"]} == before[0]
    assert desk.ask("memory.history", {"id": stored["id"]})["changes"][1]["did"] == "changed tags, aliases"


def test_what_became_one_and_was_deleted_here_does_not_come_back(desk: Desk) -> None:
    stored = desk.store("one")
    adopt(desk, past())
    desk.ask("memory.delete", {"id": stored["id"]})
    answer = adopt(desk, past())
    assert statuses(answer) == [(0, "conflict")]
    assert desk.ask("memory.list", {})["total"] == 0


def test_what_was_purged_here_does_not_come_back(desk: Desk) -> None:
    adopt(desk, past(), line(id="gone", content="gone", deleted_at=3))
    desk.ask("memory.delete", {"id": HASH})
    assert desk.ask("memory.purge", {"before": "2999-01-01"})["purged"] == 2
    answer = adopt(desk, past(), line(id="gone", content="gone", deleted_at=3))
    assert (counts(answer), statuses(answer)) == ({"skipped": 1}, [(0, "conflict")])
    assert dumped(desk) == []
    assert counts(desk.ask("memory.load", {"memories": [past()]})) == {"created": 1}  # of an export of ours


def test_a_content_that_another_has_by_now_is_a_duplicate(desk: Desk) -> None:
    adopt(desk, past())
    desk.store("two")
    answer = adopt(desk, past(content="two"))
    assert statuses(answer) == [(0, "duplicate")]
    assert {memory["content"] for memory in dumped(desk)} == {"one", "two"}


def test_vectors_of_another_length_than_the_models_are_left_out(desk: Desk) -> None:
    desk.store("known", (1, 0))
    assert counts(adopt(desk, past(vectors=[vector("one", 1, 0, 0)]))) == {"created": 1}
    assert desk.writer.facts()["pending"] == 1
    assert desk.writer.facts()["unaudited"] == 0


@pytest.mark.parametrize("broken", [vector("one", 0, 0), vector("one", math.nan, 1), {"model": "tiny"}, 5])
def test_a_memory_whose_vector_has_no_direction_is_adopted_without_it(desk: Desk, broken: Any) -> None:
    assert counts(adopt(desk, past(vectors=[broken]))) == {"created": 1}
    assert (desk.writer.facts()["pending"], desk.writer.facts()["unaudited"]) == (1, 0)
    assert counts(adopt(desk, past(vectors=[broken], deleted_at=5))) == {"updated": 1}


def test_a_plain_load_takes_no_alias_away(desk: Desk) -> None:
    adopt(desk, past())
    answer = desk.ask("memory.load", {"memories": [line(id="x", content="two", aliases=[HASH])]})
    assert statuses(answer) == [(0, "conflict")]
    assert counts(answer) == {}


def test_a_plain_load_merges_and_updates_nothing(desk: Desk) -> None:
    desk.store("one")
    answer = desk.ask("memory.load", {"memories": [past(), past(id="x", content="two")]})
    assert (counts(answer), statuses(answer)) == ({"created": 1}, [(0, "duplicate")])
    answer = desk.ask("memory.load", {"memories": [past(id="x", content="three")]})
    assert statuses(answer) == [(0, "conflict")]


@pytest.mark.parametrize(
    "broken",
    [
        {"superseded_by": 5},
        {"superseded_by": ""},
        {"aliases": "x"},
        {"aliases": [5]},
        {"aliases": [""]},
        {"aliases": ["x" * 200]},
        {"origin": []},
        {"origin": {"x": "y" * (1 << 21)}},
        {"links": {}},
        {"links": [5]},
        {"links": [{}]},
        {"links": [{**LINK, "colour": "red"}]},
        {"links": [{**LINK, "target": ""}]},
        {"links": [{**LINK, "relation": None}]},
        {"links": [{**LINK, "similarity": "near"}]},
        {"links": [{**LINK, "similarity": True}]},
        {"links": [{**LINK, "types": "x"}]},
        {"links": [{**LINK, "types": [5]}]},
        {"links": [{**LINK, "metadata": []}]},
        {"links": [{**LINK, "created_at": "now"}]},
    ],
)
@pytest.mark.parametrize("how", [True, False])
def test_a_past_that_is_none_is_reported_and_does_not_stop_the_others(
    desk: Desk, broken: dict[str, Any], *, how: bool
) -> None:
    memories = [past(**broken), line(id="good", content="good")]
    answer = desk.ask("memory.load", {"memories": memories, "adopt": how})
    assert (answer["created"], statuses(answer)) == (1, [(0, "broken")])
    assert [memory["content"] for memory in dumped(desk)] == ["good"]


def test_a_link_needs_only_its_target(desk: Desk) -> None:
    adopt(desk, past(links=[{"target": "x"}]))
    wanted = {"target": "x", "relation": "related", "similarity": None, "types": [], "metadata": {}, "created_at": 1.5}
    assert dumped(desk)[0]["links"] == [wanted]


def test_whether_to_adopt_is_true_or_false(desk: Desk) -> None:
    with pytest.raises(ArgumentInvalidError, match="adopt"):
        desk.ask("memory.load", {"memories": [line()], "adopt": 1})
    with pytest.raises(LimitOutOfRangeError):
        adopt(desk)


def contents(desk: Desk) -> dict[str, str]:
    return {memory["id"]: memory["content"] for memory in dumped(desk) if memory["deleted_at"] is None}


def twins(desk: Desk) -> None:
    """Two of one text there, which are one here."""
    assert counts(adopt(desk, line(id="mon"), line(id="tue"))) == {"created": 1, "merged": 1}


def test_one_that_became_one_with_another_is_its_own_again_once_its_text_is_another(desk: Desk) -> None:
    twins(desk)
    edited = line(id="tue", content="tuesday", updated_at=5)
    assert counts(adopt(desk, line(id="mon"), edited)) == {"created": 1, "skipped": 1}
    assert contents(desk) == {"mon": "one", "tue": "tuesday"}
    assert desk.ask("memory.get", {"id": "tue"})["content"] == "tuesday"
    assert "aliases" not in dumped(desk)[0]
    assert counts(adopt(desk, line(id="mon"), edited)) == {"skipped": 2}
    last = line(id="mon", content="monday", updated_at=6), line(id="tue", content="later", updated_at=7)
    assert counts(adopt(desk, *last)) == {"updated": 2}


def test_a_text_that_the_other_still_has_there_is_not_lost_when_the_first_is_changed(desk: Desk) -> None:
    twins(desk)
    lines = line(id="mon", content="monday", updated_at=5), line(id="tue", aliases=["older"])
    assert counts(adopt(desk, *lines)) == {"updated": 1, "created": 1}
    assert contents(desk) == {"mon": "monday", "tue": "one"}
    assert counts(adopt(desk, *lines)) == {"skipped": 2}


def test_a_text_that_the_other_still_has_there_is_not_lost_when_the_first_is_deleted(desk: Desk) -> None:
    twins(desk)
    assert counts(adopt(desk, line(id="mon", deleted_at=5), line(id="tue"))) == {"updated": 1, "created": 1}
    assert contents(desk) == {"tue": "one"}


def test_one_that_leaves_another_becomes_one_with_a_third_that_has_its_text(desk: Desk) -> None:
    twins(desk)
    desk.store("three")
    edited = line(id="tue", content="three", updated_at=5)
    assert counts(adopt(desk, edited)) == {"merged": 1}
    assert desk.ask("memory.get", {"id": "tue"})["content"] == "three"
    assert counts(adopt(desk, edited)) == {"skipped": 1}


def test_one_whose_text_is_as_it_was_does_not_come_back_beside_what_was_made_of_it_here(desk: Desk) -> None:
    twins(desk)
    desk.ask("memory.update", {"id": "mon", "content": "ours"})
    answer = adopt(desk, line(id="tue"))
    assert statuses(answer) == [(0, "conflict")]
    assert "changed here" in answer["problems"][0]["message"]
    assert counts(adopt(desk, line(id="tue", content="tuesday", updated_at=5))) == {"created": 1}
    assert statuses(adopt(desk, line(id="mon", content="monday", updated_at=5))) == [(0, "conflict")]
    assert contents(desk) == {"mon": "ours", "tue": "tuesday"}


def test_one_that_was_changed_here_stays_so_after_another_became_one_with_it(desk: Desk) -> None:
    adopt(desk, line(id="mon"))
    desk.ask("memory.update", {"id": "mon", "content": "ours"})
    assert counts(adopt(desk, line(id="tue", content="ours"))) == {"merged": 1}
    assert statuses(adopt(desk, line(id="mon", content="monday", updated_at=5))) == [(0, "conflict")]


def test_a_text_of_a_memory_that_goes_by_a_name_of_another_here_is_taken(desk: Desk) -> None:
    twins(desk)
    lines = [line(id="wed", content="two", aliases=["tue"])]
    assert counts(adopt(desk, *lines)) == {"created": 1}
    assert counts(adopt(desk, *lines)) == {"skipped": 1}
    assert contents(desk) == {"mon": "one", "wed": "two"}
