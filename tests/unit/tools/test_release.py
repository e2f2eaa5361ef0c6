from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from tools import release
from tools.release import (
    Entry,
    NotReadyError,
    check_entry,
    check_tags,
    check_tree,
    next_steps,
    numbers,
    top_entry,
    version_in,
)

TODAY = date(2026, 12, 24)
ROOT = Path(__file__).parents[3]


def test_clean_tree_is_ready() -> None:
    check_tree("")


def test_tree_with_changes_is_not_ready_and_the_error_names_them() -> None:
    with pytest.raises(NotReadyError, match=r"README\.md"):
        check_tree(" M README.md\n")


def test_version_is_read_from_the_source() -> None:
    assert version_in('"""The version."""\n\n__version__ = "1.2.3"\n') == "1.2.3"


def test_source_without_a_version_is_refused() -> None:
    with pytest.raises(NotReadyError):
        version_in("version = 3\n")


@pytest.mark.parametrize("version", ["1.2", "1.2.3rc1", "v1.2.3", ""])
def test_version_that_is_not_three_numbers_is_refused(version: str) -> None:
    with pytest.raises(NotReadyError, match=r"1\.2\.3"):
        numbers(version)


@pytest.mark.parametrize("when", ["2026-12-24", "unreleased"])
def test_top_entry_is_the_first_heading(when: str) -> None:
    changelog = f"# Changelog\n\n## 1.2.3 ({when})\n\n- New.\n\n## 1.2.2 (2026-01-01)\n"
    assert top_entry(changelog) == Entry(version="1.2.3", when=when)


@pytest.mark.parametrize(
    "changelog", ["", "# Changelog\n", "## Unreleased\n", "## 1.2.3\n", "## 1.2.3 (soon, we hope)\n"]
)
def test_changelog_without_a_version_on_top_is_refused(changelog: str) -> None:
    with pytest.raises(NotReadyError, match=r"CHANGELOG\.md"):
        top_entry(changelog)


@pytest.mark.parametrize("when", ["2026-12-24", "unreleased"])
def test_entry_of_the_version_is_ready(when: str) -> None:
    check_entry(Entry(version="1.2.3", when=when), "1.2.3")


def test_entry_of_another_version_is_not_ready() -> None:
    with pytest.raises(NotReadyError, match=r"begins with 1\.2\.2, the version is 1\.2\.3"):
        check_entry(Entry(version="1.2.2", when="2026-12-24"), "1.2.3")


@pytest.mark.parametrize("when", ["soon", "2026-13-01", "24.12.2026"])
def test_entry_with_something_else_than_a_date_is_not_ready(when: str) -> None:
    with pytest.raises(NotReadyError, match="date"):
        check_entry(Entry(version="1.2.3", when=when), "1.2.3")


@pytest.mark.parametrize("tags", [[], ["v1.2.2"], ["v0.9.12", "nightly", "v2"]])
def test_version_without_a_tag_is_ready(tags: list[str]) -> None:
    check_tags(tags, "1.2.3")


def test_version_with_a_tag_is_not_ready() -> None:
    with pytest.raises(NotReadyError, match=r"v1\.2\.3 is tagged"):
        check_tags(["v1.2.2", "v1.2.3"], "1.2.3")


def test_version_older_than_a_tag_is_not_ready_whatever_the_order_of_letters() -> None:
    with pytest.raises(NotReadyError, match=r"older than v1\.10\.0"):
        check_tags(["v1.2.2", "v1.10.0", "v1.9.0"], "1.9.1")


def test_next_steps_of_a_dated_entry_tag_push_and_upload() -> None:
    tag, push, upload = next_steps(Entry(version="1.2.3", when="2026-12-24"), TODAY)
    assert "git tag" in tag
    assert "v1.2.3" in push
    assert "upload" in upload


def test_next_steps_of_an_unreleased_entry_begin_with_its_date_and_another_run() -> None:
    steps = next_steps(Entry(version="1.2.3", when="unreleased"), TODAY)
    assert "## 1.2.3 (2026-12-24)" in steps[0]
    assert steps.index("make release") < next(at for at, step in enumerate(steps) if "git tag" in step)


def test_changelog_and_version_of_this_tree_belong_together() -> None:
    version = version_in(release.version_path(ROOT).read_text())
    check_entry(top_entry((ROOT / "CHANGELOG.md").read_text()), version)


def test_run_raises_with_what_a_failing_command_printed(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="not a git repository"):
        release.run("git", "status", cwd=tmp_path)


def test_what_is_not_ready_ends_with_one_line_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # noqa: S607  # whichever git is there
    (tmp_path / "new.txt").touch()
    monkeypatch.setattr(release, "ROOT", tmp_path)
    assert release.main([]) == 1
    assert capsys.readouterr().err == "fail  commit or remove first:\n?? new.txt\n"
    assert [path.name for path in tmp_path.iterdir() if path.name != ".git"] == ["new.txt"]
