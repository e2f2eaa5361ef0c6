"""What clients ask, on its way to their processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.harness.questions import Questions


def test_texts_without_vectors_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = Questions(("one", "zwölf")).save(tmp_path / "questions.json")
    found = Questions.load(path)
    assert list(found.texts) == ["one", "zwölf"]
    assert found.vectors is None


def test_vectors_stay_exact_and_begin_again_where_there_are_fewer_than_texts(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).random((2, 4), dtype=np.float32)
    found = Questions.load(Questions(("a", "b", "c"), vectors).save(tmp_path / "questions.json"))
    assert found.vector(1) == vectors[1].tolist()
    assert found.vector(2) == vectors[0].tolist()
