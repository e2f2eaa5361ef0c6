from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from memmux.config.settings import Settings
from workers.embedding import exports
from workers.embedding.exports import GRAPH_DATA, MANIFEST, Export
from workers.embedding.sources import Source


@pytest.fixture
def copied(tmp_path: Path, exported: Export, source: Source) -> tuple[Settings, Path]:
    """Settings whose cache holds a copy of the export that a test may damage, and the copy."""
    settings = Settings(cache_dir=tmp_path)
    folder = exports.place(settings, source)
    shutil.copytree(exported.folder, folder)
    return settings, folder


def test_the_export_says_how_it_was_verified(exported: Export, source: Source) -> None:
    assert exported.manifest.difference <= 1e-4
    assert exported.manifest.weights == source.digest
    assert (exported.manifest.dimensions, exported.manifest.max_tokens) == (384, 256)


def test_a_whole_export_is_found(copied: tuple[Settings, Path], source: Source) -> None:
    settings, folder = copied
    found = exports.find(settings, source)
    assert found is not None
    assert found.folder == folder


def test_an_export_without_its_manifest_is_not_there(copied: tuple[Settings, Path], source: Source) -> None:
    settings, folder = copied
    (folder / MANIFEST).unlink()
    assert exports.find(settings, source) is None


def test_an_export_with_a_file_cut_short_is_not_there(copied: tuple[Settings, Path], source: Source) -> None:
    settings, folder = copied
    with (folder / GRAPH_DATA).open("r+b") as file:
        file.truncate(1000)
    assert exports.find(settings, source) is None


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"inputs": 1}', b"\xff"])
def test_a_damaged_manifest_is_none(copied: tuple[Settings, Path], source: Source, manifest: bytes) -> None:
    settings, folder = copied
    (folder / MANIFEST).write_bytes(manifest)
    assert exports.find(settings, source) is None


@pytest.mark.parametrize("field", ["format", "configuration", "weights", "model"])
def test_an_export_of_something_else_does_not_count(copied: tuple[Settings, Path], source: Source, field: str) -> None:
    settings, folder = copied
    fields = orjson.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(orjson.dumps(fields | {field: "else"}))
    assert exports.find(settings, source) is None


def test_a_discarded_export_is_gone(copied: tuple[Settings, Path], source: Source) -> None:
    settings, _ = copied
    found = exports.find(settings, source)
    assert found is not None
    found.discard()
    found.discard()
    assert exports.find(settings, source) is None


def test_a_refusal_holds_until_a_version_changes(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(cache_dir=tmp_path)
    exports.place(settings, source).parent.mkdir(parents=True)
    assert exports.refused(settings, source) is None
    exports.refuse(settings, source, "its pooling is max")
    assert exports.refused(settings, source) == "its pooling is max"
    assert exports.refused(settings, replace(source, name="other")) is None
    monkeypatch.setattr(exports, "versions", lambda: {"torch": "another"})
    assert exports.refused(settings, source) is None
