"""Durable files: their order of system calls, and what is there after a crash or a failure at each of them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from memmux.files import durable
from tests.bounds import BOUND_S

OLD, NEW = b"the old one", b"the new one, which is longer"
CALLS = ("open", "fchmod", "close", "fsync", "replace")  # system calls, by their names in `os`


def _write(path: Path) -> None:
    durable.write(path, NEW)


def _replace(path: Path) -> None:
    with durable.replacing(path) as file:
        file.write(NEW)


def _build(path: Path) -> None:
    with durable.building(path) as partial:
        partial.write_bytes(NEW)


def _build_with_a_name(path: Path) -> None:
    with durable.building(path, partial=path.with_name("unfinished")) as partial:
        partial.write_bytes(NEW)


WAYS = pytest.mark.parametrize("way", [_write, _replace, _build, _build_with_a_name])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, ...]]]:
    """What is asked of the system, in its order: which content is put on the disk, and what is renamed to what."""
    seen: list[tuple[object, ...]] = []
    names: dict[int, str] = {}
    real_open, real_fsync, real_replace = os.open, os.fsync, os.replace

    def opening(path: str | os.PathLike[str], flags: int, mode: int = 0o777) -> int:
        descriptor = real_open(path, flags, mode)
        names[descriptor] = Path(path).name
        return descriptor

    def syncing(descriptor: int) -> None:
        file = Path(f"/dev/fd/{descriptor}")
        seen.append(("fsync", names[descriptor], None if file.is_dir() else file.read_bytes()))
        real_fsync(descriptor)

    def replacing(old: str | os.PathLike[str], new: str | os.PathLike[str]) -> None:
        seen.append(("rename", Path(old).name, Path(new).name))
        real_replace(old, new)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", replacing)
    yield seen
    monkeypatch.undo()


@WAYS
def test_the_content_is_on_the_disk_before_the_rename_and_the_rename_before_anybody_is_told(
    path: Path, calls: list[tuple[object, ...]], way: Callable[[Path], None]
) -> None:
    way(path)
    partial = calls[0][1]
    assert partial != path.name
    assert calls == [("fsync", partial, NEW), ("rename", partial, path.name), ("fsync", path.parent.name, None)]


def test_a_new_file_is_on_the_disk_with_its_name_before_anybody_is_told(
    path: Path, calls: list[tuple[object, ...]]
) -> None:
    with durable.creating(path) as file:
        file.write(NEW)
    assert calls == [("fsync", path.name, NEW), ("fsync", path.parent.name, None)]


@pytest.mark.parametrize("links", [True, False])
def test_what_is_placed_is_on_the_disk_before_and_takes_nothings_place(
    path: Path, calls: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _unsupported)
    old = path.with_name("built")
    old.write_bytes(NEW)
    durable.place(old, path)
    renamed = [] if links else [("rename", "built", "file")]
    assert calls == [("fsync", "built", NEW), *renamed, ("fsync", path.parent.name, None)]
    old.unlink(missing_ok=True)
    old.write_bytes(OLD)
    with pytest.raises(FileExistsError):
        durable.place(old, path)
    with pytest.raises(FileExistsError), durable.building(path, new=True) as partial:
        partial.write_bytes(OLD)
    assert path.read_bytes() == NEW
    assert {each.name for each in path.parent.iterdir()} == {"file", "built"}


def _unsupported(*_: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_rename_of_what_may_be_lost_is_nothing_more(path: Path, calls: list[tuple[object, ...]]) -> None:
    path.write_bytes(b"cached")
    durable.rename(path, path.with_name("other"), sync=False)
    assert path.with_name("other").read_bytes() == b"cached"
    assert calls == [("rename", path.name, "other")]


def test_a_rename_to_another_folder_is_on_the_disk_in_both(path: Path, calls: list[tuple[object, ...]]) -> None:
    folder = path.with_name("folder")
    folder.mkdir()
    old = folder / "built"
    old.write_bytes(NEW)
    durable.rename(old, path)
    assert calls == [
        ("fsync", "built", NEW),
        ("rename", "built", "file"),
        ("fsync", path.parent.name, None),
        ("fsync", "folder", None),
    ]


def test_all_of_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path: Path, calls: list[tuple[object, ...]]) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "a").write_bytes(b"A")
    (inner.parent / "b").write_bytes(b"B")
    durable.rename(inner.parent, tmp_path / "place")
    assert calls == [
        ("fsync", "a", b"A"),
        ("fsync", "inner", None),
        ("fsync", "b", b"B"),
        ("fsync", "outer", None),
        ("rename", "outer", "place"),
        ("fsync", tmp_path.name, None),
    ]


def test_what_may_be_lost_with_the_power_is_whole_all_the_same(path: Path, calls: list[tuple[object, ...]]) -> None:
    durable.write(path, NEW, sync=False)
    assert [call[0] for call in calls] == ["rename"]
    assert path.read_bytes() == NEW


# A step is a system call, or one of two halves of the content. The process ends right before the step of that number.
KILLED = """
import os, signal, sys
from pathlib import Path
from memmux.files import durable

