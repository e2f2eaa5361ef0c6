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
