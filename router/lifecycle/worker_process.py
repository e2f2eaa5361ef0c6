"""A worker's process as the supervisor sees it, whether it was spawned or forked.

Its standard input is a pipe whose other end we hold: a byte says begin, and its end is our own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from router.lifecycle.child_environment import environment

BEGIN = b"\n"


class WorkerProcess(Protocol):
    """A process; no method waits but `wait`."""

    @property
    def pid(self) -> int | None:
        """Its pid; None while that is not known yet."""

    @property
    def never_began(self) -> bool:
        """Whether it has ended because there never was one, for no fault of the worker's."""

    def poll(self) -> int | None:
        """Return its exit code, less than zero for a signal; None while it runs."""

    def begin(self) -> None:
        """Let a process that is held begin."""

    def kill(self) -> None:
        """End it at once, whatever it is doing."""

    def wait(self) -> None:
        """Return when it has ended; it was killed."""

    def close(self) -> None:
        """Let go of its standard input."""


class SpawnedProcess:
    """A process that was started by itself, and imports everything. Raises OSError if the system starts none."""

    never_began = False

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "workers", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            env=environment(),
            process_group=0,  # Ctrl-C at a terminal is for the router, which stops its workers
        )

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Return its exit code; None while it runs."""
        return self._popen.poll()

    def begin(self) -> None:
        """Let it begin, if it is held."""
        assert self._popen.stdin is not None
        with suppress(OSError):  # it has just ended, and another one takes its place
            os.write(self._popen.stdin.fileno(), BEGIN)

    def kill(self) -> None:
        """End it at once."""
        self._popen.kill()

    def wait(self) -> None:
        """Return when it has ended."""
        self._popen.wait()

    def close(self) -> None:
        """Let go of its standard input."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
