from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, PathRefusedError
from memmux.ingest import files


class Asked:
    """Chooses files, and keeps the complaints."""

    def __init__(self, base: Path) -> None:
        self.base = base.resolve()
        self.complaints: list[tuple[str, str]] = []
        self.left_out: dict[str, int] = {}

    def __call__(
        self,
        path: Path | str = ".",
        *,
        roots: Sequence[Path] | None = None,
        recursive: bool = True,
        extensions: Sequence[str] | None = None,
        max_files: int = 100,
    ) -> list[str]:
        chosen = files.choose(
            self.base / path,
            roots=roots,
            recursive=recursive,
            extensions=extensions,
            max_files=max_files,
            complain=lambda place, why: self.complaints.append((str(place), why)),
        )
        self.left_out = dict(chosen.left_out)
        return [str(file.relative_to(self.base)) for file in chosen.files]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """A folder with files of many kinds."""
    for name in (
        *("b.md", "a.txt", "C.PDF", "data.json", "image.png", "main.py", ".hidden.txt"),
        *("deep/er/d.txt", ".git/config.txt", "node_modules/package/readme.md", "deep/.secret/e.txt"),
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return Asked(tmp_path)


def test_folder_means_its_documents_but_no_hidden_ones(asked: Asked) -> None:
    assert asked() == ["C.PDF", "a.txt", "b.md", "data.json", "main.py", "deep/er/d.txt"]
    assert asked(recursive=False) == ["C.PDF", "a.txt", "b.md", "data.json", "main.py"]
    assert asked.left_out == {".png": 1, "folders": 3, "hidden files": 1}
    assert asked(extensions=["py", ".TXT"]) == ["a.txt", "main.py", "deep/er/d.txt"]
    assert asked.complaints == []


def test_what_is_left_out_is_counted_with_the_reason(asked: Asked) -> None:
    (asked.base / "link").symlink_to(asked.base / "deep")
    (asked.base / "Makefile").touch()
    asked()
    assert asked.left_out == {
        ".png": 1,
        "no extension": 1,
        "hidden files": 1,
        "hidden folders": 2,
        "__pycache__/node_modules": 1,
        "links to folders": 1,
    }


def test_folder_of_which_nothing_is_read_says_so(asked: Asked) -> None:
    (asked.base / "pictures").mkdir()
    assert asked("pictures") == []
    for number in range(3):
        (asked.base / "pictures" / f"{number}.png").touch()
    assert asked("pictures") == []
    assert [why for _, why in asked.complaints] == [
        "no file in it is read, as it has none",
        "no file in it is read: .png 3",
    ]


def test_file_is_gone_only_if_that_is_sure(asked: Asked) -> None:
    assert files.is_gone(asked.base / "missing.txt")
    assert files.is_gone(asked.base / "a.txt" / "b")
    assert not files.is_gone(asked.base / "a.txt")
    assert not files.is_gone(Path("x" * 300))


def test_file_that_is_named_may_be_of_any_kind(asked: Asked) -> None:
    assert asked("main.py") == ["main.py"]
    assert asked(".hidden.txt") == [".hidden.txt"]
    assert asked(".git") == [".git/config.txt"]


def test_more_files_than_asked_for_are_said(asked: Asked) -> None:
    assert asked(max_files=2) == ["C.PDF", "a.txt"]
    assert [why for _, why in asked.complaints] == [
        "it has more than 2 files, the most that were asked for; the others are left out"
    ]
    assert len(asked(max_files=6)) == 6
    assert len(asked.complaints) == 1


def test_path_outside_the_roots_is_refused_with_the_setting_that_would_allow_it(asked: Asked) -> None:
    deep = asked.base / "deep"
    assert asked("deep", roots=[deep]) == ["deep/er/d.txt"]
    assert asked("deep/er/d.txt", roots=[Path("/nowhere"), deep]) == ["deep/er/d.txt"]
    for path in ("a.txt", ".", "deep/../a.txt", "deeper", "/etc/passwd", "/"):
        with pytest.raises(PathRefusedError, match="MEMMUX_INGEST_ROOTS"):
            asked(path, roots=[deep])
    with pytest.raises(PathRefusedError):
        asked(roots=[])


def test_roots_do_not_allow_what_is_hidden_in_them_unless_they_are_hidden_themselves(asked: Asked) -> None:
    for path in (".hidden.txt", ".git", ".git/config.txt", "deep/.secret/e.txt", "node_modules/package"):
        with pytest.raises(PathRefusedError, match="hidden"):
            asked(path, roots=[asked.base])
    assert asked(".git", roots=[asked.base / ".git"]) == [".git/config.txt"]


def test_symbolic_link_does_not_lead_out(asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside").resolve()
    (outside / "secret.txt").write_text("secret")
    (asked.base / "deep" / "file.txt").symlink_to(outside / "secret.txt")
    (asked.base / "deep" / "folder").symlink_to(outside)
    (asked.base / "deep" / "hidden.txt").symlink_to(asked.base / "deep" / ".secret" / "e.txt")
    (asked.base / "deep" / "inside.txt").symlink_to(asked.base / "deep" / "er" / "d.txt")
    (asked.base / "deep" / "loop.txt").symlink_to(asked.base / "deep" / "loop.txt")
    for roots in (None, [asked.base / "deep"]):
        asked.complaints.clear()
        assert asked("deep", roots=roots) == ["deep/er/d.txt"]
        refused = {Path(place).name: why for place, why in asked.complaints}
        assert set(refused) == {"file.txt", "hidden.txt", "loop.txt"}
        assert "outside" in refused["file.txt"]
    for path in ("deep/file.txt", "deep/folder", "deep/folder/secret.txt"):
        with pytest.raises(PathRefusedError):
            asked(path, roots=[asked.base / "deep"])


def test_root_may_be_named_by_a_link(asked: Asked) -> None:
    (asked.base / "link").symlink_to(asked.base / "deep")
    assert asked("link", roots=[asked.base / "link"]) == ["deep/er/d.txt"]


@pytest.mark.parametrize("path", ["missing.txt", "a.txt/b", "x" * 300, "nul\0"])
def test_path_that_is_not_there_is_said(asked: Asked, path: str) -> None:
    with pytest.raises(ArgumentInvalidError):
        asked(path)


def test_file_is_read_with_its_hash(asked: Asked) -> None:
    opened = files.read(asked.base / "a.txt")
    assert opened == files.Opened(b"a.txt", hashlib.sha256(b"a.txt").hexdigest())


def test_what_is_no_file_of_fair_size_is_not_read(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(asked.base / "pipe.txt")
    (asked.base / "link.txt").symlink_to(asked.base / "a.txt")
    for name, reason in (
        ("pipe.txt", "ordinary"),
        ("link.txt", "read"),
        ("missing.txt", "No such file"),
        ("deep", "read|ord"),
    ):
        with pytest.raises(ArgumentInvalidError, match=reason):
            files.read(asked.base / name)
    monkeypatch.setattr(limits, "INGEST_FILE_BYTES", 4)
    with pytest.raises(ArgumentInvalidError, match="more than 4 bytes"):
        files.read(asked.base / "a.txt")
