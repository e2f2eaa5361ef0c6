from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from memmux.cli import shadow_launcher
from memmux.errors import ScriptForeignError, StoragePermissionError
from memmux.hosts import shadow
from memmux.hosts.shadow import SCRIPTS, Status


def _statuses(scripts: list[shadow.Script]) -> list[Status]:
    return [script.status for script in scripts]


def test_the_scripts_are_made_once_and_removed_again(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    assert _statuses(shadow.install(folder, dry_run=True)) == [Status.INSTALLED] * 3
    assert not folder.exists()
    assert _statuses(shadow.install(folder)) == [Status.INSTALLED] * 3
    assert sorted(path.name for path in folder.iterdir()) == sorted(SCRIPTS)
    assert all(os.access(path, os.X_OK) for path in folder.iterdir())
    assert _statuses(shadow.install(folder)) == [Status.UNCHANGED] * 3
    assert _statuses(shadow.install(folder, executable="/other/python")) == [Status.UPDATED] * 3
    assert _statuses(shadow.uninstall(folder, dry_run=True)) == [Status.REMOVED] * 3
    assert _statuses(shadow.uninstall(folder)) == [Status.REMOVED] * 3
    assert list(folder.iterdir()) == []
    assert _statuses(shadow.uninstall(folder)) == [Status.ABSENT] * 3


@pytest.mark.parametrize("foreign", SCRIPTS)
def test_a_script_of_theirs_is_never_touched_and_then_none_is_made(foreign: str, tmp_path: Path) -> None:
    theirs = tmp_path / foreign
    theirs.write_text("#!/usr/bin/python\nfrom mcp_memory_service.cli.main import main\n")
    with pytest.raises(ScriptForeignError, match=f"{foreign} is there and not ours.*--to"):
        shadow.install(tmp_path)
    assert list(tmp_path.iterdir()) == [theirs]
    assert _statuses(shadow.uninstall(tmp_path)).count(Status.FOREIGN) == 1
    assert theirs.exists()


def test_a_link_to_nothing_is_not_ours_either(tmp_path: Path) -> None:
    (tmp_path / "memory").symlink_to(tmp_path / "gone")
    with pytest.raises(ScriptForeignError):
        shadow.install(tmp_path)


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "bin").touch()
    with pytest.raises(StoragePermissionError, match="--to"):
        shadow.install(tmp_path / "bin")


def test_a_script_is_known_by_its_name_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert shadow.shadows("memory")
    assert shadow.shadows(str(tmp_path / "bin" / "memory-server"))
    assert not shadow.shadows("memory-of-another")
    assert not shadow.shadows("")


def test_a_script_hands_its_name_and_every_argument_on(tmp_path: Path) -> None:
    python = tmp_path / "an interpreter's folder" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\nfor each in "$@"; do echo "<$each>"; done\n')
    python.chmod(0o700)
    shadow.install(tmp_path / "bin", executable=str(python))
    ended = subprocess.run(
        [tmp_path / "bin" / "memory", "server", "a b", "$HOME", "*"], capture_output=True, check=True
    )
    assert ended.stdout.decode().split("\n") == [
        "<-P>",
        "<-m>",
        "<memmux.cli.shadow_launcher>",
        *("<memory>", "<server>", "<a b>", "<$HOME>", "<*>", ""),
    ]


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        (["memory", "status"], "memmux status"),
        (["memory", "health"], "memmux doctor"),
        (["memory", "stop"], "memmux stop"),
        (["memory", "ingest-document", "x.pdf"], "memmux ingest FILE"),
        (["memory", "ingest-directory", "x"], "memmux ingest FOLDER"),
        (["memory", "list-formats"], "memmux ingest --help"),
        (["memory", "something-else"], "memmux --help"),
        (["memory", "server", "-s", "sqlite_vec", "--http"], "standard input and output only"),
        (["memory-server", "--sse"], "standard input and output only"),
        (["mcp-memory-server", "--port=8000"], "standard input and output only"),
    ],
)
def test_what_memmux_does_another_way_is_said_on_standard_error(
    arguments: list[str], instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shadow_launcher.launch(arguments[0], arguments[1:]) == shadow_launcher.USAGE
    said = capsys.readouterr()
    assert instead in said.err
    assert said.out == ""


def test_version_and_help_are_memmuxs(capsys: pytest.CaptureFixture[str]) -> None:
    assert shadow_launcher.launch("memory", ["--version"]) == 0
    assert shadow_launcher.launch("memory-server", ["--help"]) == 0
    assert shadow_launcher.launch("memory", ["server", "-h"]) == 0
    assert capsys.readouterr().out.count("in the place of mcp-memory-service") == 3
