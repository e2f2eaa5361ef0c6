"""A filtered search returns what brute force over the filtered memories returns, in every mode."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.examples import examples
from tests.unit.workers.desk import Desk, frames
from workers.storage.records.filters import normal

# Words that stemming leaves apart and whole.
WORDS = ("cat", "dog", "bird", "fish", "frog", "wolf")
DIRECTIONS = tuple((math.cos(angle), math.sin(angle)) for angle in (0.1, 0.5, 1.1, 1.7, 2.9))
NAMESPACES = ("default", "default", "work")
values: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        1.0,
        1.5,
        -0.0,
        2**63,
        "",
        "1",
        "a\x00b",
        'q"\\é',
        [],
        [1, {"z": 1, "a": [2.0]}],
        {"k": 1},
    ]
)
metadata = st.dictionaries(st.sampled_from(["a", 'b"c']), values, max_size=2)
tags = st.lists(st.sampled_from(["Red", "red", "blue ", "Blue", "straße", "STRASSE", "café", "cafe\u0301"]), max_size=3)


@dataclass(frozen=True)
class Known:
    """A memory as brute force sees it; at: when it was created."""

    content: str
    namespace: str
    tags: list[str]
    type: str | None
    metadata: dict[str, Any]
    windows: list[tuple[float, float]]
    deleted: bool
    superseded: bool
    at: float = 0
    row: int = 0


known = st.builds(
    Known,
    content=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
    namespace=st.sampled_from(NAMESPACES),
    tags=tags,
    type=st.sampled_from([None, "note", "fact"]),
    metadata=metadata,
    windows=st.lists(st.sampled_from(DIRECTIONS), max_size=3),
    deleted=st.sampled_from([False, False, False, True]),
    superseded=st.sampled_from([False, False, False, True]),
)


@dataclass(frozen=True)
class Recipe:
    """A filter made from memories that are there, so that it often lets some through and some not.

    of, other: the memories that it is made from. fields: what it asks for.
    """

    of: int
    other: int
    fields: set[str]
    any_tag: bool
    loud: bool
    value: Any
    everywhere: bool
    superseded: bool | None

    def filter(self, memories: list[Known]) -> dict[str, Any]:
        of, other = (memories[number % len(memories)] for number in (self.of, self.other))
        given = [*of.tags[:1], *other.tags[:1]]
        asked = {
            "tags": [tag.upper() for tag in given] if self.loud else given,
            "any_tag": self.any_tag,
            "type": of.type,
            "metadata": dict.fromkeys(other.metadata, self.value) if self.loud else of.metadata,
            "after": min(of.at, other.at),
            "before": max(of.at, other.at),
        }
        place = {"namespace": None if self.everywhere else of.namespace}
        versions = {} if self.superseded is None else {"include_superseded": self.superseded}
        return {**place, **versions, **{name: asked[name] for name in sorted(self.fields)}}


recipes = st.builds(
    Recipe,
    of=st.integers(0, 11),
    other=st.integers(0, 11),
    fields=st.sets(st.sampled_from(["tags", "any_tag", "type", "metadata", "after", "before"]), max_size=3),
    any_tag=st.booleans(),
    loud=st.booleans(),
    value=values,
    everywhere=st.sampled_from([False, False, True]),
    superseded=st.sampled_from([None, True, False]),
)


def as_json(value: Any) -> Any:
    """Make what JSON tells apart and Python does not (true and 1) different, and what SQLite takes for one, one."""
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, int | float):
        return ("number", float(value))
    return (type(value).__name__, value)


def lets_through(asked: dict[str, Any], memory: Known, *, superseded: bool) -> bool:
    """Say whether a memory is meant; superseded: whether the operation has superseded ones where nobody says."""
    hidden = memory.superseded and not asked.get("include_superseded", superseded)
    if memory.deleted or hidden or asked["namespace"] not in (None, memory.namespace):
        return False
    wanted, has = set(map(normal, asked.get("tags", []))), set(map(normal, memory.tags))
    if wanted and not (wanted & has if asked.get("any_tag") else wanted <= has):
        return False
    if "after" in asked and memory.at < asked["after"]:
        return False
    if "before" in asked and memory.at >= asked["before"]:
        return False
    if asked.get("type") not in (None, memory.type):
        return False
    return all(
        key in memory.metadata and as_json(memory.metadata[key]) == as_json(value)
        for key, value in asked.get("metadata", {}).items()
    )


def bm25(query: list[str], memories: Iterable[Known], among: list[Known]) -> dict[int, float]:
    """Return the scores of `memories` with the statistics of `among`: Robertson's BM25 with Lucene's idf."""
    documents = [memory.content.split() for memory in among]
    average = sum(map(len, documents)) / max(len(documents), 1)
    scores = {}
    for memory in memories:
        words = memory.content.split()
        score = 0.0
        for term in dict.fromkeys(query):
            holding = sum(term in document for document in documents)
            weight = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
            times = Counter(words)[term]
            score += weight * times / (times + 0.9 * (0.6 + 0.4 * len(words) / average))
        if score:
            scores[memory.row] = score
    return scores


def part_of_best(scores: dict[int, float]) -> dict[int, float]:
    return {row: score / max(scores.values()) for row, score in scores.items()}


def brute_force(
    mode: str,
    words: list[str],
    direction: tuple[float, float],
    held: list[Known],
    among: list[Known],
    *,
    vectors: bool,
    centred: bool,
) -> tuple[str, dict[int, float]]:
    plain = bm25(words, held, among)
    keyword = part_of_best(plain)
    cosines = {
        memory.row: max(sum(x * y for x, y in zip(window, direction, strict=True)) for window in memory.windows)
        for memory in held
        if memory.windows
    }
    if mode == "exact":
        return mode, {memory.row: 1.0 for memory in held if " ".join(words) in memory.content}
    if mode == "keyword" or not vectors:
        return "keyword", keyword
    if mode == "semantic":
        return mode, cosines
    documents = [memory.content.split() for memory in among]
    holding = [sum(term in document for document in documents) for term in dict.fromkeys(words)]
    most = sum(math.log(1 + (len(among) - count + 0.5) / (count + 0.5)) for count in holding)
    whole = max([*plain.values(), 0.5 * most * 10 / (10 + len(among))])
    apart = direction
    windows = [window for memory in among for window in memory.windows]
    if windows and centred:
        off = [sum(axis) / (len(windows) + 10) for axis in zip(*windows, strict=True)]
        x, y = (one - other for one, other in zip(direction, off, strict=True))
        apart = (x / math.hypot(x, y), y / math.hypot(x, y))
    cosines = {
        memory.row: max(sum(x * y for x, y in zip(window, apart, strict=True)) for window in memory.windows)
        for memory in held
        if memory.windows
    }
    least, nearest = min(cosines.values(), default=0), max(cosines.values(), default=0)
    same = nearest - least < 1e-7
    meaning = {row: 1.0 if same else (cosine - least) / (nearest - least) for row, cosine in cosines.items()}
    rows = plain.keys() | cosines.keys()
    return mode, {row: 0.5 * plain.get(row, 0) / whole + 0.5 * meaning.get(row, 0) for row in rows}


@pytest.mark.slow
@settings(derandomize=True, max_examples=examples(100), suppress_health_check=list(HealthCheck))
@given(
    st.lists(known, min_size=1, max_size=12, unique_by=lambda memory: (memory.namespace, memory.content)),
    st.lists(recipes, min_size=2, max_size=5),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    st.sampled_from(DIRECTIONS),
    st.integers(1, 12),
    st.sampled_from([0, 200_000]),
)
def test_a_filtered_search_is_brute_force_over_the_filtered_memories(  # noqa: PLR0917  # hypothesis gives them by position
    given_memories: list[Known],
    asked: list[Recipe],
    words: list[str],
    direction: tuple[float, float],
    limit: int,
    most_vectors: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "memories.db", most_vectors=most_vectors)
        try:
            _compare(desk, given_memories=given_memories, asked=asked, words=words, direction=direction, limit=limit)
            desk.check()
        finally:
            desk.close()


def _compare(
    desk: Desk,
    *,
    given_memories: list[Known],
    asked: list[Recipe],
    words: list[str],
    direction: tuple[float, float],
    limit: int,
) -> None:
    ids: dict[str, int] = {}
    memories = []
    for row, memory in enumerate(given_memories, 1):
        stored = desk.store(
            memory.content,
            *memory.windows,
            namespace=memory.namespace,
            tags=memory.tags,
            type=memory.type,
            metadata=memory.metadata,
        )
        ids[stored["id"]] = row
        (at,) = desk.sql("SELECT created_at FROM memories WHERE row = ?", row)[0]
        memories.append(Known(**{**memory.__dict__, "at": at, "row": row}))
    for memory, memory_id in zip(memories, ids, strict=True):
        if memory.superseded:
            desk.sql("UPDATE memories SET superseded_by = 'newer' WHERE id = ?", memory_id)
        if memory.deleted:
            desk.ask("memory.delete", {"id": memory_id, "namespace": memory.namespace})
    live = [memory for memory in memories if not memory.deleted]
    vectors = any(memory.windows for memory in live)
    for recipe in asked:
        fields = recipe.filter(memories)
        centred = desk.questions._vector_follower._most > 0
        among = [memory for memory in live if fields["namespace"] in (None, memory.namespace)]
        held = [memory for memory in memories if lets_through(fields, memory, superseded=False)]
        listed = [memory for memory in memories if lets_through(fields, memory, superseded=True)]
        sent = {**fields, **{name: str(fields[name]) for name in ("after", "before") if name in fields}}
        for mode in ("exact", "keyword", "semantic", "hybrid"):
            # Words and meaning alone: what cues and neighbours add has oracles of its own.
            body = {"query": " ".join(words), "mode": mode, "limit": limit, "filter": sent}
            body |= {"cues": [], "context_weight": 0}
            answer = desk.ask("memory.search", body, *frames([direction]))
            used, expected = brute_force(mode, words, direction, held, among, vectors=vectors, centred=centred)
            assert answer["mode"] == used
            found = [(ids[hit["memory"]["id"]], hit["score"]) for hit in answer["hits"]]
            best = sorted(expected.values(), reverse=True)
            following = desk.ask("memory.search", {**body, "offset": 1}, *frames([direction]))
            assert [hit["score"] for hit in following["hits"]] == pytest.approx(best[1 : limit + 1], abs=1e-5)
            best = best[:limit]
            assert [score for _, score in found] == pytest.approx(best, abs=1e-5)
            # Equal scores may stand in either order where rounding decides, so each hit is compared by itself.
            assert dict(found) == pytest.approx({row: expected[row] for row, _ in found}, abs=1e-5)
            assert len({row for row, _ in found}) == len(found)
            if mode == "exact":
                assert [row for row, _ in found] == sorted(expected, reverse=True)[:limit]
        page = desk.ask("memory.list", {"limit": limit, "filter": sent})
        assert page["total"] == len(listed)
        newest = sorted((memory.row for memory in listed), reverse=True)
        assert [ids[memory["id"]] for memory in page["memories"]] == newest[:limit]
        following = desk.ask("memory.list", {"limit": limit, "offset": limit, "filter": sent})
        assert [ids[memory["id"]] for memory in following["memories"]] == newest[limit : 2 * limit]
