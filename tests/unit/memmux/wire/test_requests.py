from __future__ import annotations

import difflib
import math
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from memmux import errors, limits
from memmux.client import methods
from memmux.errors import MemmuxError
from memmux.wire.operations import OPERATIONS
from memmux.wire.requests import (
    BODIES,
    Delete,
    Filter,
    Forget,
    Get,
    Graph,
    List,
    Load,
    Mode,
    Namespaces,
    Search,
    Store,
    StoreBatch,
    Tags,
    Update,
    Use,
    Walk,
)

LONG = "x" * 129
UUID = "0198c5a2-6f1e-7c3a-9d42-5b8e1f2a3c4d"
NESTED: dict[str, object] = {"a": [{"b": math.inf}]}


def nested(levels: int) -> dict[str, object]:
    """Return so many objects in each other."""
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


WRONG: list[tuple[type[Any], dict[str, object], type[MemmuxError]]] = [
    (Store, {"content": ""}, errors.ContentEmptyError),
    (Store, {"content": " \n"}, errors.ContentEmptyError),
    (Store, {"content": 5}, errors.ArgumentInvalidError),
    (Store, {"content": None}, errors.ArgumentInvalidError),
    (Store, {"content": "\ud800"}, errors.ArgumentInvalidError),
    (Store, {"content": "ä" * (limits.CONTENT_BYTES // 2 + 1)}, errors.ContentTooLongError),
    (Store, {"content": "x", "tags": "tag"}, errors.TagInvalidError),
    (Store, {"content": "x", "tags": [""]}, errors.TagInvalidError),
    (Store, {"content": "x", "tags": [5]}, errors.TagInvalidError),
    (Store, {"content": "x", "tags": [LONG]}, errors.TagInvalidError),
    (Store, {"content": "x", "tags": ["t"] * (limits.TAGS + 1)}, errors.TagInvalidError),
    (Store, {"content": "x", "metadata": []}, errors.MetadataInvalidError),
    (Store, {"content": "x", "metadata": {"a": math.nan}}, errors.MetadataInvalidError),
    (Store, {"content": "x", "metadata": NESTED}, errors.MetadataInvalidError),
    (Store, {"content": "x", "metadata": {"a": object()}}, errors.MetadataInvalidError),
    (Store, {"content": "x", "metadata": {5: "a"}}, errors.MetadataInvalidError),
    (Store, {"content": "x", "metadata": {"a": 1 << 70}}, errors.MetadataInvalidError),
    (Store, {"content": "x", "metadata": {"a": "\ud800"}}, errors.MetadataInvalidError),
    (Store, {"content": "x", "metadata": {"a": "x" * limits.METADATA_BYTES}}, errors.MetadataInvalidError),
    (Store, {"content": "x", "type": ""}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "type": 5}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "namespace": LONG}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "colour": "red"}, errors.UnknownFieldError),
    (Store, {}, errors.ArgumentInvalidError),
    (StoreBatch, {"memories": []}, errors.LimitOutOfRangeError),
    (StoreBatch, {"memories": [{"content": "x"}] * (limits.BATCH_MEMORIES + 1)}, errors.LimitOutOfRangeError),
    (StoreBatch, {"memories": "x"}, errors.ArgumentInvalidError),
    (StoreBatch, {"memories": [{"content": "x"}, {"content": ""}]}, errors.ContentEmptyError),
    (StoreBatch, {"memories": ["x"]}, errors.ArgumentInvalidError),
    (Search, {"query": " "}, errors.ContentEmptyError),
    (Search, {"query": 5}, errors.ArgumentInvalidError),
    (Search, {"query": "x" * (limits.QUERY_BYTES + 1)}, errors.ContentTooLongError),
    (Search, {"query": "x", "mode": "psychic"}, errors.UnknownModeError),
    (Search, {"query": "x", "mode": None}, errors.UnknownModeError),
    (Search, {"query": "x", "limit": 0}, errors.LimitOutOfRangeError),
    (Search, {"query": "x", "limit": limits.SEARCH_LIMIT + 1}, errors.LimitOutOfRangeError),
    (Search, {"query": "x", "limit": 1.5}, errors.LimitOutOfRangeError),
    (Search, {"query": "x", "limit": True}, errors.LimitOutOfRangeError),
    (Search, {"query": "x", "filter": "tag"}, errors.ArgumentInvalidError),
    (Search, {"query": "x", "filter": {"colour": "red"}}, errors.UnknownFieldError),
    (Filter, {"after": "soon"}, errors.ArgumentInvalidError),
    (Filter, {"before": [5]}, errors.ArgumentInvalidError),
    (Filter, {"any_tag": "yes"}, errors.ArgumentInvalidError),
    (Filter, {"metadata": None}, errors.MetadataInvalidError),
    (List, {"limit": 0}, errors.LimitOutOfRangeError),
    (List, {"limit": limits.LIST_LIMIT + 1}, errors.LimitOutOfRangeError),
    (List, {"offset": -1}, errors.LimitOutOfRangeError),
    (List, {"offset": "0"}, errors.LimitOutOfRangeError),
    (Get, {"id": ""}, errors.ArgumentInvalidError),
    (Get, {"id": LONG}, errors.ArgumentInvalidError),
    (Get, {"id": None}, errors.ArgumentInvalidError),
    (Update, {"id": "i"}, errors.ArgumentInvalidError),
    (Update, {"id": "i", "content": ""}, errors.ContentEmptyError),
    (Update, {"id": "i", "tags": [""]}, errors.TagInvalidError),
    (Update, {"id": "i", "metadata": {"a": math.nan}}, errors.MetadataInvalidError),
    (Store, {"content": "x", "metadata": nested(limits.DEPTH + 1)}, errors.MetadataInvalidError),
    (Filter, {"metadata": {"a": [nested(limits.DEPTH - 1)]}}, errors.MetadataInvalidError),
    (Store, {"content": "x", "place": nested(950)}, errors.LimitOutOfRangeError),
    (Update, {"id": "i", "tags": ["x"], "versioned": True}, errors.ArgumentInvalidError),
    (Update, {"id": "i", "content": "x", "versioned": "yes"}, errors.ArgumentInvalidError),
    (Search, {"query": "x", "offset": -1}, errors.LimitOutOfRangeError),
    (Search, {"query": "x", "min_score": "high"}, errors.ArgumentInvalidError),
    (Search, {"query": "x", "min_score": math.nan}, errors.ArgumentInvalidError),
    (Filter, {"namespace": ""}, errors.ArgumentInvalidError),
    (Filter, {"include_superseded": 1}, errors.ArgumentInvalidError),
    (Forget, {"filter": {}}, errors.ArgumentInvalidError),
    (Forget, {"filter": {"namespace": "n"}}, errors.ArgumentInvalidError),
    (Forget, {"filter": {"type": "t"}, "dry_run": None}, errors.ArgumentInvalidError),
    (Forget, {}, errors.ArgumentInvalidError),
    (Forget, {"filter": {"type": "t"}, "ids": "one"}, errors.ArgumentInvalidError),
    (Forget, {"filter": {"type": "t"}, "ids": [1]}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "id": "mine"}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "id": 5}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "id": UUID.upper()}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "id": f"{{{UUID}}}"}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "created_at": "yesterday"}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "created_at": True}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "created_at": float("nan")}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "created_at": 1e300}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "created_at": "9999-12-31T23:59:59.999999+00:00"}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "aliases": "a"}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "aliases": [" "]}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "aliases": ["a"] * 65}, errors.ArgumentInvalidError),
    (Use, {"ids": "x"}, errors.ArgumentInvalidError),
    (Use, {"ids": [5]}, errors.ArgumentInvalidError),
    (Use, {"ids": []}, errors.LimitOutOfRangeError),
    (Namespaces, {"limit": 0}, errors.LimitOutOfRangeError),
    (Namespaces, {"namespaces": "x"}, errors.ArgumentInvalidError),
    (Tags, {"limit": limits.NAMES + 1}, errors.LimitOutOfRangeError),
    (Tags, {"namespace": ""}, errors.ArgumentInvalidError),
    (Tags, {"namespace": []}, errors.LimitOutOfRangeError),
    (Load, {"memories": {}}, errors.ArgumentInvalidError),
    (Load, {"memories": []}, errors.LimitOutOfRangeError),
    (Load, {"memories": [{}], "adopt": 1}, errors.ArgumentInvalidError),
    (Graph, {"id": ""}, errors.ArgumentInvalidError),
    (Graph, {"id": "i", "hops": 0}, errors.LimitOutOfRangeError),
    (Graph, {"id": "i", "action": "dance"}, errors.ArgumentInvalidError),
    (Graph, {"id": "i", "action": "path"}, errors.ArgumentInvalidError),
    (Graph, {"id": "i", "other": "j"}, errors.ArgumentInvalidError),
    *(
        (body, {**needed, name: value}, error)
        for body, needed, name, error in (
            (Search, {"query": "x"}, "min_score", errors.ArgumentInvalidError),
            (Search, {"query": "x"}, "min_similarity", errors.ArgumentInvalidError),
            (Search, {"query": "x"}, "limit", errors.LimitOutOfRangeError),
            (Search, {"query": "x"}, "mode", errors.UnknownModeError),
            (List, {}, "offset", errors.LimitOutOfRangeError),
            (Graph, {"id": "i"}, "hops", errors.LimitOutOfRangeError),
            (Graph, {"id": "i"}, "action", errors.ArgumentInvalidError),
            (Filter, {}, "after", errors.ArgumentInvalidError),
            (Store, {"content": "x"}, "created_at", errors.ArgumentInvalidError),
        )
        for value in (10**400, 10**5000, -(10**5000), True, math.nan, math.inf)
    ),
    (Search, {"query": "x", "min_score": 1 << 70}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "namespace": "*"}, errors.ArgumentInvalidError),
    (Store, {"content": "x", "namespace": " * "}, errors.ArgumentInvalidError),
]


