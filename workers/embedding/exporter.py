"""The export as a child process: it needs torch for half a minute, and its memory goes when it ends."""

from __future__ import annotations

import subprocess
import sys

from memmux import logs
from memmux.settings import Settings

GRACE_S = 5.0  # how long a child that is told to end may take


class Exporter:
    """A process that exports the model of `settings`; it ends when this one does, whatever happens."""

    def __init__(self, settings: Settings) -> None:
        # A process group of its own: Ctrl-C at a terminal is for the router. What it has to say is in its log.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workers", "export", *settings.flags()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,
        )
        logs.get().info("export_started", exporter=self._process.pid)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def poll(self) -> bool | None:
        """Return whether the export is there; None while it is being made."""
        return None if (code := self._process.poll()) is None else code == 0

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return, once it has ended, whether the export is there; raise subprocess.TimeoutExpired."""
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
