"""The startup: from the first process to a cluster that serves, or the error that keeps it from serving."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from memmux.errors import DatabaseCorruptError, DatabaseUnreachableError, MemmuxError, StorageFullError, error_from_json
from memmux.wire.operations import Stage

COMPLETE_S = 2.0  # what a new cluster waits for its readers and its model before it serves without them


class Startup:
    """The progress of a start. Times are monotonic seconds.

    there: whether there is a database already, which can be read though it can't be written.
    serve_by: when it serves at the latest; set once there is a database to read. serving_since: None until it serves.
    failure: what keeps the writer, and with it the cluster, from starting.
    """

    def __init__(self, there: Callable[[], bool] = lambda: True) -> None:
        self._there = there
        self.serve_by: float | None = None
        self.serving_since: float | None = None
        self.failure: MemmuxError | None = None
        self._unwritable = False  # no server takes writes
        self._settled: set[Stage] = set()  # the kinds of which one worker has been ready, or has failed

    def on_ready(self, stage: Stage, now: float) -> bool:
        """Note that a worker is ready; return whether there is a database to read from now on."""
        self._settled.add(stage)
        return stage is Stage.WRITE and self._readable(now)

    def on_failed(self, stage: Stage, error: Mapping[str, object], now: float) -> bool:
        """Note why a worker can't start; return whether there is a database to read from now on.

        What can still be read of a damaged one is served, what is on a disk that is full, and what replicas have while
        no server takes writes; there is none of those, if a reader finds none either.
        """
        self._settled.add(stage)
        if self._unwritable and stage is Stage.READ and self.serving_since is None:
            found = error_from_json(dict(error))
            self.failure = found if isinstance(found, DatabaseUnreachableError) else None
        if stage is not Stage.WRITE or self.serve_by is not None:
            return False
        failure = error_from_json(dict(error))
        self._unwritable = isinstance(failure, DatabaseUnreachableError)
        readable = self._unwritable or isinstance(failure, DatabaseCorruptError)
        if readable or (isinstance(failure, StorageFullError) and self._there()):
            return self._readable(now)
        self.failure = failure
        return False

    def _readable(self, now: float) -> bool:
        """Return whether it was not so before."""
        if self.serve_by is not None:
            return False
        self.serve_by = now + COMPLETE_S
        return True

    def completed(self, now: float) -> bool:
        """Return whether the cluster begins to serve now: every kind of worker has settled, or it waited enough."""
        if self.serving_since is not None or self.serve_by is None:
            return False
        if len(self._settled) < len(Stage) and now < self.serve_by:
            return False
        self.serving_since = now
        return True

    def able(self, facts: Mapping[Stage, Mapping[str, object]]) -> bool:
        """Return whether there is a reader and a writer that could begin; facts: what workers said last, by kind."""
        return all(facts[stage] for stage in (Stage.READ, Stage.WRITE))

    @property
    def warm(self) -> bool:
        """Whether an embedder has loaded the model, or can't."""
        return Stage.EMBED in self._settled

    def idle_s(self, idle_since: float | None, now: float) -> float:
        """Return for how long there has been no client that could have been there; idle_since: since when none is."""
        if idle_since is None or self.serving_since is None:
            return 0.0
        return now - max(idle_since, self.serving_since)
