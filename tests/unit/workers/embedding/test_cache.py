from __future__ import annotations

from memmux.wire.embeddings import Embedding
from workers.embedding.cache import QueryCache


def embedding(model: str = "m", floats: int = 25) -> Embedding:
    return Embedding(model, floats, (((0, 1),),), bytes(4 * floats))


def test_what_was_put_is_found_for_the_same_model_only() -> None:
    cache = QueryCache()
    cache.put("q", embedding())
    assert cache.get("m", "q") == embedding()
    assert cache.get("other", "q") is None
    assert (cache.hits, cache.misses) == (1, 1)


def test_the_least_recently_used_goes_first() -> None:
    cache = QueryCache(most=250)  # two entries of 104 bytes
    cache.put("a", embedding())
    cache.put("b", embedding())
    cache.get("m", "a")
    cache.put("c", embedding())
    assert [cache.get("m", text) is not None for text in "abc"] == [True, False, True]


def test_the_cache_never_holds_more_bytes_than_it_may() -> None:
    cache = QueryCache(most=1000)
    for number in range(100):
        cache.put(f"query {number}", embedding(floats=number + 1))
        assert cache._bytes <= 1000
    cache.put("x" * 1000, embedding())
    assert cache.get("m", "x" * 1000) is None
    assert cache._bytes == 0


def test_putting_a_text_again_counts_it_once() -> None:
    cache = QueryCache(most=250)
    for _ in range(10):
        cache.put("a", embedding())
    cache.put("b", embedding())
    assert cache.get("m", "a") is not None
