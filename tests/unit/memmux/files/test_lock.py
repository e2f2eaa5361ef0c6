"""File locks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memmux.files import lock
from memmux.files.lock import FileLock

HOLDER = """
import sys
from pathlib import Path
from memmux.files.lock import FileLock

with FileLock(Path(sys.argv[1])) as lock:
    print(lock.take(), flush=True)
    sys.stdin.read()
"""


@contextmanager
def _held_elsewhere(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process has the lock, until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        yield holder


def test_one_has_it_at_a_time_until_it_lets_go_or_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path) as second:
        with FileLock(path) as first:
            assert first.take()
            assert first.take()
            assert not second.take()
            assert (first.held(), second.held()) == (True, False)
            first.release()
            assert not first.held()
            assert second.take()
            second.release()
            assert first.take()
        assert second.take()


def test_lock_whose_file_was_deleted_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path) as held:
        assert held.take()
        path.unlink()
        assert not held.held()
        path.touch()
        assert not held.held()


def test_the_lock_of_a_process_that_is_killed_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with _held_elsewhere(path) as holder, FileLock(path) as waiting:
        assert not waiting.take()
        holder.kill()
        holder.wait()
        assert waiting.take()


def test_who_waits_has_it_once_the_other_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with _held_elsewhere(path) as holder, FileLock(path) as waiting:
        assert not waiting.take()
        assert holder.stdin is not None
        holder.stdin.close()
        waiting.wait()
        assert waiting.held()


def test_a_program_that_was_started_meanwhile_does_not_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path) as ours:
        assert ours.take()
        command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"\n"
        with FileLock(path) as next_one:
            assert next_one.take()


@contextmanager
def _forked(then: Callable[[], object]) -> Iterator[None]:
    """A forked child has done that, and lives until the block ends."""
    (done, did), (over, ends) = os.pipe(), os.pipe()
    if not (child := os.fork()):
        try:
            os.close(ends)
            then()
            os.write(did, b".")
            os.read(over, 1)
        finally:
            os._exit(0)
    try:
        assert os.read(done, 1) == b"."
        yield
    finally:
        os.close(ends)
        os.waitpid(child, 0)
        for descriptor in (done, did, over):
            os.close(descriptor)


@pytest.mark.filterwarnings("ignore:.*multi-threaded")  # of Python 3.12 and later
def test_a_child_that_was_forked_meanwhile_does_not_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    ours = FileLock(path)
    assert ours.take()
    with _forked(lambda: None):
        ours.__exit__(None, None, None)
        with FileLock(path) as next_one:
            assert next_one.take()


@pytest.mark.filterwarnings("ignore:.*multi-threaded")  # of Python 3.12 and later
def test_a_forked_child_that_leaves_it_does_not_end_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path) as ours, FileLock(path) as other:
        assert ours.take()
        with _forked(lambda: ours.__exit__(None, None, None)):
            assert not other.take()
        assert ours.held()


def test_whether_somebody_has_it_can_be_asked_without_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not lock.is_held(path)
    assert not path.exists()
    with FileLock(path) as held:
        assert not lock.is_held(path)
        held.take()
        assert lock.is_held(path)
        assert held.held()
    assert not lock.is_held(path)


def test_who_has_it_next_reads_the_last_note_and_nothing_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path) as first:
        assert first.take()
        assert first.noted() == b""
        first.note(b"a long note")
        first.note(b"a note")
    with FileLock(path) as second:
        assert second.take()
        assert second.noted() == b"a note"


def test_its_file_is_private_and_no_link_is_followed_to_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with FileLock(tmp_path / "lock"):
            assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    (tmp_path / "link").symlink_to(tmp_path / "lock")
    with pytest.raises(OSError, match="symbolic links"):
        FileLock(tmp_path / "link")
