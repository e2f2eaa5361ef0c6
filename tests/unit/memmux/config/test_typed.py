from __future__ import annotations

from pathlib import Path

import pytest

from memmux.config import typed
from memmux.errors import ArgumentInvalidError


def test_a_path_is_from_the_working_directory_and_a_tilde_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert [typed.path(text) for text in ("a", "~/a", "/a")] == [tmp_path / "a", Path("/home/ada/a"), Path("/a")]


@pytest.mark.parametrize("text", ["~nosuch", "~$notes.json"])
def test_a_home_folder_that_there_is_not_is_told_with_the_remedy(text: str) -> None:
    with pytest.raises(ArgumentInvalidError) as refused:
        typed.path(text)
    assert refused.value.message.endswith(f"write ./{text}")


def test_a_working_directory_that_is_gone_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ArgumentInvalidError, match="change into another one, or write the whole path"):
        typed.path("a")
    assert typed.path("/a") == Path("/a")
