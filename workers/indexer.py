"""The indexer: has the segments of many vectors made when they are missing or stale, beside the writes."""

from __future__ import annotations

import time
from collections.abc import Callable

from memmux.config.settings import Settings
from memmux.logs import log
from workers.index import segment as segments
from workers.runtime.child import Child

QUIET_S = 3.0  # without a write before a build begins: in the middle of an import it would soon be stale
LONGEST_S = 300.0  # after which a build begins all the same
GROWN = 0.25  # of the vectors: so many changes make the segments stale
MOST_CHANGES = 100_000  # so many in any case: read workers keep what changed in memory, up to twice as many vectors
AGAIN_S = 300.0  # before a build that failed is tried again


class Indexer:
    """Watches how many vectors there are and how many changes were made since; `clock` gives monotonic seconds."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._child: Child | None = None
        self._seq = 0  # of the last look
        self._quiet_since = self._began = clock()
        self._not_before = clock()
        self._built: int | None = None  # the change at which the last build began; None before it is known
        self._indexed = 0
        self._forgotten = 0  # segments, by now

    @property
    def facts(self) -> dict[str, object]:
        """Return `building`, and `indexed`: how many vectors the segments that are there were made of."""
        return {"building": self._child is not None, "indexed": self._indexed}

    def turn(self, vectors: int, seq: int, forgotten: int = 0) -> None:
        """Begin a build that is due, and notice the end of one; what the system refuses is logged and tried again.

        vectors: of the current model. seq: the newest change. forgotten: how many segments were removed since the
        database was opened, which are to be made anew.
        """
        try:
            self._turn(vectors, seq, forgotten)
        except OSError as error:  # there is no room for a process, for one
            self._failed(f"the system says: {error}")

    def _turn(self, vectors: int, seq: int, forgotten: int) -> None:
        now = self._clock()
        if self._child is not None:
            self._look(self._child)
        if seq != self._seq:
            self._seq, self._quiet_since = seq, now
        if vectors < self._settings.index_from:
            self._began, self._indexed = now, 0
            return
        if self._built is None:
            self._find()
        if forgotten != self._forgotten:
            self._forgotten, self._built = forgotten, -1
        if self._child is not None or now < self._not_before or not self._is_stale(vectors, seq):
            return
        if now - self._quiet_since >= QUIET_S or now - self._began >= LONGEST_S:
            self._child, self._built, self._began = Child("segment", self._settings), seq, now

    def close(self) -> None:
        """End a build that runs; what it has made so far is left for the next one to remove."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _look(self, child: Child) -> None:
        if (made := child.poll()) is None:
            return
        child.close()
        self._child = None
        self._find()
        if not made:
            self._failed("its own log says why")

    def _failed(self, why: str) -> None:
        """Put the next build off."""
        self._not_before, self._built = self._clock() + AGAIN_S, -1
        log.get().warning("segment_build_failed", why=why)

    def _find(self) -> None:
        """See which segments are there."""
        newest = {(kept.model, kept.namespace): kept for _, kept in segments.kept(self._settings.database)}
        self._indexed = sum(kept.vectors for kept in newest.values())
        if self._built is None:
            self._built = min((kept.seq for kept in newest.values()), default=-1)

    def _is_stale(self, vectors: int, seq: int) -> bool:
        assert self._built is not None
        return self._built < 0 or seq - self._built >= min(GROWN * vectors, MOST_CHANGES) or seq < self._built
