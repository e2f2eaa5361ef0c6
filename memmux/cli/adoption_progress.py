"""Progress of an adoption: a command that has to wait for a cluster which adopts a database says so on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from memmux.cli.output import flat, note
from memmux.cluster import start
from memmux.cluster.start import AdoptionProgress
from memmux.config.paths import Places
from memmux.config.settings import Settings


@contextmanager
def announced(settings: Settings) -> Iterator[None]:
    """Say what an adoption took up that the block waited for, and draw how far it is, as `watched` does."""
    began = time.time()
    try:
        with watched():
            yield
    finally:
        if settings.adopt_from is not None:
            from memmux.cluster.adopted import told  # few have something to adopt

            for sentence in told(Places(settings), began):
                note(sentence)


@contextmanager
def watched() -> Iterator[None]:
    """Draw how far an adoption is that the block waits for, if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    before = start.watcher
    with ExitStack() as stack:
        start.watcher = _Bar(stack).show
        try:
            yield
        finally:
            start.watcher = before


class _Bar:
    """A bar that is drawn once there is something to show, and goes with the `stack`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._draw: object = None

    def show(self, adopting: AdoptionProgress) -> None:
        """Draw how far it is."""
        from rich.console import Console  # costs 50 ms, and only a terminal needs it
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # the same

        if not isinstance(self._draw, Progress):
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
            )
            self._draw = self._stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
            self._draw.add_task(f"adopting {flat(adopting.source)}", total=None)
        task = self._draw.tasks[0].id
        self._draw.update(task, completed=adopting.done, total=adopting.total or None)
