"""Failovers: many clients of several clusters store and read, while the primary of their database is killed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from bench.harness import report
from bench.harness.measure import percentile
from bench.harness.pair import Pair
from memmux import Client
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.postgres.server import Server

STEADY = 40  # stores that are acknowledged between two kills
BOUND_S = 240.0  # for so many
READ_EVERY_S = 0.02
_LEFT_S = 300.0  # for a client to end its last call


@dataclass(frozen=True, slots=True)
class Outage:
    """One kill of a primary; all in monotonic seconds.

    first: when a store was answered that was asked for after the primary was gone, perhaps before `promoted`, when the
    command returned that has another one be the primary.
    """

    killed: float
    promoted: float
    first: float


@dataclass(slots=True)
class Failovers:
    """What came of all kills.

    stores: what was acknowledged, by id. failures: of calls, a sentence each. reads: when each was asked, and how long
    it took.
    """

    outages: list[Outage] = field(default_factory=list)
    stores: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    reads: list[tuple[float, float]] = field(default_factory=list)
    lost: int = 0
    twice: int = 0

    @property
    def first_store_s(self) -> float:
        """The longest time from a promotion to an acknowledgement; 0 where none came later than the promotion."""
        return max([0.0, *(outage.first - outage.promoted for outage in self.outages)])

    def read_p95_ms(self, *, during: bool) -> float:
        """Return what 95 of 100 reads took at most: during the outages, or at any other time; 0 for no read."""
        taken = [took for asked, took in self.reads if during == any(o.killed <= asked < o.first for o in self.outages)]
        return 1_000 * percentile(taken, 95) if taken else 0.0

    def judge(self, server: Server) -> None:
        """Count what a server lacks of what was acknowledged, and what it has more than once."""
        import psycopg  # only where there is such a server

        with psycopg.connect(server.url) as connection:
            kept = connection.execute("SELECT id, content FROM memories WHERE deleted_at IS NULL").fetchall()
        self.lost = len(self.stores.items() - set(kept))
        self.twice = sum(count - 1 for count in Counter(content for _, content in kept).values())


class Crowd:
    """Threads, each a client of one of the clusters: some store without a pause, and others read what is there."""

    def __init__(self, machines: Sequence[Settings], clients: int, readers: int, found: Failovers) -> None:
        self._found = found
        self._machines = machines
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._own: list[list[str]] = [[] for _ in machines]  # of each, what was stored there
        self._answered: list[tuple[float, float]] = []  # when each store was asked for, and answered
        self._threads = [self._thread(number, self._store) for number in range(clients)]
        self._threads += [self._thread(number, self._read) for number in range(readers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(_LEFT_S)

    def more(self, stores: int) -> None:
        """Wait until so many more stores were acknowledged, or something failed; raises TimeoutError."""
        wanted = len(self._answered) + stores
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._answered) >= wanted or self._found.failures, BOUND_S):
                raise TimeoutError(f"{stores} stores took longer than {BOUND_S:g} s")

    def first(self, since: float) -> float:
        """Wait for the first store that was asked for since then, and return when it was answered."""

        def found() -> float | None:
            return next((answered for asked, answered in self._answered if asked >= since), None)

        with self._changed:
            at = self._changed.wait_for(found, BOUND_S)
        if at is None:
            raise TimeoutError(f"no store was acknowledged within {BOUND_S:g} s")
        return at

    def _thread(self, number: int, call: Callable[[Client, list[str], str, int], None]) -> threading.Thread:
        place = number % len(self._machines)
        settings, own = self._machines[place], self._own[place]
        name = f"{call.__name__.strip('_')}-{number}"

        def run() -> None:
            with Client(settings=settings, name=name) as client:
                turn = 0
                while not self._stopped.is_set():
                    try:
                        call(client, own, name, turn)
                    except MemmuxError as error:
                        with self._changed:
                            self._found.failures.append(f"{name}, call {turn}: {error.code}: {error}")
                            self._changed.notify_all()
                    turn += 1

        return threading.Thread(target=run, name=name)

    def _store(self, client: Client, own: list[str], name: str, turn: int) -> None:
        content, asked = f"{name} remembers {turn}", time.monotonic()
        stored = client.store(content, key=content)
        with self._changed:
            self._found.stores[stored.id] = content
            own.append(stored.id)
            self._answered.append((asked, time.monotonic()))
            self._changed.notify_all()

    def _read(self, client: Client, own: list[str], name: str, turn: int) -> None:
        """Read what was stored on this machine: its servers may lack, for a moment, what another has just stored."""
        del name
        if own:
            wanted = own[turn % len(own)]
            asked = time.monotonic()
            content = client.get(wanted).content
            self._found.reads.append((asked, time.monotonic() - asked))
            if content != self._found.stores[wanted]:
                self._found.failures.append(f"{wanted} was read as {content!r}")
        self._stopped.wait(READ_EVERY_S)


def run(both: Pair, machines: Sequence[Settings], *, kills: int, clients: int, readers: int) -> Failovers:
    """Kill the primary so often, each time under load, and judge; the clusters are still running then."""
    found = Failovers()
    with Crowd(machines, clients, readers, found) as crowd:
        for kill in range(kills):
            report.progress(f"kill {kill + 1} of {kills}")
            if kill:
                both.renew()
            crowd.more(STEADY)
            if found.failures:
                break
            killed = time.monotonic()
            gone = both.fail_over()
            promoted = time.monotonic()
            found.outages.append(Outage(killed, promoted, crowd.first(gone)))
        crowd.more(STEADY)
    found.judge(both.replica)  # which is the primary since the last kill
    return found
