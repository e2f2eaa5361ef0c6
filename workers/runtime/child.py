"""A child: a process for work that takes long or much memory, which goes when it ends; it never outlives its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from memmux import interpreter
from memmux.config.settings import Settings
from memmux.logs import log

GRACE_S = 5.0  # how long a child that is told to end may take


class Child:
    """The process `python -P -m workers KIND FLAGS…`; it ends when this one does, whatever happens."""

    def __init__(self, kind: str, settings: Settings) -> None:
        # A process group of its own: Ctrl-C at a terminal is for the router. What it has to say is in its log.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workers", kind, *settings.flags()],
            stdin=subprocess.PIPE,  # of which it reads the end when we are gone
            stdout=subprocess.DEVNULL,
            env=interpreter.environment(),
            process_group=0,
        )
        log.get().info("child_started", child=kind, child_pid=self._process.pid)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def poll(self) -> bool | None:
        """Return whether it did its work; None while it is at it."""
        return None if self._process.poll() is None else self.wait()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return, once it has ended, whether it did its work; raise subprocess.TimeoutExpired."""
        code = self._process.wait(timeout_s)
        assert self._process.stdin is not None
        self._process.stdin.close()
        return code == 0

    def close(self) -> None:
        """End the child if it still runs, and collect it."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait()


def die_with_parent() -> None:
    """End this process with the worker that started it, whatever a library is doing."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
