from __future__ import annotations

import numpy as np

from workers.embedding.hashing import HashEmbedder

embedder = HashEmbedder()


def test_the_same_text_always_gives_the_same_vector() -> None:
    (one,), (again,) = embedder.embed(["shared memory"]), embedder.embed(["shared memory"])
    assert (one == again).all()
    assert np.flatnonzero(one).tolist() == [124, 186]  # and so in every process, whatever its hash seed


def test_rows_are_of_unit_length_even_without_a_word() -> None:
    rows = embedder.embed(["one two", "...", "", "repeated repeated repeated"])
    assert rows.shape == (4, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_texts_that_share_words_are_nearer_than_texts_that_do_not() -> None:
    query, near, far = embedder.embed(["The router DISPATCHES requests", "router requests", "lunch at noon"])
    assert query @ near > 0.5 > abs(query @ far)


def test_every_answer_says_that_it_was_a_hash() -> None:
    assert embedder.degraded == ("hash_embedder",)


def test_a_long_text_is_cut_into_windows_of_words() -> None:
    text = "word " * 300
    assert len(embedder.windows(text)) == 2


def test_its_name_says_how_many_dimensions_it_has() -> None:
    small = HashEmbedder("hash-96")
    assert (small.name, small.dimensions, small.embed(["one"]).shape) == ("hash-96", 96, (1, 96))
    for other in ("", "hash", "hash-0", "hash-x", "all-MiniLM-L6-v2"):
        assert (HashEmbedder(other).name, HashEmbedder(other).dimensions) == ("hash", 384)
