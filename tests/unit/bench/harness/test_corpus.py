"""What the benchmark stores and asks."""

from __future__ import annotations

import pytest

from bench.harness import corpus


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Paragraphs, read once: that takes a second."""
    return corpus.paragraphs(500)


@pytest.mark.slow
def test_paragraphs_are_different_and_fit_into_one_window(texts: list[str]) -> None:
    assert len(set(texts)) == 500
    assert all(corpus.SHORTEST <= len(text) <= corpus.LONGEST for text in texts)


@pytest.mark.slow
def test_queries_are_different_and_the_same_each_time(texts: list[str]) -> None:
    queries = corpus.queries(texts, 300)
    assert len(set(queries)) == 300
    assert queries == corpus.queries(texts, 300)
    assert queries != corpus.queries(texts, 300, seed=2)


def test_query_is_words_of_one_text(texts: list[str]) -> None:
    for query in corpus.queries(texts, 20):
        assert any(set(query.split()) <= set(text.split()) for text in texts)
