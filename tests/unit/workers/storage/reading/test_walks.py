"""Walks along the links between memories."""

from __future__ import annotations

from typing import Any

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError, NotFoundError
from tests.unit.workers.desk import Desk
from tests.unit.workers.storage.dumps import adopt, line

# a → b → c → d, a → e (twice), and f → a; g is alone.
LINKS = {"a": ["b", "e"], "b": ["c"], "c": ["d"], "d": [], "e": [], "f": ["a"], "g": []}


def link(target: str, relation: str = "related") -> dict[str, Any]:
    known = {"similarity": 0.5, "types": ["kind"], "metadata": {"k": 1}, "created_at": 2.5}
    return {"target": target, "relation": relation, **known}


@pytest.fixture
def linked(desk: Desk) -> Desk:
    lines = [
        line(id=name, content=f"content of {name}", aliases=[f"{name}-hash"], links=list(map(link, targets)))
        for name, targets in LINKS.items()
    ]
    lines[0]["links"].append(link("e-hash", "cites"))  # by its alias
    adopt(desk, *lines)
    return desk


def graph(desk: Desk, memory_id: str, **fields: Any) -> Any:
    return desk.ask("memory.graph", {"id": memory_id, **fields})


def nodes(found: Any) -> dict[str, int]:
    return {node["id"]: node["distance"] for node in found["nodes"]}


def links(found: Any) -> set[str]:
    return {link["source"] + link["target"] for link in found["links"]}


def test_a_walk_goes_along_links_in_both_directions_nearest_first(linked: Desk) -> None:
    assert nodes(graph(linked, "a", hops=1)) == {"a": 0, "b": 1, "e": 1, "f": 1}
    found = graph(linked, "c", hops=2)
    assert nodes(found) == {"c": 0, "b": 1, "d": 1, "a": 2}
    distances = [node["distance"] for node in found["nodes"]]
    assert distances == sorted(distances)
    assert found["nodes"][0]["memory"]["content"] == "content of c"
    assert nodes(graph(linked, "g")) == {"g": 0}


def test_a_link_says_all_that_is_known_of_it(linked: Desk) -> None:
    found = graph(linked, "c", hops=1)
    (wanted,) = [link for link in found["links"] if link["target"] == "d"]
    assert wanted == {
        "source": "c",
        "target": "d",
        "relation": "related",
        "similarity": 0.5,
        "types": ["kind"],
        "metadata": {"k": 1},
        "created_at": "1970-01-01T00:00:02.500000+00:00",
    }


def test_names_of_every_kind_lead_to_the_memory(linked: Desk) -> None:
    found = graph(linked, "a-hash", hops=1)
    assert nodes(found)["a"] == 0
    assert sorted(link["relation"] for link in found["links"] if link["target"] == "e") == ["cites", "related"]
    assert nodes(graph(linked, "e-hash", hops=1)) == {"e": 0, "a": 1}


def test_connected_has_the_links_by_which_memories_are_reached_and_subgraph_all_among_them(desk: Desk) -> None:
    adopt(
        desk,
        line(id="a", content="a", links=[link("b"), link("c")]),
        line(id="b", content="b", links=[link("c"), link("b"), link("far")]),
        line(id="c", content="c"),
        line(id="far", content="far"),
    )
    assert links(graph(desk, "a", hops=1)) == {"ab", "ac"}
    assert links(graph(desk, "a", hops=1, action="subgraph")) == {"ab", "ac", "bc", "bb"}


def test_a_path_is_a_shortest_one_in_its_order(linked: Desk) -> None:
    found = graph(linked, "f", action="path", other="d-hash", hops=5)
    assert [(node["id"], node["distance"]) for node in found["nodes"]] == [
        ("f", 0),
        ("a", 1),
        ("b", 2),
        ("c", 3),
        ("d", 4),
    ]
    assert [link["source"] + link["target"] for link in found["links"]] == ["fa", "ab", "bc", "cd"]
    assert [node["id"] for node in graph(linked, "d", action="path", other="b", hops=5)["nodes"]] == ["d", "c", "b"]


