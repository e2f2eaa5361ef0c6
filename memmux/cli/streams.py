"""The standard streams of a command: each is there, takes every character, and fails with an error of ours.

A stream that was closed is missing from `sys`; that its number is not given to a file `memmux.stdio` sees to.
"""

from __future__ import annotations

import errno
import io
import select
import sys
from typing import TYPE_CHECKING

from memmux.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer  # only the type checker has it


class ReaderGoneError(OutputError):
    """Whoever read standard output has seen enough; nothing is to be said."""


def prepare() -> None:
    """Put streams that can be relied upon in the place of those that the interpreter made; nothing was written yet."""
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it lasts as long as the process
    sys.stdout = _text(_Output(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Errors(2, "w", closefd=False), sys.stderr)


def give_back() -> None:
    """Let the streams be the interpreter's own again, for what runs in this process from now on."""
    sys.stdout, sys.stderr = sys.__stdout__ or sys.stdout, sys.__stderr__ or sys.stderr


def _text(raw: io.RawIOBase, before: io.TextIOBase | object) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


class _Output(io.FileIO):
    """Standard output. The first failure is raised; after it everything is thrown away, so that it is the only one."""

    failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        while not self.failed:
            try:
                written = super().write(data)
            except OSError as error:
                self.failed = True
                self.fail(error)
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # whoever it is shared with has it not block
        return size

    def fail(self, error: OSError) -> None:
        """Raise what a failure means."""
        if error.errno == errno.EPIPE:
            raise ReaderGoneError from None
        reason = "it is closed" if error.errno == errno.EBADF else (error.strerror or "").lower()
        raise OutputError(f"standard output can't be written: {reason}; write to another place") from None


class _Errors(_Output):
    """Standard error. That nobody can be told of an error is no error."""

    def fail(self, error: OSError) -> None:
        """Let it be."""
