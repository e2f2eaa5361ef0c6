"""The reader: questions to a replica, each in one transaction that sees one moment; to the primary, if that is late."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from memmux.errors import DatabaseUnreachableError, DeadlineExceededError
from memmux.logs import log
from memmux.wire.cues import Cue
from memmux.wire.requests import HealthRow
from workers.embedding.interface import Named
from workers.runtime.jobs import Alive, silent
from workers.storage import queries
from workers.storage.postgres import engine, schema
from workers.storage.postgres.connection import PostgresConnection
from workers.storage.postgres.engine import Raw, Role
from workers.storage.postgres.errors import errors
from workers.storage.postgres.reader_connection import STANDS, ReaderConnection
from workers.storage.postgres.tables import TableIndex
from workers.storage.postgres.waits import Waits
from workers.storage.postgres.words import PostgresWords
from workers.storage.reading.reader import MemoryReader
from workers.storage.reading.vector_follower import MOST_VECTORS
from workers.storage.records import vectors
from workers.storage.records.embeddings import Embedded

BEHIND = "replica_behind"
LATE_S = 0.25  # how long a replica is waited for, before the primary is asked
LATE_FOR_S = 1.0  # for so long after that a replica that is still late is not waited for again
LOOK_S = 10.0  # between two looks for a replica, where the primary answers
_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.02  # between two looks whether a replica has a change

_SQL = queries.load("server")


class PostgresReader(MemoryReader):
    """Reads from a replica of `url`, whose tables a writer has made; keeps at most `most_vectors` vectors in memory.

    home: what this machine's files of it are named after, such as its segments. read_url: of the replicas, if it is
    another; one of either that has none gives the primary. now: seconds since 1970, by which memories get older. cues:
    those of questions that count in rankings. clock: monotonic seconds.
    """

    still = False

    def __init__(
        self,
        url: str,
        home: Path,
        *,
        read_url: str = "",
        most_vectors: int = MOST_VECTORS,
        now: Callable[[], float] = time.time,
        cues: Collection[Cue] = tuple(Cue),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._looked = clock()
        self._postgres = ReaderConnection(partial(_of_replica, read_url or url, url))
        self._primary = ReaderConnection(partial(engine.connect, url, Role.WRITE))
        self._start = partial(
            super().__init__,
            self._postgres,
            PostgresWords(self._postgres),
            partial(TableIndex, self._postgres),
            home,
            most_vectors=most_vectors,
            now=now,
            cues=cues,
        )
        self._start()
        self._stood = 0, ""  # the change where the last snapshot stood, and what it was
        self.degraded: tuple[str, ...] = ()  # what the snapshot had to do without
        self._waits = Waits()
        self._late_until = -math.inf
        self._counted: dict[str, object] = {}
        self.rewound = 0  # how often the servers had lost changes that this reader had seen
        try:
            with errors():
                self._served = vectors.served(self._postgres)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def snapshot(self, deadline: float, alive: Alive, *, min_seq: int = 0) -> Iterator[None]:
        """Begin a transaction that sees one moment, and end it with the block; see `interface.Reader`.

        min_seq: a change that it must have seen, as whoever asks was told of it.
        """
        self.degraded = ()
        connection = self._postgres
        for each in (connection, self._primary):
            each.use(alive, deadline)
        try:
            with errors():
                self._stand(min_seq, deadline, alive)
                yield
        finally:
            connection.end()
            if self.degraded:
                connection.exchange(self._primary)
            for each in (connection, self._primary):
                each.use(silent)

    @property
    def model(self) -> Named | None:
        """The model whose vectors are searched, as of the last snapshot; see `interface.Reader`."""
        return self._served

    def missed(self, asked: HealthRow, texts: Sequence[Embedded]) -> Sequence[str]:
        """Return what a health check should have found and did not; see `interface.Reader`.

        Its row is no change that could be waited for by its number, and is waited for as long as one.
        """
        until, waits = time.monotonic() + LATE_S, True
        while waits and not self.degraded and not self._has_row(asked):
            self._postgres.end()
            if time.monotonic() < until:
                time.sleep(_LONGEST_PAUSE_S)
            elif waits := self._has_primary():
                self._postgres.exchange(self._primary)
                self.degraded = (BEHIND,)
            self._stand(self._seq, math.inf, self._alive)
        return super().missed(asked, texts)

    def idle(self, alive: Alive = silent) -> None:
        """Catch up with the change log, and look for a replica if it is the primary that answers."""
        if self._clock() - self._looked >= LOOK_S:
            self._looked = self._clock()
            with errors():
                if not self._postgres.value(_SQL["is_replica"]):
                    self._postgres.leave()
        super().idle(alive)
        self._postgres.use(alive)
        try:
            with errors():
                memories, model = vectors.memories(self._postgres), vectors.current(self._postgres)
        finally:
            self._postgres.use(silent)
        self._counted = {"memories": memories, "pending": memories - (model.memories if model else 0)}

    def facts(self) -> dict[str, object]:
        """Return memories and pending, as of the last rest; what was waited for, and how often it connected anew."""
        reconnects = self._postgres.reconnects + self._primary.reconnects
        return {**self._counted, **self._waits.to_facts(), "rewound": self.rewound, "reconnects": reconnects}

    def trim(self) -> None:
        """Do nothing: the server has the pages."""

    def close(self) -> None:
        """Leave the database."""
        self._postgres.drop()
        self._primary.drop()

    def _stand(self, min_seq: int, deadline: float, alive: Alive) -> None:
        """Begin a transaction at or after a change, and after that where the last one stood.

        Where the primary itself has not got that far, a replica was promoted that lacked the last changes.
        """
        known, was = self._stood
        began = time.monotonic()
        until = began if self._clock() < self._late_until else began + LATE_S
        wanted, pause, waited = max(min_seq, known), _PAUSE_S, False
        while True:
            seq, what, then = self._postgres.look(STANDS, {"known": known})
            if not self.degraded:
                self._waits.at = seq
            if seq >= wanted or self.degraded:
                break
            self._postgres.end()
            waited = True
            if time.monotonic() >= min(until, deadline) and self._has_primary():
                self._postgres.exchange(self._primary)
                self.degraded = (BEHIND,)
                if until > began:
                    self._late_until = self._clock() + LATE_FOR_S
            else:
                if time.monotonic() >= deadline:
                    raise DeadlineExceededError
                alive()
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        if waited:
            self._waits.waited(time.monotonic() - began, in_vain=bool(self.degraded))
        if (known and then != was) or seq < wanted:
            self.rewound += 1
            log.get().warning("history_rewound", seq=seq, known=known)
            self._start()
        self._stood = seq, what
        self._stands(seq, alive)

    def _has_primary(self) -> bool:
        """Return whether the primary can be asked; a replica is waited for otherwise."""
        try:
            with errors():
                return engine.is_usable(self._primary.raw)
        except DatabaseUnreachableError:
            return False

    def _stands(self, seq: int, alive: Alive) -> None:
        self._alive, self._seq = alive, seq
        self._search.at(seq)
        self._served = vectors.served(self._postgres)


def _of_replica(read_url: str, url: str) -> Raw:
    """Return a connection to a replica that has the tables; to the primary, if there is none or it is later than they.

    Raises DatabaseMissingError where no writer has made them yet, and StorageError and its other kinds.
    """
    raw = engine.connect(read_url, Role.READ)
    try:
        if not schema.is_newest(raw):
            raw.close()
            raw = engine.connect(url, Role.WRITE)
        schema.refuse_unready(raw)
    except BaseException:
        raw.close()
        raise
    return raw


@contextmanager
def reading(url: str) -> Iterator[PostgresConnection]:
    """Connect for reading, all as of one moment; raise StorageError and its kinds, also for what the block does."""
    connection = PostgresConnection(partial(engine.connect, url, Role.READ))
    try:
        with errors():
            connection.look(_SQL["is_replica"])
            yield connection
    finally:
        connection.drop()
