"""A child: a process for work that takes long or much memory, which goes when it ends; it never outlives its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from memmux import interpreter
from memmux.config.settings import Settings
from memmux.logs import log

GRACE_S = 5.0  # how long a child that is told to end may take
PARENT_S = 0.2  # between two looks at whether the parent still runs


class Child:
    """The process `python -P -m workers KIND FLAGS…`; it ends when this one does, whatever happens."""

    def __init__(self, kind: str, settings: Settings) -> None:
        # A process group of its own: Ctrl-C at a terminal is for the router. What it has to say is in its log.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workers", kind, *settings.flags()],
            stdin=subprocess.DEVNULL,
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
        return None if (code := self._process.poll()) is None else code == 0

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return, once it has ended, whether it did its work; raise subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s) == 0

    def close(self) -> None:
        """End the child if it still runs, and collect it."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def die_with_parent() -> None:
    """End this process soon after the worker that started it, whatever a library is doing."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:  # an orphan is given to another process
            time.sleep(PARENT_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
