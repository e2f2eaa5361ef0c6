from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from memmux.config.settings import Settings
from memmux.errors import ModelInvalidError
from tests.bounds import BOUND_S
from workers.embedding.graph import packed
from workers.embedding.graph.architecture import Architecture
from workers.embedding.graph.packed import GRAPH, GRAPH_DATA, MANIFEST, Packed
from workers.embedding.sources import Source

OF = Architecture(
    shifted=True,
    layers=1,
    heads=1,
    hidden=2,
    epsilon=1e-5,
    padding=1,
    positions=9,
    pooling="cls",
    max_tokens=7,
)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return Source("house/name", folder, "0123456789abcdef")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache")


def write(folder: Path) -> Sequence[Sequence[float]]:
    (folder / GRAPH).write_bytes(b"graph")
    (folder / GRAPH_DATA).write_bytes(b"weights")
    return [[1.0, 0.0]]


@pytest.fixture
def made(settings: Settings, source: Source) -> Packed:
    return packed.make(settings, source, OF, write)


def test_what_was_made_is_found(settings: Settings, source: Source, made: Packed) -> None:
    assert packed.find(settings, source) == made
    assert made.folder == settings.cache_dir / "models" / f"house--name-0123456789ab-{packed.FORMAT}"
    made.check()


def test_one_without_its_manifest_is_not_there(settings: Settings, source: Source, made: Packed) -> None:
    (made.folder / MANIFEST).unlink()
    assert packed.find(settings, source) is None


def test_the_signs_are_others_once_one_was_discarded_and_made_anew(
    settings: Settings, source: Source, made: Packed
) -> None:
    before = packed.signs(settings)
    assert len(before) == 1
    made.discard()
    assert packed.signs(settings) == frozenset()
    packed.make(settings, source, OF, write)
    assert len(packed.signs(settings)) == 1
    assert packed.signs(settings) != before


def test_one_with_a_file_cut_short_is_not_there(settings: Settings, source: Source, made: Packed) -> None:
    (made.folder / GRAPH_DATA).write_bytes(b"weigh")
    assert packed.find(settings, source) is None


@pytest.mark.parametrize("name", [GRAPH, GRAPH_DATA])
def test_a_changed_byte_is_damage(made: Packed, name: str) -> None:
    content = bytearray((made.folder / name).read_bytes())
    content[-1] ^= 1
    (made.folder / name).write_bytes(content)
    with pytest.raises(ModelInvalidError, match=f"{name} is damaged"):
        made.check()


def test_a_file_that_is_gone_is_said(made: Packed) -> None:
    (made.folder / GRAPH).unlink()
    with pytest.raises(ModelInvalidError, match="can't be read"):
        made.check()


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"architecture": 1}', b"\xff"])
def test_a_damaged_manifest_is_none(settings: Settings, source: Source, made: Packed, manifest: bytes) -> None:
    (made.folder / MANIFEST).write_bytes(manifest)
    assert packed.find(settings, source) is None


@pytest.mark.parametrize("field", ["format", "configuration", "weights", "model", "onnxruntime"])
def test_one_of_something_else_does_not_count_and_is_replaced(
    settings: Settings, source: Source, made: Packed, field: str
) -> None:
    fields = orjson.loads((made.folder / MANIFEST).read_bytes())
    (made.folder / MANIFEST).write_bytes(orjson.dumps(fields | {field: "else"}))
    assert packed.find(settings, source) is None
    packed.make(settings, source, OF, write)
    assert packed.find(settings, source) == made


def test_another_tokenizer_makes_another_model(settings: Settings, source: Source, made: Packed) -> None:
    assert packed.find(settings, source) == made
    (source.folder / "tokenizer.json").write_text("{}")
    assert packed.find(settings, source) is None


def test_a_discarded_one_is_gone(settings: Settings, source: Source, made: Packed) -> None:
    made.discard()
    made.discard()
    assert packed.find(settings, source) is None


def test_whoever_waits_finds_the_work_done(settings: Settings, source: Source) -> None:
    writing, may_end = threading.Event(), threading.Event()
    calls = []

    def slowly(folder: Path) -> Sequence[Sequence[float]]:
        calls.append(folder)
        writing.set()
        assert may_end.wait(BOUND_S)
        return write(folder)

    def one() -> None:
        packed.make(settings, source, OF, slowly)

    makers = [threading.Thread(target=one) for _ in range(4)]
    for maker in makers:
        maker.start()
    assert writing.wait(BOUND_S)
    may_end.set()
    for maker in makers:
        maker.join(BOUND_S)
    assert len(calls) == 1
    assert packed.find(settings, source) is not None


def test_what_fails_leaves_nothing_behind(settings: Settings, source: Source) -> None:
    def fail(folder: Path) -> Sequence[Sequence[float]]:
        write(folder)
        raise ModelInvalidError("no")

    with pytest.raises(ModelInvalidError):
        packed.make(settings, source, OF, fail)
    assert [path.name for path in (settings.cache_dir / "models").iterdir()] == [
        f"house--name-0123456789ab-{packed.FORMAT}.lock"
    ]


def test_what_a_killed_process_left_is_removed(settings: Settings, source: Source, made: Packed) -> None:
    left = made.folder.with_name(f".{made.folder.name}.partial")
    shutil.copytree(made.folder, left)
    made.discard()
    packed.make(settings, source, OF, write)
    assert not left.exists()


def test_a_cache_that_can_not_be_written_is_an_os_error(settings: Settings, source: Source) -> None:
    settings.cache_dir.write_text("a file")
    with pytest.raises(OSError, match="cache"):
        packed.make(settings, source, OF, write)
