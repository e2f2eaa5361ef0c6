"""Search by words: what others store changes nothing, unknown words stand for others, and long texts are found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memmux.wire.grants import Grant
from tests.unit.examples import examples
from tests.unit.workers.desk import Desk, frames
from workers.storage.reading import word_follower
from workers.storage.reading.word_search import GUESSED

TEXTS = st.lists(
    st.lists(
        st.sampled_from(["apple", "banana", "cherry", "date", "apples", "猫が", "bananabread"]), min_size=1, max_size=9
    ).map(" ".join),
    min_size=1,
    max_size=6,
    unique=True,
)


def ranking(desk: Desk, query: str, mode: str = "keyword", namespace: Any = "default", **fields: Any) -> list[Any]:
    body = {"query": query, "mode": mode, "filter": {"namespace": namespace}}
    found = desk.ask("memory.search", body, *frames([(1.0, 0.0)]), **fields)["hits"]
    return [(hit["memory"]["content"], hit["score"], hit["similarity"]) for hit in found]


@settings(max_examples=examples(40), suppress_health_check=list(HealthCheck))
@given(TEXTS, TEXTS, st.sampled_from(["apple banana", "cherry", "ban", "apple 猫", "bread", "datebanana"]))
def test_a_ranking_does_not_change_by_what_others_store(ours: list[str], theirs: list[str], query: str) -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "memories.db")
        try:
            for number, text in enumerate(ours):
                desk.store(text, (1 - number / 10, 0.3))
            before = [ranking(desk, query, mode) for mode in ("keyword", "hybrid")]
            for number, text in enumerate(theirs):
                desk.store(text, (0.2, number / 10), namespace="theirs")
            assert [ranking(desk, query, mode) for mode in ("keyword", "hybrid")] == before
            bound = Grant(namespaces=("default",))
            assert [ranking(desk, query, mode, grant=bound) for mode in ("keyword", "hybrid")] == before
            both = {content for content, *_ in ranking(desk, query, namespace=None)}
            assert {content for content, *_ in before[0]} <= both | set(ours)
        finally:
            desk.close()


def test_equals_are_newest_first_however_often_it_is_asked(desk: Desk) -> None:
    for number in range(30):
        desk.store(f"apple x{number:02}")
    expected = [f"apple x{number:02}" for number in range(29, 19, -1)]
    assert desk.contents("apple", mode="keyword") == expected
    assert desk.contents("apple", mode="keyword", tags=[]) == expected


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("the kubernetes cluster", "kuber"),
        ("see src/lib/util.py", "util.py"),
        ("die Produktionsdatenbank", "Datenbank"),
        ("die Datenbank der Sicherung", "Sicherungsdatenbank"),
        ("commit 3f2a9bc1d4e5f60718293a4b", "3f2a9bc1d4"),
        ("黑猫喜欢睡觉", "喜"),
    ],
)
def test_a_word_that_nobody_has_stands_for_words_that_begin_end_or_make_it(
    desk: Desk, content: str, query: str
) -> None:
    desk.store("something else entirely")
    assert desk.contents(query, mode="keyword") == []
    desk.store(content)  # after the reader has looked at the vocabulary
    assert desk.contents(query, mode="keyword") == [content]


def test_only_so_many_unknown_words_are_taken_for_parts_of_others(desk: Desk) -> None:
    desk.store("die Datenbank der Sicherung")
    unknown = [f"{first}{second}xyz" for first in "bcdfghjk" for second in "lmnpqrstvw"]
    assert desk.contents(" ".join([*unknown[: GUESSED - 1], "Sicherungsdatenbank"]), mode="keyword")
    assert not desk.contents(" ".join([*unknown[:GUESSED], "Sicherungsdatenbank"]), mode="keyword")
    assert desk.contents(" ".join([*unknown, "Daten"]), mode="keyword")  # but for the beginnings of words, all are


def test_a_word_that_somebody_has_stands_for_itself(desk: Desk) -> None:
    desk.store("kubernetes")
    desk.store("kuber")
    assert desk.contents("kuber", mode="keyword") == ["kuber"]


def test_what_only_others_have_is_unknown(desk: Desk) -> None:
    desk.store("kubernetes")
    desk.store("kuber", namespace="theirs")
    assert desk.contents("kuber", mode="keyword") == ["kubernetes"]


def test_a_fact_at_the_end_of_a_long_text_is_found_as_in_a_short_one(desk: Desk) -> None:
    filler = " ".join(f"word{number} about the weather and the sea" for number in range(200))
    desk.store(f"{filler} the passphrase of the vault is swordfish")
    for number in range(20):
        desk.store(f"the vault number {number} has a door, {filler[:400]}")
    assert desk.contents("what is the passphrase of the vault", mode="keyword")[0].endswith("swordfish")


def test_what_is_changed_deleted_and_brought_back_is_followed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for behind in (word_follower.FAR_BEHIND, 0):
        monkeypatch.setattr(word_follower, "FAR_BEHIND", behind)
        first = desk.store(f"apple number {behind}")["id"]
        assert desk.contents("apple", mode="keyword") == [f"apple number {behind}"]
        desk.ask("memory.rewrite", {"id": first, "content": f"banana number {behind}"})
        assert desk.contents("apple", mode="keyword") == []
        assert desk.contents("banana", mode="keyword") == [f"banana number {behind}"]
        desk.ask("memory.delete", {"id": first})
        assert desk.contents("banana", mode="keyword") == []
        assert desk.questions._search._word_search.follower.among(("default",)).count == 0


@pytest.mark.parametrize("words", [1, 127, 128, 300, pytest.param(17_000, marks=pytest.mark.slow)])
def test_lengths_are_those_of_the_index(desk: Desk, words: int) -> None:
    desk.store(" ".join(f"x{number}y" for number in range(words)))
    desk.contents("x0y", mode="keyword")
    assert desk.questions._search._word_search.follower.among(None).lengths[1] == words


def test_a_filter_that_lets_few_through_finds_them(desk: Desk) -> None:
    for number in range(40):
        desk.store(f"apple {'apple ' * (number % 3)}{number}", tags=["rare"] if number == 3 else [])
    assert desk.contents("apple", mode="keyword", tags=["rare"]) == ["apple 3"]


@pytest.mark.parametrize("content", ["an apple", "the", "猫", "猫が", "getUserInfo", "...", "🚀"])
@pytest.mark.sqlite_only("harms FTS5's table")
def test_a_memory_is_known_by_its_first_words(desk: Desk, content: str) -> None:
    desk.store(content)
    word_search = desk.questions._search._word_search
    assert word_search.holds(1, content, 8)
    desk.sql("DELETE FROM texts")
    assert word_search.holds(1, content, 8) == (content == "...")


@pytest.mark.sqlite_only("harms FTS5's table")
def test_an_index_that_was_made_anew_is_another_one_though_no_memory_has_changed(desk: Desk) -> None:
    desk.store("the saffron is in the tin")
    desk.sql("INSERT INTO texts (texts) VALUES ('delete-all')")
    assert desk.contents("saffron", mode="keyword") == []
    desk.ask("admin.rebuild", {})
    assert desk.contents("saffron", mode="keyword") == ["the saffron is in the tin"]
