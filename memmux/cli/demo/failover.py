"""The failover of the demo: while clients of two clusters store, the primary is killed and its replica promoted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.postgres import servers as postgres
from memmux.postgres.server import url
from memmux.postgres.servers import Servers

if TYPE_CHECKING:
    from memmux.cli.demo.players import Report

MACHINES = ("one", "two")


class Failover:
    """A primary and its replica, and what happens to them once so many stores were acknowledged."""

    def __init__(self, servers: Servers, after: int) -> None:
        self._primary, self._replica = servers.primary(), servers.replica()
        self._primary.configure(synchronous_standby_names=self._replica.name)  # what is acknowledged is on both
        self._left = after
        self._thread: threading.Thread | None = None
        self._began = self._killed = 0.0
        self._failure: MemmuxError | None = None

    def machines(self, arena: Settings, folder: Path) -> list[Settings]:
        """Return the settings of two clusters of the one database, each with files of its own, as two machines have."""
        server = url([self._primary, self._replica])
        return [replace(arena, server=server, database=folder / name / "memmux") for name in MACHINES]

    def watching(self, report: Report) -> Report:
        """Return a report that counts what was stored, besides."""

        def counted(phase: str, done: int) -> None:
            if phase == "storing":
                self._stored(done)
            report(phase, done)

        return counted

    def outage_s(self, stores: Iterable[tuple[float, float]]) -> float | None:
        """Return the time from the kill to the acknowledgement of a store that began after it; None without one.

        stores: when each began and was acknowledged, in monotonic seconds.
        """
        after = [acknowledged for began, acknowledged in stores if self._killed and began >= self._killed]
        return round(min(after) - self._began, 1) if after else None

    def end(self) -> None:
        """Wait for the promotion; raise what it failed with."""
        if self._thread is not None:
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _stored(self, count: int) -> None:
        self._left -= count
        if self._thread is None and self._left <= 0:
            self._thread = threading.Thread(target=self._strike, name="failover")
            self._thread.start()

    def _strike(self) -> None:
        self._began = time.monotonic()
        self._primary.kill()
        self._killed = time.monotonic()
        try:
            self._replica.promote()
        except MemmuxError as error:
            self._failure = error


@contextmanager
def prepared(texts: int) -> Iterator[Failover]:
    """Run the servers for the block; the primary is killed at half of the texts.

    Raises PostgresMissingError where there is no PostgreSQL to run.
    """
    with postgres.running() as servers:
        failover = Failover(servers, texts // 2)
        yield failover
        failover.end()
