"""A pair of servers of PostgreSQL: a primary and its synchronous replica, which takes its place when it is killed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness.measure import until
from memmux.postgres import servers
from memmux.postgres.server import Server, url
from memmux.postgres.servers import Servers

SYNCHRONOUS_S = 240.0  # for a replica to have all that its primary has


class Pair:
    """Two servers with one URL, whichever of them is the primary; what is acknowledged is on both.

    options: settings of PostgreSQL's, of both.
    """

    def __init__(self, place: Servers, **options: str) -> None:
        self._place = place
        self._options = options
        self.primary = place.primary("a", port=None, **options)
        self.replica = place.replica("b", port=None, **options)
        self.url = url([self.primary, self.replica])
        self.protect()

    def protect(self) -> None:
        """Have the primary confirm a commit once the replica has it, too; returns when it does so."""
        self.primary.configure(synchronous_standby_names=self.replica.name)
        with until(SYNCHRONOUS_S, "the replica's following") as wait:
            while value(self.primary, "SELECT sync_state FROM pg_stat_replication") != "sync":
                wait()

    def fail_over(self) -> float:
        """Kill the primary and let the replica take its place; return when it was gone, in monotonic seconds."""
        self.primary.kill()
        gone = time.monotonic()
        self.replica.promote()
        return gone

    def renew(self) -> None:
        """Make a replica in the place of the primary that was killed; returns when it has all."""
        gone, self.primary = self.primary, self.replica
        shutil.rmtree(gone.folder)
        self._place.all.remove(gone)
        self.replica = self._place.replica(gone.name, port=None, **self._options)
        self.protect()


@contextmanager
def pair(template: Path | None = None, **options: str) -> Iterator[Pair]:
    """Run two servers for the block; raises PostgresMissingError where there are no programs.

    template: the data that the first is made of, as `servers.template` gives it; without one it is made anew.
    """
    with servers.running(template) as place:
        yield Pair(place, **options)


def value(server: Server, statement: str) -> object:
    """Return the only value that a statement gives on a server, on a connection of its own; None if there is none."""
    import psycopg  # only where there is such a server

    with psycopg.connect(server.url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return None if row is None else row[0]