path, last, halves = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
step = 0

def counted(call):
    def counting(*arguments, **named):
        global step
        step += 1
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)
    return counting

for name in ("open", "fchmod", "close", "fsync", "replace", "unlink", "scandir"):
    setattr(os, name, counted(getattr(os, name)))
with durable.replacing(path) as file:
    for half in halves:
        counted(file.write)(half.encode())
        file.flush()
print(step)
"""


def _killed_at(step: int, path: Path) -> subprocess.CompletedProcess[bytes]:
    half = len(NEW) // 2
    arguments = [str(path), str(step), NEW[:half].decode(), NEW[half:].decode()]
    return subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, timeout=BOUND_S, check=False)


@pytest.mark.slow
def test_a_process_that_is_killed_at_any_step_leaves_the_old_file_or_the_new_one_and_no_obstacle(path: Path) -> None:
    found = []
    whole = _killed_at(0, path)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout)
    for step in range(1, steps + 1):
        path.write_bytes(OLD)
        assert _killed_at(step, path).returncode == -signal.SIGKILL
        found.append(path.read_bytes())
        durable.write(path, b"the next one")
        assert path.read_bytes() == b"the next one"
        for left in path.parent.iterdir():
            os.utime(left, (0, 0))
        durable.write(path, OLD)
        assert list(path.parent.iterdir()) == [path]
    assert set(found) == {OLD, NEW}
    assert found == sorted(found, key=[OLD, NEW].index)


class _FullError(OSError):
    """The disk is full."""


@WAYS
@pytest.mark.parametrize("call", CALLS)
def test_a_failure_at_any_call_leaves_the_old_file_or_the_new_one_and_nothing_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[[Path], None], call: str
) -> None:
    real, counted, number = getattr(os, call), 0, 0

    def failing(*arguments: object, **named: object) -> object:
        nonlocal counted
        counted += 1
        if counted == number:
            if call == "close":
                real(*arguments)
            raise _FullError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **named)

    while True:
        number, counted = number + 1, 0
        path.write_bytes(OLD)
        with monkeypatch.context() as patched, suppress(_FullError):
            patched.setattr(os, call, failing)
            way(path)
        assert path.read_bytes() in (OLD, NEW)
        assert list(path.parent.iterdir()) == [path]
        if counted < number:
            break
    assert number > 1
    assert path.read_bytes() == NEW


# A disk that is full, as the kernel tells it: no file of the process may become longer than this.
FULL = """
import resource, sys
from pathlib import Path
from memmux.files import durable

resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    durable.write(Path(sys.argv[1]), b"x" * 1_000)
except OSError as error:
    sys.exit(f"refused: {error.strerror}")
