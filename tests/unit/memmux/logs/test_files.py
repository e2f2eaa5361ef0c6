from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux.logs import files as logfiles
from memmux.logs.files import LogFile, is_rotated
from tests.bounds import BOUND_S

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def made() -> Iterator[list[LogFile]]:
    """Files that are closed at the end."""
    files: list[LogFile] = []
    yield files
    for file in files:
        file.close()


def _begin(made: list[LogFile], folder: Path, name: str = "mcp", total_bytes: int = 64 * MIB) -> LogFile:
    made.append(LogFile(folder, name, total_bytes))
    return made[-1]


def _read(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.iterdir()) for line in path.read_bytes().splitlines()]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_full_file_gets_another_name_and_no_line_is_torn(made: list[LogFile], folder: Path) -> None:
    sink = _begin(made, folder, total_bytes=32 * 4096)
    for number in range(2000):
        sink.msg(b"line %05d" % number)
    assert sorted(_read(folder)) == [b"line %05d" % number for number in range(2000)]
    names = [path.name for path in folder.iterdir()]
    assert "mcp.jsonl" in names
    assert len([name for name in names if is_rotated(name)]) == len(names) - 1 >= 4
    assert max(path.stat().st_size for path in folder.iterdir()) < 4096 + 20


def test_lines_of_one_block_are_written_together_at_its_end(made: list[LogFile], folder: Path) -> None:
    sink = _begin(made, folder)
    with sink.together():
        sink.msg(b"one")
        sink.msg(b"two")
        assert _read(folder) == []
    assert _read(folder) == [b"one", b"two"]
    sink.msg(b"three")
    with sink.together():
        pass
    assert _read(folder) == [b"one", b"two", b"three"]


@pytest.mark.slow
def test_all_files_together_stay_within_the_bound_and_the_newest_lines_are_kept(
    made: list[LogFile], folder: Path
) -> None:
    sinks = [_begin(made, folder, name, total_bytes=MIB) for name in ("router", "mcp", "mcp")]
    line = b"%06d " + b"x" * 993
    for number in range(3000):
        for sink in sinks:
            sink.msg(line % number)
        if number % 20 == 0:
            assert _size(folder) <= MIB
    kept = {int(line.split()[0]) for line in _read(folder)}
    assert kept == set(range(min(kept), 3000))
    assert len(_read(folder)) > 500


def test_second_process_of_a_name_has_a_file_of_its_own_and_the_next_takes_over_what_is_free(
    made: list[LogFile], folder: Path
) -> None:
    first, second = _begin(made, folder), _begin(made, folder)
    assert (first.path.name, second.path.name) == ("mcp.jsonl", "mcp.2.jsonl")
    first.msg(b"one")
    made.remove(first)
    first.close()
    third = _begin(made, folder)
    third.msg(b"three")
    assert (folder / "mcp.jsonl").read_bytes() == b"one\nthree\n"


def test_who_only_looks_whether_a_file_is_written_sends_its_writer_to_no_other(
    made: list[LogFile], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LogFile(folder, "mcp", MIB).close()
    path = folder / "mcp.jsonl"
    monkeypatch.setattr(logfiles, "PATIENCE_S", BOUND_S)
    with path.open("rb") as looks:
        fcntl.flock(looks, fcntl.LOCK_SH)
        tries = iter(range(10 * logfiles.TRIES))

        def look_no_more(_: float) -> None:
            if next(tries, None) is None:
                fcntl.flock(looks, fcntl.LOCK_UN)

        monkeypatch.setattr("memmux.logs.files.time.sleep", look_no_more)
        assert logfiles._is_free(path)  # who looks beside it sees no writer either
        assert _begin(made, folder).path == path
        assert not logfiles._is_free(path)


def test_who_looks_for_ever_keeps_no_process_from_writing(
    made: list[LogFile], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LogFile(folder, "mcp", MIB).close()
    monkeypatch.setattr(logfiles, "PATIENCE_S", 0.05)
    with (folder / "mcp.jsonl").open("rb") as looks:
        fcntl.flock(looks, fcntl.LOCK_SH)
        assert _begin(made, folder).path.name == "mcp.2.jsonl"


def test_file_of_a_process_that_was_killed_is_free(folder: Path, made: list[LogFile]) -> None:
    program = (
        "import sys, pathlib\nfrom memmux.logs.files import LogFile\n"
        "LogFile(pathlib.Path(sys.argv[1]), 'mcp', 1 << 20).msg(b'mine')\nprint('there', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        assert _begin(made, folder).path.name == "mcp.2.jsonl"
        process.kill()
        process.wait(BOUND_S)
    assert _begin(made, folder).path.name == "mcp.jsonl"


def test_file_that_nobody_writes_any_more_is_removed_when_there_is_no_room(made: list[LogFile], folder: Path) -> None:
    folder.mkdir()
    (folder / "mcp.7.jsonl").write_bytes(b"old\n" * 100_000)
    os.utime(folder / "mcp.7.jsonl", (1, 1))
    other = _begin(made, folder, "read-0", MIB)
    other.msg(b"mine")
    sink = _begin(made, folder, "router", MIB)
    for _ in range(900):
        sink.msg(b"x" * 1000)
    assert not (folder / "mcp.7.jsonl").exists()
    assert other.path.exists()


def test_line_that_was_cut_off_does_not_spoil_the_next_one(made: list[LogFile], folder: Path) -> None:
    folder.mkdir()
    (folder / "mcp.jsonl").write_bytes(b'whole\n{"begun')
    _begin(made, folder).msg(b"next")
    assert (folder / "mcp.jsonl").read_bytes() == b'whole\n{"begun\nnext\n'


def test_file_and_folder_that_somebody_removed_are_made_again(
    made: list[LogFile], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfiles, "LOOK_S", 0.0)
    sink = _begin(made, folder)
    sink.msg(b"one")
    (folder / "mcp.jsonl").unlink()
    sink.msg(b"two")
    assert (folder / "mcp.jsonl").read_bytes() == b"two\n"
    (folder / "mcp.jsonl").unlink()
    folder.rmdir()
    sink.msg(b"three")
    assert (folder / "mcp.jsonl").read_bytes() == b"three\n"


def test_folder_that_can_not_be_made_costs_lines_and_nothing_else(
    made: list[LogFile], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfiles, "LOOK_S", 0.0)
    sink = _begin(made, folder)
    (folder / "mcp.jsonl").unlink()
    folder.rmdir()
    folder.write_text("in the way")
    sink.msg(b"lost")
    folder.unlink()
    sink.msg(b"kept")
    assert (folder / "mcp.jsonl").read_bytes() == b"kept\n"


def test_threads_may_write_at_once(made: list[LogFile], folder: Path) -> None:
    sink = _begin(made, folder, total_bytes=32 * 8192)

    def write(thread: int) -> None:
        for number in range(500):
            sink.msg(b"thread %d line %03d" % (thread, number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    wanted = sorted(b"thread %d line %03d" % (thread, number) for thread in range(4) for number in range(500))
    assert sorted(_read(folder)) == wanted


def test_files_are_private(made: list[LogFile], folder: Path) -> None:
    assert _begin(made, folder).path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
