"""What belongs to a database, and what stands among it."""

from __future__ import annotations

from pathlib import Path

from memmux.cli import own_files
from memmux.config import database_url
from memmux.config.settings import Settings


def test_the_folder_of_a_database_on_postgresql_goes_with_what_is_in_it(tmp_path: Path) -> None:
    database = database_url.home("postgresql://h/memmux", tmp_path)
    database.parent.mkdir()
    for suffix, text in (
        (".lock", '{"pid": 1, "since": 2}'),
        (".spawn", ""),
        (".endpoint", '{"pid": 1, "version": "1"}'),
    ):
        database.with_name(f"memmux{suffix}").write_text(text)
    own_files.of_database(Settings(database=database)).remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_others_put_something_stays(tmp_path: Path) -> None:
    database = database_url.home("postgresql://h/memmux", tmp_path)
    database.parent.mkdir()
    (database.parent / "mine").touch()
    own_files.of_database(Settings(database=database)).remove()
    assert (database.parent / "mine").exists()


def test_a_folder_of_any_other_name_stays(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    own_files.of_database(Settings(database=tmp_path / "data" / "memmux")).remove()
    assert (tmp_path / "data").is_dir()


def _filled(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"" if name.endswith(".lock") else b"{}")


PACKED = "all-MiniLM-L6-v2-53aa51172d14-4"
DOWNLOADED = "sentence-transformers--all-MiniLM-L6-v2"
MODELS = (
    "digests.json",
    "digests.json.memmux-01234567.partial",
    f"{PACKED}.lock",
    *(f"{PACKED}/{name}" for name in ("manifest.json", "model.onnx", "model.onnx.data")),
    f".{PACKED}.partial/model.onnx",
    f".{DOWNLOADED}.lock",
    *(f"{DOWNLOADED}/{name}" for name in ("config.json", "vocab.txt", "model.safetensors", "1_Pooling/config.json")),
    *(f".{DOWNLOADED}.partial/{name}" for name in (".commit", "model-00001-of-00002.safetensors.part")),
)


def test_models_that_memmux_put_in_a_folder_go_with_it(tmp_path: Path) -> None:
    _filled(tmp_path / "models", *MODELS)
    own_files.of_models(tmp_path / "models").remove()
    assert list(tmp_path.iterdir()) == []


def test_models_of_others_stay_and_are_named(tmp_path: Path) -> None:
    theirs = ("llama.gguf", "owner--name/config.json", f"{DOWNLOADED}/mine.py", "other-0123456789ab-4/model.onnx")
    _filled(tmp_path, *MODELS, *theirs)
    found = own_files.of_models(tmp_path)
    found.remove()
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == set(theirs)
    named = [path.relative_to(tmp_path).as_posix() for path in found.others]
    assert sorted(named) == sorted(["llama.gguf", "owner--name", f"{DOWNLOADED}/mine.py", "other-0123456789ab-4"])


def test_a_folder_of_models_in_which_memmux_put_nothing_is_not_looked_through(tmp_path: Path) -> None:
    _filled(tmp_path, "llama.gguf", "owner--name/config.json")
    assert own_files.of_models(tmp_path) == own_files.OwnFiles()


def test_kept_vectors_and_routes_are_known_by_their_names(tmp_path: Path) -> None:
    route, vectors = "0123456789abcdef01234567", f"vectors-{'0' * 32}.npz"
    _filled(tmp_path / "routes", route, f"{route}.lock", f"{route}.memmux-01234567.partial", "alone", "mine")
    _filled(tmp_path / "bench", vectors, f"{vectors}.memmux-01234567.partial", "vectors-of-mine.npz")
    own_files.of_routes(tmp_path / "routes").remove()
    own_files.of_bench(tmp_path / "bench").remove()
    assert [path.name for path in (tmp_path / "routes").iterdir()] == ["mine"]
    assert [path.name for path in (tmp_path / "bench").iterdir()] == ["vectors-of-mine.npz"]