def test_where_there_is_no_path_there_is_nothing(linked: Desk) -> None:
    for memory_id, other, hops in (("a", "g", 16), ("f", "d", 3)):
        assert graph(linked, memory_id, action="path", other=other, hops=hops) == {"nodes": [], "links": []}


def test_a_memory_is_its_own_path(linked: Desk) -> None:
    assert nodes(graph(linked, "a", action="path", other="a", hops=1)) == {"a": 0}


def test_what_a_link_names_need_not_be_there(linked: Desk) -> None:
    adopt(
        linked, line(id="h", content="h", links=[link("nowhere")]), line(id="i", content="i", links=[link("nowhere")])
    )
    found = graph(linked, "h")
    assert nodes(found) == {"h": 0, "nowhere": 1}  # and nobody goes through it
    assert found["nodes"][1]["memory"] is None


def test_a_deleted_memory_is_no_way(linked: Desk) -> None:
    linked.ask("memory.delete", {"id": "b"})
    found = graph(linked, "a", hops=5)
    assert nodes(found) == {"a": 0, "e": 1, "f": 1, "b": 1}
    assert [node["memory"] for node in found["nodes"] if node["id"] == "b"] == [None]
    assert nodes(graph(linked, "c", hops=1)) == {"c": 0, "d": 1}


def test_links_keep_to_a_namespace(linked: Desk) -> None:
    adopt(linked, line(id="z", content="z", namespace="other", links=[link("a")]))
    assert "z" not in nodes(graph(linked, "a"))
    assert graph(linked, "z", namespace="other")["nodes"][1]["memory"] is None


def test_a_walk_is_bounded(linked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRAPH_NODES", 3)
    found = graph(linked, "a", hops=16, action="subgraph")
    assert len(found["nodes"]) == 3
    assert {name for link in found["links"] for name in (link["source"], link["target"])} <= nodes(found).keys()


def test_a_path_goes_past_a_memory_with_more_links_than_a_walk_has_memories(linked: Desk) -> None:
    many = [link(f"x{number:03}") for number in range(limits.GRAPH_NODES + 1)]
    adopt(linked, line(id="hub", content="hub", links=[*many, link("z")]), line(id="z", content="z", links=[link("a")]))
    found = graph(linked, "hub", action="path", other="b", hops=3)
    assert nodes(found) == {"hub": 0, "z": 1, "a": 2, "b": 3}
    assert links(found) == {"hubz", "za", "ab"}
    assert graph(linked, "hub", action="path", other="b", hops=2)["nodes"] == []


def test_a_path_that_may_be_beyond_what_is_looked_at_is_an_error(linked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATH_NODES", 3)
    assert len(graph(linked, "a", action="path", other="b")["nodes"]) == 2
    with pytest.raises(LimitOutOfRangeError, match="ask for the way from 'd' to 'a'"):
        graph(linked, "a", action="path", other="d", hops=5)
    assert graph(linked, "g", action="path", other="a")["nodes"] == []


def test_a_walk_begins_and_ends_at_a_memory_that_is_there(linked: Desk) -> None:
    with pytest.raises(NotFoundError, match="nothing"):
        graph(linked, "nothing")
    with pytest.raises(NotFoundError, match="nothing"):
        graph(linked, "a", action="path", other="nothing")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"action": "dance"}, ArgumentInvalidError),
        ({"action": "path"}, ArgumentInvalidError),
        ({"other": "b"}, ArgumentInvalidError),
        ({"hops": 0}, LimitOutOfRangeError),
        ({"hops": limits.GRAPH_HOPS + 1}, LimitOutOfRangeError),
    ],
)
def test_a_walk_that_makes_no_sense_is_refused(linked: Desk, fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        graph(linked, "a", **fields)


def test_a_memory_that_became_one_with_another_is_reached_by_either_name(desk: Desk) -> None:
    stored = desk.store("one")
    adopt(desk, line(id="theirs", content="one"), line(id="b", content="b", links=[link("theirs")]))
    assert nodes(graph(desk, "b")) == {"b": 0, stored["id"]: 1}
    assert nodes(graph(desk, stored["id"])) == {stored["id"]: 0, "b": 1}