@pytest.mark.parametrize(("body", "arguments", "error"), WRONG)
def test_wrong_arguments_are_refused_by_name(
    body: type[Any], arguments: dict[str, object], error: type[MemmuxError]
) -> None:
    with pytest.raises(error) as raised:
        body.from_json(arguments)
    assert type(raised.value) is error
    assert isinstance(raised.value, errors.RequestError)


@pytest.mark.parametrize("kind", dict.fromkeys((*BODIES.values(), Filter)))
@pytest.mark.parametrize("text", ["x" * 20_000, "\x00" * 20_000])
def test_error_about_what_is_long_shows_its_beginning(kind: type[Any], text: str) -> None:
    names, told = [known.name for known in fields(kind)], []
    good = {"id": UUID, "content": "x", "query": "x", "filter": {"type": "t"}}
    for name in (text, *names):
        try:
            kind.from_json({**{field: value for field, value in good.items() if field in names}, name: text})
        except MemmuxError as error:
            told.append(error.message)
    assert [message[:80] for message in told if len(message) > 1000] == []


def test_metadata_that_are_no_json_are_refused_with_what_can_be_given_instead() -> None:
    with pytest.raises(errors.MetadataInvalidError, match="numbers of at most 64 bits"):
        Store.from_json({"content": "x", "metadata": {"a": 10**30}})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b'"x"', b"null", b'{"content": NaN}'])
