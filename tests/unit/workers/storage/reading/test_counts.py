"""The names that memories are under, counted."""

from __future__ import annotations

from typing import Any

import pytest

from memmux.errors import LimitOutOfRangeError
from tests.unit.workers.desk import Desk


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Memories in three namespaces, one of them deleted."""
    desk.store("a", tags=["Port", "sea"])
    desk.store("b", tags=["port"])
    desk.store("c", tags=["PORT", "Fähre"])
    desk.store("d", namespace="work", tags=["port", "desk"])
    desk.store("e", namespace="home")
    desk.store("f", namespace="home", tags=["gone"])
    desk.ask("memory.delete", {"id": desk.store("g", namespace="attic", tags=["gone"])["id"], "namespace": "attic"})
    return desk


def _pairs(found: dict[str, Any], name: str) -> list[tuple[str, int]]:
    return [(one["name"], one["memories"]) for one in found[name]]


def test_namespaces_are_counted_the_largest_first_without_deleted_memories(filled: Desk) -> None:
    found = filled.ask("memory.namespaces", {})
    assert _pairs(found, "namespaces") == [("default", 3), ("home", 2), ("work", 1)]
    assert found["total"] == 3


def test_a_limit_leaves_the_smallest_out_and_the_total_as_it_is(filled: Desk) -> None:
    found = filled.ask("memory.namespaces", {"limit": 1})
    assert (_pairs(found, "namespaces"), found["total"]) == ([("default", 3)], 3)
    found = filled.ask("memory.tags", {"limit": 1, "namespace": None})
    assert (_pairs(found, "tags"), found["total"]) == ([("port", 4)], 5)
    for operation in ("memory.namespaces", "memory.tags"):
        for limit in (0, 1001):
            with pytest.raises(LimitOutOfRangeError):
                filled.ask(operation, {"limit": limit})


def test_only_the_namespaces_that_are_asked_for_are_counted(filled: Desk) -> None:
    found = filled.ask("memory.namespaces", {"namespaces": ["home", "attic"]})
    assert (_pairs(found, "namespaces"), found["total"]) == ([("home", 2)], 1)


def test_spellings_of_a_tag_are_one_tag_spelled_as_the_newest_memory_has_it(filled: Desk) -> None:
    assert _pairs(filled.ask("memory.tags", {}), "tags") == [("PORT", 3), ("Fähre", 1), ("sea", 1)]


def test_tags_are_those_of_a_namespace_of_several_or_of_all(filled: Desk) -> None:
    assert _pairs(filled.ask("memory.tags", {"namespace": "work"}), "tags") == [("desk", 1), ("port", 1)]
    several = filled.ask("memory.tags", {"namespace": ["work", "home", "attic"]})
    assert _pairs(several, "tags") == [("desk", 1), ("gone", 1), ("port", 1)]
    everywhere = filled.ask("memory.tags", {"namespace": None})
    assert _pairs(everywhere, "tags") == [("port", 4), ("desk", 1), ("Fähre", 1), ("gone", 1), ("sea", 1)]
    nowhere = filled.ask("memory.tags", {"namespace": "nowhere"})
    assert (nowhere["tags"], nowhere["total"]) == ([], 0)


def test_superseded_memories_count_as_they_do_in_a_list(filled: Desk) -> None:
    kept = filled.ask("memory.list", {"filter": {"namespace": "work"}})["memories"][0]
    newer = {"id": kept["id"], "content": "d, again", "versioned": True, "namespace": "work"}
    filled.ask("memory.rewrite", newer)
    assert _pairs(filled.ask("memory.tags", {"namespace": "work"}), "tags") == [("desk", 2), ("port", 2)]
    assert ("work", 2) in _pairs(filled.ask("memory.namespaces", {}), "namespaces")
