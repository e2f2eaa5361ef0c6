"""Upkeep: forgetting what nobody can ask for any more, while nothing waits."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from memmux.errors import MemmuxError
from memmux.logs import log
from workers.storage import queries
from workers.storage.postgres.errors import errors
from workers.storage.postgres.writer_connection import WriterConnection
from workers.storage.writing import deletion, segments
from workers.storage.writing.memory_table import MemoryTable

ANSWERS_S = 24 * 3600  # how long an idempotency key is remembered
DELETED_S = 30 * 24 * 3600  # how long a deleted memory can be brought back, unless told otherwise
PRUNE_EVERY_S = 60.0
PURGE_EVERY_S = 3600.0
PURGE_FIRST_S = 60.0  # after the start
_PIECE = 1_000  # rows of one transaction of upkeep
_LEAST, _MOST = 64, 20_000  # memories; among fewer it hardly matters how some are found, and more are autovacuum's
_GROWN = 4  # times as many memories as it knows of, and another way may be the best
# Tables that are as large as there are memories: of one that is empty a server would think that it stays so.
_ANALYZE = b"ANALYZE (SKIP_LOCKED) memories, changes, postings, texts"

_SQL = queries.load("writer")
_SERVER = queries.load("server")


class Upkeep:
    """Removes what is old, and segments of what is gone. `now` gives seconds since 1970, `clock` monotonic ones.

    database: beside which the segments are. retention_s: how long deleted memories are kept; 0 for ever.
    """

    def __init__(
        self,
        connection: WriterConnection,
        memory_table: MemoryTable,
        database: Path,
        now: Callable[[], float],
        clock: Callable[[], float],
        *,
        retention_s: float,
    ) -> None:
        self._connection = connection
        self._memory_table = memory_table
        self._database = database
        self._retention_s = retention_s
        self._now, self._clock = now, clock
        self._began, self._started = now(), clock()
        self._pruned = clock()
        self._purged = clock() - PURGE_EVERY_S + PURGE_FIRST_S
        self._analyzed = 0  # memories of which the server has statistics, as far as it is known here
        self.forgotten = 0  # segments that were removed since, as they held what was purged

    def turn(self) -> None:
        """Do what is due; what fails is logged and tried again."""
        try:
            with errors():
                self._prune()
                if self._clock() - self._purged >= PURGE_EVERY_S:
                    self._purged = self._clock()
                    if self._purge() == deletion.EXPIRED:
                        self._purged -= PURGE_EVERY_S  # there may be more, for the next turn
                    self.forget_segments()  # also those that could not be removed before
                    self._forget("purge_tags")
        except MemmuxError as error:
            log.get().warning("upkeep_failed", code=error.code, error=error.message)

    def relieve(self, memories: int) -> None:
        """Do between two writes what can't wait for an idle moment; memories: how many there are.

        Answers are forgotten. The server looks at its tables anew where they grew far since it did: it chooses by its
        statistics how it finds rows, and of tables that are new or filled at once autovacuum gives it none for a minute
        or longer. What fails is logged: what was applied is acknowledged all the same.
        """
        try:
            with errors():
                self._prune()
                if max(_LEAST, _GROWN * self._analyzed) <= memories <= _MOST:
                    self._analyze(memories)
        except MemmuxError as error:
            log.get().warning("upkeep_failed", code=error.code, error=error.message)

    def forget_segments(self) -> None:
        """Remove the segments that hold what is gone, see `segments.forget`; what fails is logged and tried again."""
        try:
            with errors():
                for _ in segments.forget(self._connection, self._database):
                    self.forgotten += 1
        except MemmuxError as error:
            log.get().warning("upkeep_failed", code=error.code, error=error.message)

    def _today(self) -> float:
        """Return the time, but for a clock that was set forward since the start, by which nothing gets older."""
        return min(self._now(), self._began + self._clock() - self._started)

    def _analyze(self, memories: int) -> None:
        self._analyzed = max(0, self._connection.value(_SERVER["analyzed"]))  # by whomever
        if memories >= _GROWN * self._analyzed:
            self._analyzed = memories  # if it fails, it is not tried again each time
            self._connection.raw.execute(_ANALYZE, prepare=False)

    def _prune(self) -> None:
        """Forget answers that are older than any request that comes again, a piece of them, if it is time."""
        if self._clock() - self._pruned < PRUNE_EVERY_S:
            return
        self._pruned, before = self._clock(), self._today() - ANSWERS_S
        if not self._connection.value(_SQL["has_old_answers"], {"before": before}):
            return  # a transaction has other writers forget what they know
        if self._forget("prune_answers", before=before) == _PIECE:
            self._pruned -= PRUNE_EVERY_S  # there may be more, for the next turn

    def _purge(self) -> int:
        """Purge some of what was deleted long enough ago; return how many."""
        before = self._today() - (self._retention_s or math.inf)
        if not deletion.is_due(self._connection, before):
            return 0
        with self._connection.writing():
            gone = deletion.purge_expired(self._memory_table, nothing, before)
        if gone:
            log.get().info("memories_purged", memories=gone)
        return gone

    def _forget(self, name: str, **values: float) -> int:
        with self._connection.writing():
            gone = self._connection.execute(_SQL[name], {**values, "limit": _PIECE})
        if gone:
            log.get().info("rows_forgotten", statement=name, rows=gone)
        return gone


def nothing() -> None:
    """Forget nothing more of what is gone: postings went with it, and VACUUM gives the room back."""
