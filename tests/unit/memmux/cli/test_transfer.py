"""The files of export and import: which are read, and what keeps one from being written."""

from __future__ import annotations

import errno
import os
import pty
import threading
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner

from memmux.cli import imports, transfer
from memmux.cli.main import cli
from memmux.cli.streams import ReaderGoneError
from memmux.errors import ArgumentInvalidError, StorageError, StorageFullError, StoragePermissionError


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EACCES, StoragePermissionError),
        (errno.EROFS, StoragePermissionError),
    ],
)
def test_a_full_disk_is_told_from_a_place_that_can_not_be_written(
    tmp_path: Path, number: int, kind: type[StorageError]
) -> None:
    with pytest.raises(StorageError, match=r"all\.jsonl") as raised, transfer._writing(tmp_path / "all.jsonl"):
        raise OSError(number, os.strerror(number))
    assert type(raised.value) is kind
    assert not list(tmp_path.iterdir())


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/urandom"])
def test_a_device_is_no_file_of_memories(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentInvalidError, match="is a device"), imports.reading(device, silent):
        pass
    with Path(device).open(encoding="utf-8") as opened:
        monkeypatch.setattr("sys.stdin", opened)
        with pytest.raises(ArgumentInvalidError, match="standard input is a device"), imports.reading("-", silent):
            pass


def test_a_terminal_and_a_pipe_are_read(tmp_path: Path) -> None:
    main, terminal = pty.openpty()
    try:
        with imports.reading(os.ttyname(terminal), silent) as opened:
            os.write(main, b"{}\n")
            assert opened is not None
            assert opened.readline() == b"{}\n"
    finally:
        os.close(main)
        os.close(terminal)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"{}\n",))
    writer.start()
    with imports.reading(str(tmp_path / "pipe"), silent) as opened:
        assert opened is not None
        assert opened.read() == b"{}\n"
    writer.join()


class Gone:
    """An import whose report nobody reads any more."""

    name = "a file"

    def run(self) -> None:
        raise ReaderGoneError


def test_a_reader_that_is_gone_is_no_fault_of_a_file() -> None:
    asked = cast("list[imports.Import]", [Gone(), Gone()])
    with pytest.raises(ReaderGoneError):
        transfer._import_each(asked, as_json=False)


def test_a_database_of_memmux_has_no_other_format(tmp_path: Path) -> None:
    asked = ["export", "--to", str(tmp_path / "all.db"), "--format", "mcp-memory-service"]
    told = CliRunner().invoke(cli, asked, standalone_mode=False)
    assert isinstance(told.exception, ArgumentInvalidError)
    assert "--format" in told.exception.message