def test_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(errors.ArgumentInvalidError):
        Store.from_body(body)


@pytest.mark.parametrize(
    "request_",
    [
        Store(content="x", tags=("a", "B"), type="note", metadata={"a": [1, 2.5, None, {"b": True}]}, namespace="n"),
        StoreBatch(memories=(Store(content="x"), Store(content="y"))),
        Store(content="x", id=UUID, created_at=datetime(1999, 12, 31, 23, tzinfo=UTC), aliases=("a", "b")),
        StoreBatch(memories=(Store(content="x", id=UUID), Store(content="y", aliases=("a",)))),
        Search(query="x", mode=Mode.EXACT, limit=3, filter=Filter(tags=("a",), any_tag=True)),
        List(limit=1, offset=2, filter=Filter(after=datetime(2026, 1, 1, tzinfo=UTC), metadata={"a": 1})),
        Get(id="i"),
        Update(id="i", tags=(), metadata={"gone": None}),
        Update(id="i", content="x", versioned=True),
        Update(id="i", tags=("a",), if_match="0123"),
        Delete(id="i", if_match="0123"),
        Search(query="x", offset=3, min_score=0.5, filter=Filter(namespace=None, include_superseded=True)),
        Forget(filter=Filter(tags=("a",)), dry_run=True),
        Forget(filter=Filter(tags=("a",)), ids=("one", "two")),
        Use(ids=("i", "j")),
        Namespaces(limit=3, namespaces=("a", "b")),
        Tags(limit=3, namespace=("a", "b")),
        Tags(namespace=None),
        Load(memories=({"id": "i"},)),
        Load(memories=({"id": "i"},), adopt=True),
        Graph(id="i", action=Walk.PATH, other="j", hops=5),
    ],
)
def test_request_comes_back_from_its_body_as_it_was(request_: Any) -> None:
    assert type(request_).from_body(request_.to_body()) == request_


def test_a_store_says_nothing_of_what_is_not_given() -> None:
    known = {"content", "tags", "type", "metadata", "namespace"}
    assert orjson.loads(Store(content="x").to_body()).keys() == known
    assert orjson.loads(StoreBatch(memories=(Store(content="x"),)).to_body())["memories"][0].keys() == known


