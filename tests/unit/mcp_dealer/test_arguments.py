"""Arguments: what two names for one thing come to, and what is made of those of mcp-memory-service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mcp_dealer.arguments import Delete, Graph, Ingest, List, Named, Search, SessionArguments, Store, Turn, Update, one
from mcp_dealer.arguments.base import split
from mcp_dealer.arguments.memories import Filtered
from mcp_dealer.arguments.time_words import Moment
from memmux.errors import ArgumentInvalidError, ContentEmptyError, LimitOutOfRangeError, TimeNotUnderstoodError

MOMENT = Moment(now=datetime(2026, 11, 25, 12, tzinfo=UTC), zone=UTC)


def _now() -> Moment:
    return MOMENT


def test_what_is_given_twice_alike_is_given_once() -> None:
    assert one({"a": 1, "b": None, "c": 1}) == 1
    assert one({"a": None, "b": None}) is None


def test_two_that_differ_are_refused_with_both_names() -> None:
    with pytest.raises(ArgumentInvalidError, match=r"^a and c say different things; give one of them$"):
        one({"a": 1, "b": None, "c": 2})


@pytest.mark.parametrize(
    ("given", "tags"),
    [("a, b,,c ", ["a", "b", "c"]), ("a", ["a"]), ("", []), ('["a", "b,c"]', ["a", "b,c"]), (["a"], ["a"]), (5, 5)],
)
def test_tags_come_as_a_list_or_as_a_text(given: object, tags: object) -> None:
    assert split(given) == tags


@pytest.mark.parametrize("tags", [["a", "b"], "a, b", '["a", "b"]'])
def test_tags_and_type_may_stand_in_the_metadata(tags: object) -> None:
    described = Store(content="x", metadata={"tags": tags, "type": "note", "k": 1}).described()
    assert described == {"tags": ["a", "b"], "type": "note", "metadata": {"k": 1}}


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({}, {}),
        ({"namespace": "work"}, {"namespace": "work"}),
        ({"store": "work"}, {"namespace": "work"}),
        ({"namespace": "all"}, {"namespace": "all"}),
        ({"namespace": "*"}, {"namespace": None}),
        ({"store": "all"}, {"namespace": None}),
        ({"store": " ALL "}, {"namespace": None}),
        ({"store": "all", "namespace": "*"}, {"namespace": None}),
    ],
)
def test_all_stores_are_meant_by_their_word(given: dict[str, Any], part: dict[str, Any]) -> None:
    assert Named(id="1", **given).part == part
    assert List(**given).selection(_now).get("namespace", "own") == part.get("namespace", "own")


def test_all_and_one_are_two_things() -> None:
    with pytest.raises(ArgumentInvalidError, match="namespace and store"):
        _ = Named(id="1", store="all", namespace="work").part


@pytest.mark.parametrize("given", [{"store": "all"}, {"namespace": "*"}])
def test_what_is_stored_is_in_one_namespace(given: dict[str, Any]) -> None:
    with pytest.raises(ArgumentInvalidError, match="in one namespace"):
        Store(content="x", **given).described()


def test_conversation_agent_and_store_are_kept() -> None:
    described = Store(content="x", conversation_id="c1", agent_id="a1", store="work", client_hostname="h").described()
    assert described["metadata"] == {"conversation_id": "c1", "agent_id": "a1"}
    assert described["namespace"] == "work"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"tags": ["a"], "metadata": {"tags": "b"}}, "tags and metadata.tags"),
        ({"type": "a", "metadata": {"type": "b"}}, "type and metadata.type"),
        ({"type": "a", "memory_type": "b"}, "type and memory_type"),
        (
            {"conversation_id": "a", "metadata": {"conversation_id": "b"}},
            "conversation_id and metadata.conversation_id",
        ),
        ({"store": "a", "namespace": "b"}, "namespace and store"),
    ],
)
def test_a_store_that_says_two_things_is_refused(given: dict[str, Any], names: str) -> None:
    with pytest.raises(ArgumentInvalidError, match=names):
        Store(content="x", **given).described()


@pytest.mark.parametrize("metadata", [{"tags": 5}, {"tags": [5]}, {"type": 5}])
def test_tags_and_type_of_the_wrong_kind_are_named(metadata: dict[str, Any]) -> None:
    with pytest.raises(ArgumentInvalidError, match=r"metadata\.t"):
        Store(content="x", metadata=metadata).described()


def test_what_says_nothing_inside_an_object_is_left_out_too() -> None:
    assert Store(content="x", metadata={"tags": "", "type": " ", "k": ""}).described() == {
        "tags": (),
        "type": None,
        "metadata": {"k": ""},
    }
    updates = {"tags": "", "memory_type": "", "content": " ", "metadata": "", "k": ""}
    changes = Update(id="1", updates=updates).changes()
    assert changes == {"content": None, "tags": None, "type": None, "metadata": {"k": ""}}


@pytest.mark.parametrize(
    ("given", "any_tag"),
    [
        ({}, False),
        ({"tags": ["a"]}, True),
        ({"tags": ["a"], "tag_match": "all"}, False),
        ({"tags": ["a"], "any_tag": False}, False),
        ({"tags": ["a"], "any_tag": True, "tag_match": "any"}, True),
    ],
)
def test_several_tags_mean_any_of_them_unless_told_otherwise(given: dict[str, Any], any_tag: bool) -> None:
    assert Search(query="x", **given).selection(_now)["any_tag"] is any_tag


@pytest.mark.parametrize(
    ("given", "any_tag"),
    [
        ({"tags": ["a", "b"]}, False),
        ({"tags": ["a", "b"], "tag_match": "any"}, True),
        ({"tags": ["a", "b"], "any_tag": True}, True),
        ({"before": "2026-01-01"}, False),
    ],
)
def test_several_tags_of_a_delete_mean_all_of_them_unless_told_otherwise(given: dict[str, Any], any_tag: bool) -> None:
    assert Delete(**given).selection(_now)["any_tag"] is any_tag


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("kind", [Search, List, Delete])
def test_words_for_a_time_mean_its_beginning(name: str, kind: type[Filtered]) -> None:
    chosen = kind(**{name: "last week"}).selection(_now)
    assert chosen[name] == datetime(2026, 11, 16, tzinfo=UTC)
    assert chosen["after" if name == "before" else "before"] is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-23", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 7, 1, 4, tzinfo=UTC)),
        ("2026-11-23T14:30Z", datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("2026-W48", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("1764000000", datetime(2025, 11, 24, 16, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("name", ["after", "before"])
def test_a_date_is_of_the_zone_of_who_asks_as_words_are(name: str, text: str, meant: datetime) -> None:
    chosen = Search(**{name: text}).selection(lambda: Moment(now=MOMENT.now, zone=ZoneInfo("America/New_York")))
    assert chosen[name] == meant


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("text", ["2026-99-99", "0000-00-00", "", "1e999"])
def test_a_slip_of_the_pen_is_refused_with_the_words_that_are_taken_here(name: str, text: str) -> None:
    with pytest.raises(ArgumentInvalidError, match=r"is not a time; .*Words, like .* are taken, too") as raised:
        List(**{name: text}).selection(_now)
    assert "--when" not in raised.value.message


def test_words_and_an_expression_must_both_be_met() -> None:
    chosen = Search(query="x", after="yesterday", time_expr="last month").selection(_now)
    assert chosen["after"] > chosen["before"]


@pytest.mark.parametrize(
    ("words", "error"), [("purple elephants", TimeNotUnderstoodError), ("before 2020", ArgumentInvalidError)]
)
def test_words_that_are_no_beginning_are_refused(words: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"after|write it like"):
        Search(query="x", after=words).selection(_now)


def test_two_ways_of_matching_are_refused() -> None:
    with pytest.raises(ArgumentInvalidError, match="tag_match and any_tag"):
        Search(query="x", tags=["a"], tag_match="all", any_tag=True).selection(_now)


def test_a_time_expression_becomes_a_range_whose_end_is_left_out() -> None:
    selection = Search(query="x", time_expr="yesterday").selection(_now)
    assert selection["after"] == datetime(2026, 11, 24, tzinfo=UTC)
    assert selection["before"] == datetime(2026, 11, 25, tzinfo=UTC)


def test_a_time_expression_and_a_time_must_both_be_met() -> None:
    given = {"after": "2026-11-24T06:00:00+00:00", "before": "2026-12-01T00:00:00+00:00"}
    selection = Search(query="x", time_expr="yesterday", **given).selection(_now)
    assert selection["after"] == datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert selection["before"] == datetime(2026, 11, 25, tzinfo=UTC)


def test_a_time_expression_that_says_nothing_is_refused() -> None:
    with pytest.raises(TimeNotUnderstoodError):
        Search(query="x", time_expr="purple elephants").selection(_now)


def test_a_filter_alone_is_a_search_too() -> None:
    assert Search(time_expr="yesterday").wording is None
    assert Search(query=" ", tags=["a"]).wording is None
    assert Search(query="").wording == ""
    with pytest.raises(ArgumentInvalidError, match="query is missing; give it"):
        _ = Search().wording


@pytest.mark.parametrize(
    ("given", "window"),
    [
        ({}, (20, 0)),
        ({"page": 3}, (20, 40)),
        ({"page": 3, "page_size": 5}, (5, 10)),
        ({"page": 2, "limit": 7}, (7, 7)),
        ({"page": 1, "offset": 0, "page_size": 5, "limit": 5}, (5, 0)),
        ({"limit": 0}, (0, 0)),
    ],
)
def test_pages_are_counted_from_one(given: dict[str, int], window: tuple[int, int]) -> None:
    assert List(**given).window() == {"limit": window[0], "offset": window[1]}


def test_stale_memories_are_those_of_no_use_for_so_many_days() -> None:
    assert List(stale_days=30).selection(_now)["unused_since"] == MOMENT.now - timedelta(days=30)
    assert List(stale_days=1e300).selection(_now)["unused_since"] < datetime(1970, 1, 1, tzinfo=UTC)
    for nothing in (None, 0):
        assert "unused_since" not in List(stale_days=nothing).selection(_now)


@pytest.mark.parametrize("days", [-1, -0.5, float("nan"), float("-inf")])
def test_days_are_no_fewer_than_none(days: float) -> None:
    with pytest.raises(ArgumentInvalidError, match=r"^stale_days is "):
        List(stale_days=days).selection(_now)


@pytest.mark.parametrize(
    ("given", "names"),
    [({"limit": 5, "page_size": 6}, "limit and page_size"), ({"offset": 5, "page": 1}, "offset and page")],
)
def test_two_pages_are_refused(given: dict[str, int], names: str) -> None:
    with pytest.raises(ArgumentInvalidError, match=names):
        List(**given).window()


def test_there_is_no_page_zero() -> None:
    with pytest.raises(LimitOutOfRangeError, match="page is 0"):
        List(page=0).window()


def test_a_delete_is_of_one_memory_or_by_a_filter() -> None:
    assert Delete(id="1").single() == "1"
    assert Delete(content_hash="1", tag_match="any").single() == "1"
    assert Delete(tags=["a"]).single() is None
    with pytest.raises(ArgumentInvalidError, match="content_hash means one memory and before many"):
        Delete(content_hash="1", before="2026-01-01").single()
    with pytest.raises(ArgumentInvalidError, match="id and content_hash"):
        Delete(id="1", content_hash="2").single()
    for nothing in (Delete(), Delete(dry_run=True), Delete(tags=[])):
        with pytest.raises(ArgumentInvalidError, match="nothing says what to delete"):
            nothing.single()


def test_updates_hold_what_changes_and_keys_of_the_metadata() -> None:
    updates = {
        "tags": "a,b",
        "memory_type": "fact",
        "metadata": {"k": 1},
        "priority": "high",
        "content": "y",
        "type": None,
    }
    assert Update(content_hash="1", updates=updates).changes() == {
        "content": "y",
        "tags": ["a", "b"],
        "type": "fact",
        "metadata": {"k": 1, "priority": "high"},
    }


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"content": "a", "updates": {"content": "b"}}, "content and updates.content"),
        ({"tags": ["a"], "updates": {"tags": ["b"]}}, "tags and updates.tags"),
        ({"type": "a", "updates": {"memory_type": "b"}}, "type and updates.memory_type"),
        ({"metadata": {"k": 1}, "updates": {"metadata": {"k": 2}}}, "metadata and updates.metadata"),
        ({"updates": {"content": 5}}, "updates.content is wrong"),
        ({"updates": {"metadata": 5}}, "updates.metadata is wrong"),
    ],
)
def test_an_update_that_says_two_things_is_refused(given: dict[str, Any], names: str) -> None:
    with pytest.raises(ArgumentInvalidError, match=names):
        Update(id="1", **given).changes()


def test_what_would_have_mattered_is_noted_and_nothing_else() -> None:
    quiet = Search(query="x", quality_boost=0, fallback=True, include_debug=True)
    assert quiet.notes() == []
    loud = Search(query="x", quality_boost=0.3, ranking_weights={"quality": 1}, entity="Ada")
    assert [note.partition(" ")[0] for note in loud.notes()] == ["quality_boost", "ranking_weights", "entity"]
    assert Update(id="1", preserve_timestamps=True).notes() == []
    assert Update(id="1", preserve_timestamps=False).notes()
    assert Ingest(memory_type="document").notes() == []
    assert Ingest(memory_type="manual").notes()


def test_a_conversation_is_a_line_a_turn() -> None:
    turns = [Turn(role="user", content="Hello."), Turn(role="assistant", content=" "), Turn(content="Bye.")]
    assert SessionArguments(turns=turns).transcript() == "[user] Hello.\n[unknown] Bye."
    with pytest.raises(ContentEmptyError):
        SessionArguments(turns=[Turn(role="user", content=" ")]).transcript()


def test_a_graph_has_a_middle_or_two_ends() -> None:
    assert Graph(hash="1").middle() == "1"
    assert Graph(action="path", hash1="1", hash2="2").ends() == ("1", "2")
    assert (Graph(max_hops=3).reach(2), Graph(radius=4, hops=4).reach(2), Graph().reach(2)) == (3, 4, 2)
    with pytest.raises(ArgumentInvalidError, match="hash1 and hash2"):
        Graph(action="path", hash1="1").ends()
    with pytest.raises(ArgumentInvalidError, match="hash is missing"):
        Graph().middle()
    with pytest.raises(ArgumentInvalidError, match="max_hops and radius"):
        Graph(max_hops=3, radius=4).reach(2)


def test_a_file_and_a_folder_are_one_path() -> None:
    assert Ingest(file_path="/a").source == "/a"
    with pytest.raises(ArgumentInvalidError, match="file_path and directory_path"):
        _ = Ingest(file_path="/a", directory_path="/b").source
    with pytest.raises(ArgumentInvalidError, match="path is missing"):
        _ = Ingest().source
