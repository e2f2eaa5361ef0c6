"""The vectors of a measurement, which are made once on a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.harness import vectors
from bench.harness.vectors import Matrix
from memmux.config.loader import load

MADE = np.arange(64, dtype=np.float32).reshape(16, 4)


def _never() -> Matrix:
    raise AssertionError("they are there")


def test_vectors_are_made_once_and_then_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "vectors.npz"
    assert np.array_equal(vectors.kept(path, 16, lambda: MADE), MADE)
    assert np.array_equal(vectors.kept(path, 16, _never), MADE)
    assert [found.name for found in path.parent.iterdir()] == ["vectors.npz"]


@pytest.mark.parametrize("part", range(0, 100, 7))
def test_damaged_vectors_are_made_again(tmp_path: Path, part: int) -> None:
    path = tmp_path / "vectors.npz"
    vectors.kept(path, 16, lambda: MADE)
    content = bytearray(path.read_bytes())
    place = len(content) * part // 100
    content[place] ^= 0x10
    path.write_bytes(content)
    assert np.array_equal(vectors.kept(path, 16, lambda: MADE), MADE)


@pytest.mark.parametrize("size", [0, 1, 100, 300])
def test_cut_off_vectors_are_made_again(tmp_path: Path, size: int) -> None:
    path = tmp_path / "vectors.npz"
    vectors.kept(path, 16, lambda: MADE)
    path.write_bytes(path.read_bytes()[:size])
    assert np.array_equal(vectors.kept(path, 16, lambda: MADE + 1), MADE + 1)
    assert np.array_equal(vectors.kept(path, 16, _never), MADE + 1)


def test_as_many_vectors_as_there_are_texts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    vectors.kept(path, 16, lambda: MADE)
    assert len(vectors.kept(path, 8, lambda: MADE[:8])) == 8


def test_folder_that_can_not_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert np.array_equal(vectors.kept(tmp_path / "file" / "vectors.npz", 16, lambda: MADE), MADE)


def test_each_model_and_each_text_has_vectors_of_its_own(tmp_path: Path) -> None:
    settings = replace(load(), cache_dir=tmp_path)
    places = {vectors.place(settings, "digest", texts) for texts in (["a", "b"], ["a b"], ["a\nb"], ["b", "a"])}
    assert len(places | {vectors.place(settings, "other", ["a", "b"])}) == 5
    assert vectors.place(settings, "digest", ["a", "b"]) in places
    assert all(place.is_relative_to(tmp_path) for place in places)