@pytest.mark.parametrize("moment", [1_800_000_000, 1_800_000_000.0, "1800000000", "2027-01-15T09:00:00+01:00"])
def test_a_moment_is_taken_in_every_form(moment: Any) -> None:
    assert Store(content="x", created_at=moment).created_at == datetime(2027, 1, 15, 8, tzinfo=UTC)


def test_largest_content_is_accepted() -> None:
    assert Store(content="x" * limits.CONTENT_BYTES).content


def test_error_of_a_limit_names_its_number() -> None:
    with pytest.raises(errors.LimitOutOfRangeError, match=str(limits.SEARCH_LIMIT)):
        Search(query="x", limit=0)
    with pytest.raises(errors.ContentTooLongError, match=str(limits.CONTENT_BYTES)):
        Store(content="x" * (limits.CONTENT_BYTES + 1))


def test_naive_times_get_the_time_zone_of_this_machine() -> None:
    filter_ = Filter(after=datetime(2026, 1, 1))  # noqa: DTZ001 - what a user may well give
    assert filter_.after is not None
    assert filter_.after.tzinfo is not None


def test_every_operation_with_a_body_is_in_the_table_of_operations() -> None:
    assert set(BODIES) <= set(OPERATIONS)


@pytest.mark.parametrize(
    ("mode", "operation"),
    [
        ("semantic", "memory.search"),
        ("hybrid", "memory.search"),
        ("ranked", "memory.search"),
        ("keyword", "memory.match"),
        ("exact", "memory.match"),
    ],
)
def test_search_goes_where_its_mode_is_served(mode: str, operation: str) -> None:
    call = methods.search("x", mode=mode, after="2026-01-01T00:00:00Z", tags=["a"], metadata={"b": 1}, limit=7)
    assert call.operation == operation
    sent = orjson.loads(call.body)
    assert (sent["query"], sent["mode"], sent["limit"]) == ("x", mode, 7)
    assert (sent["filter"]["tags"], sent["filter"]["metadata"]) == (["a"], {"b": 1})
    assert sent["filter"]["after"].startswith("2026-01-01T00:00:00")


def test_a_search_leaves_superseded_memories_out_and_a_list_has_them_unless_told() -> None:
    for request, default in ((Search(query="x"), False), (List(), True)):
        assert request.filter.include_superseded is default
    told = Filter(include_superseded=True)
    assert Search(query="x", filter=told).filter == told
    assert List(filter=Filter(include_superseded=False)).filter.include_superseded is False


def test_mode_that_is_meant_is_named_and_is_not_looked_for_in_what_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.UnknownModeError, match="did you mean 'keyword'"):
        Search(query="x", mode="Keywords")  # type: ignore[arg-type]
    looked_at: list[str] = []
    monkeypatch.setattr(difflib, "get_close_matches", lambda word, *_: looked_at.append(word) or [])
    for mode in ("key word", "x" * 100_000):
        with pytest.raises(errors.UnknownModeError):
            Search(query="x", mode=mode)  # type: ignore[arg-type]
    assert looked_at == ["key word"]


def test_a_store_goes_by_the_readers_only_if_it_asks_for_what_is_similar() -> None:
    assert methods.store("x").operation == "memory.store"
    assert methods.store("x", similar=True).operation == "memory.store_similar"
    assert methods.store("x").body == methods.store("x", similar=True).body


def test_metadata_that_holds_itself_is_refused() -> None:
    circle: dict[str, object] = {}
    circle["self"] = circle
    with pytest.raises(errors.MetadataInvalidError):
        methods.store("x", metadata=circle)


def test_message_larger_than_the_cluster_accepts_is_refused() -> None:
    memories = [Store(content="x" * limits.CONTENT_BYTES) for _ in range(65)]
    with pytest.raises(errors.MessageTooLargeError, match=str(limits.MESSAGE_BYTES)):
        methods.store_batch(memories)


@pytest.mark.parametrize("name", ["tags", "aliases"])
def test_text_in_the_place_of_a_list_is_refused_with_the_list_that_is_meant(name: str) -> None:
    with pytest.raises(errors.RequestError, match=r"write \['a'\]"):
        Store(content="x", **{name: "a"})  # type: ignore[arg-type]


def test_words_for_a_time_are_refused_with_where_they_are_understood() -> None:
    with pytest.raises(errors.ArgumentInvalidError, match=r"'yesterday' is not a time; .*--when.*memmux\.when\.parse"):
        Filter(after="yesterday")  # type: ignore[arg-type]