"""


def test_a_full_disk_keeps_the_old_file_and_nothing_of_the_new_one(path: Path) -> None:
    path.write_bytes(OLD)
    ended = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, timeout=BOUND_S, check=False)
    assert ended.stderr.startswith(b"refused: "), ended.stderr
    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_fails_keeps_the_old_file(path: Path) -> None:
    path.write_bytes(OLD)
    with pytest.raises(KeyboardInterrupt), durable.building(path):
        raise KeyboardInterrupt
    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_whose_block_fails_is_removed_and_one_that_is_there_is_left(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), durable.creating(path):
        raise KeyboardInterrupt
    assert not path.exists()
    path.write_bytes(OLD)
    with pytest.raises(FileExistsError), durable.creating(path):
        pass
    assert path.read_bytes() == OLD


def test_two_who_write_the_same_file_do_not_meet(path: Path) -> None:
    with durable.replacing(path) as first, durable.replacing(path) as second:
        first.write(OLD)
        second.write(NEW)
    assert path.read_bytes() == OLD  # the first ended last
    assert list(path.parent.iterdir()) == [path]


def test_only_what_was_left_of_the_same_file_long_ago_is_removed(path: Path) -> None:
    names = {
        "file.memmux-01234567.partial": False,
        "file.memmux-01234567.partial-journal": False,
        "file.memmux-0123.partial": True,
        "file.partial": True,
        "other.memmux-01234567.partial": True,
        "file.memmux-01234567.partial.txt": True,
    }
    for name in names:
        path.with_name(name).touch()
        os.utime(path.with_name(name), (0, 0))
    fresh = path.with_name("file.memmux-76543210.partial")
    fresh.touch()
    durable.write(path, NEW)
    kept = {name for name, stays in names.items() if stays}
    assert {found.name for found in path.parent.iterdir()} == {"file", fresh.name, *kept}


@pytest.fixture(params=[0o000, 0o077])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_the_mode_is_what_was_said_whatever_the_umask_and_whatever_the_old_file_had(path: Path) -> None:
    path.touch(mode=0o666)
    durable.write(path, NEW)
    assert path.stat().st_mode & 0o777 == 0o600
    durable.write(path, NEW, mode=0o755)
    assert path.stat().st_mode & 0o777 == 0o755
    with durable.creating(path.with_name("new")):
        pass
    assert path.with_name("new").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("_umask")
def test_the_umask_decides_where_it_shall(path: Path, tmp_path: Path) -> None:
    durable.write(path, NEW, mode=None)
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_nobody_else_can_open_a_file_before_it_has_its_mode(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, before = os.fchmod, []

    def changing(descriptor: int, mode: int) -> None:
        before.append(os.fstat(descriptor).st_mode & 0o777)
        real(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", changing)
    umask = os.umask(0)
    try:
        durable.write(path, NEW)
        durable.write(path, NEW, mode=0o640)
    finally:
        os.umask(umask)
    assert before == [0o600, 0o600]
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_folder_that_was_left_is_removed_once_nothing_in_it_has_changed_for_long(tmp_path: Path) -> None:
    for name in ("left", "used", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lines").write_bytes(OLD)
        for path in (tmp_path / name / "lines", tmp_path / name):
            os.utime(path, (0, 0))
    (tmp_path / "used" / "lines").write_bytes(NEW)  # which does not change the time of its folder
    durable.remove_left(tmp_path, "left|used")
    assert {path.name for path in tmp_path.iterdir()} == {"used", "other"}


def test_a_file_system_without_modes_or_without_syncs_of_folders_will_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def not_of_folders(descriptor: int) -> None:
        if Path(f"/dev/fd/{descriptor}").is_dir():
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    def not_at_all(_descriptor: int, _mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fsync", not_of_folders)
    monkeypatch.setattr(os, "fchmod", not_at_all)
    durable.write(path, NEW)
    assert path.read_bytes() == NEW


def test_a_file_that_can_not_be_put_on_the_disk_is_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Invalid"):
        durable.write(path, NEW)
