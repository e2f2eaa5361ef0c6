from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memmux.logs.reading import folder as folders
from memmux.logs.reading import stream as streams
from memmux.logs.reading.file import stamp
from memmux.logs.reading.filters import Filter
from memmux.logs.reading.folder import Folder
from memmux.logs.reading.stream import Stream

OLD = datetime(2026, 1, 1, tzinfo=UTC)


def _line(second: float, text: str = "x") -> bytes:
    return b'{"timestamp":"%b","level":"info","event":"%b"}' % (stamp(OLD + timedelta(seconds=second)), text.encode())


def _add(path: Path, *lines: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _stream(tmp_path: Path, wanted: Filter | None = None) -> Stream:
    return Stream(Folder(tmp_path), wanted or Filter())


def test_files_are_merged_by_time(tmp_path: Path) -> None:
    _add(tmp_path / "router.jsonl", _line(1), _line(4))
    _add(tmp_path / "router.20260101T000000000000.jsonl", _line(0))
    _add(tmp_path / "read-0.jsonl", _line(2), _line(3), _line(5))
    _add(tmp_path / "router.err", b"no log")
    assert _stream(tmp_path).past(0.0, None) == [_line(second) for second in range(6)]


@pytest.mark.parametrize("last", [0, 1, 3, 100])
def test_last_lines_are_the_last_of_all_files(tmp_path: Path, last: int) -> None:
    _add(tmp_path / "router.jsonl", *(_line(second) for second in range(0, 10, 2)))
    _add(tmp_path / "read-0.jsonl", *(_line(second) for second in range(1, 10, 2)))
    wanted = [_line(second) for second in range(10)]
    assert _stream(tmp_path).past(0.0, last) == wanted[max(0, 10 - last) :]


def test_line_that_was_cut_stays_with_the_one_before_it(tmp_path: Path) -> None:
    _add(tmp_path / "router.jsonl", _line(1), b'{"cut', _line(4))
    _add(tmp_path / "read-0.jsonl", _line(2))
    assert _stream(tmp_path).past(0.0, None) == [_line(1), b'{"cut', _line(2), _line(4)]
    since = Filter(since=stamp(OLD + timedelta(seconds=2)))
    assert _stream(tmp_path, since).past(0.0, None) == [_line(2), _line(4)]


def test_line_is_given_when_its_end_is_written(tmp_path: Path) -> None:
    path = tmp_path / "router.jsonl"
    path.write_bytes(_line(1)[:20])
    stream = _stream(tmp_path)
    assert stream.past(0.0, None) == []
    assert stream.new(0.1) == []
    _add(path, _line(1)[20:], _line(2))
    assert stream.new(0.2) == [_line(1), _line(2)]


def test_what_a_killed_process_began_is_given_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "router.jsonl").write_bytes(_line(1) + b'\n{"begun')
    stream = _stream(tmp_path)
    assert stream.past(0.0, None) == [_line(1)]
    assert stream.rest() == [b'{"begun']
    filtered = _stream(tmp_path, Filter(level="info"))
    filtered.past(0.0, None)
    assert filtered.rest() == []


def test_rotation_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "router.jsonl"
    _add(path, _line(1))
    stream = _stream(tmp_path)
    assert stream.past(0.0, None) == [_line(1)]
    _add(path, _line(2))
    path.rename(tmp_path / "router.20260101T000000000001.jsonl")
    _add(path, _line(3))
    path.rename(tmp_path / "router.20260101T000000000002.jsonl")
    _add(path, _line(4))
    assert stream.new(0.1) == [_line(2), _line(3), _line(4)]
    _add(path, _line(5))
    assert stream.new(0.2) == [_line(5)]
    assert stream.new(0.3) == []


def test_file_that_was_removed_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "router.jsonl"
    _add(path, _line(1))
    stream = _stream(tmp_path)
    assert stream.past(0.0, None) == [_line(1)]
    with path.open("ab") as file:
        path.unlink()
        assert stream.new(0.1) == []
        file.write(_line(2) + b"\n")
    assert stream.new(0.2) == [_line(2)]
    _add(path, _line(3))
    assert stream.new(0.3) == [_line(3)]


def test_files_that_are_done_with_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "GONE_S", 1.0)
    path = tmp_path / "router.jsonl"
    _add(path, _line(1))
    stream = _stream(tmp_path)
    before = _descriptors()
    for second in range(50):
        stream.new(float(second))
        path.rename(tmp_path / f"router.20260101T{second:012d}.jsonl")
        _add(path, _line(second))
    path.unlink()
    stream.new(60.0)
    stream.new(62.0)
    assert _descriptors() <= before


def test_emptied_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "router.jsonl"
    _add(path, _line(1), _line(2))
    stream = _stream(tmp_path)
    stream.past(0.0, None)
    path.write_bytes(b"")
    stream.new(0.1)
    _add(path, _line(3))
    assert stream.new(0.2) == [_line(3)]


def test_line_of_this_moment_waits_for_an_older_one_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = _stream(tmp_path)
    now = datetime.now(UTC)
    younger, older = (b'{"timestamp":"%b"}' % stamp(now - timedelta(seconds=ago)) for ago in (1, 2))
    _add(tmp_path / "router.jsonl", younger)
    monkeypatch.setattr(streams, "LATE", timedelta(hours=1))  # so younger is of this moment
    assert stream.new(0.0) == []
    _add(tmp_path / "read-0.jsonl", older)
    monkeypatch.setattr(streams, "LATE", timedelta(0))
    assert stream.new(0.1) == [older, younger]


def test_folder_need_not_be_there_yet(tmp_path: Path) -> None:
    stream = _stream(tmp_path / "logs")
    assert stream.past(0.0, 10) == []
    (tmp_path / "logs").mkdir()
    _add(tmp_path / "logs" / "router.jsonl", _line(1))
    assert stream.new(0.1) == [_line(1)]
