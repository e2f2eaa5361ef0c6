"""The probes: threads that ask for one thing again and again, to see how long it can't be had after a fault.

One asks as an MCP host does, through a relay that nobody strikes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bench.faults.crowd import FINISH_S, ledger_path
from bench.faults.host_client import HostClient
from bench.faults.ledger import Ack, Ledger
from bench.faults.schedule import Part
from bench.harness.arena import Arena
from bench.harness.mcp_client import Host
from memmux import Client
from memmux.errors import MemmuxError

BEAT_S = 0.02  # between two questions
MARKS = 50  # of one memory: each change keeps the whole memory as it was


class Probe:
    """Asks, in a thread of its own, until it is stopped; a context manager.

    ask: makes one call, between its two lines in the ledger, and returns whether it got what the probe is about.
    hosted: whether it asks as an MCP host.
    """

    def __init__(
        self, arena: Arena, name: str, ask: Callable[[Client | HostClient, Ledger], bool], *, hosted: bool = False
    ) -> None:
        self._ledger = Ledger(ledger_path(arena, name), name, keyed=not hosted)
        self._host = Host(arena.settings, name) if hosted else None
        self._client = Client(settings=arena.settings, name=name) if self._host is None else HostClient(self._host)
        self._ask = ask
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._successes: list[tuple[float, float]] = []  # when each was asked, and answered
        self._thread = threading.Thread(target=self._run, name=name)

    def __enter__(self) -> Self:
        if self._host is not None:
            self._host.initialize()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(FINISH_S)
        if isinstance(self._client, Client):
            self._client.close()
        if self._host is not None:
            self._host.close()
        with self._ledger:
            pass

    def recovery_s(self, since: float, bound_s: float) -> float | None:
        """Wait for the first success of a question asked after `since`, and return how long after that it came.

        since: monotonic seconds. Return None if there is none within the bound.
        """
        with self._changed:
            found = self._changed.wait_for(lambda: self._first(since), bound_s)
        return None if found is None else found - since

    def _first(self, since: float) -> float | None:
        return next((answered for asked, answered in self._successes if asked >= since), None)

    def _run(self) -> None:
        while not self._stopped.wait(BEAT_S):
            asked = time.monotonic()
            if self._ask(self._client, self._ledger):
                with self._changed:
                    self._successes.append((asked, time.monotonic()))
                    del self._successes[:-500]
                    self._changed.notify_all()


def probes(arena: Arena) -> dict[Part, Probe]:
    """Return a probe for each kind of worker and the gateway; the router's are all but the embedder's."""
    return {
        Part.READ: Probe(arena, "probe-read", _read),
        Part.EMBED: Probe(arena, "probe-embed", _embed),
        Part.WRITE: Probe(arena, "probe-write", _Writes()),
        Part.GATEWAY: Probe(arena, "probe-gateway", _read, hosted=True),
    }


def _read(client: Client | HostClient, ledger: Ledger) -> bool:
    entry = ledger.begin("list")
    try:
        client.list(limit=1, tags=())
    except MemmuxError as error:
        ledger.end(entry, error=error.code)
        return False
    ledger.end(entry)
    return True


def _embed(client: Client | HostClient, ledger: Ledger) -> bool:
    """Search by meaning: without an embedder there is an answer all the same, but it says what it had to do without."""
    entry = ledger.begin("search")
    try:
        found = client.search("harbour")
    except MemmuxError as error:
        ledger.end(entry, error=error.code)
        return False
    ledger.end(entry)
    return not any(code.startswith("embedder_") for code in found.degraded)


class _Writes:
    """Stores a memory and then marks it, until it has so many marks that another one is stored."""

    def __init__(self) -> None:
        self._memory = ""
        self._marks = MARKS

    def __call__(self, client: Client | HostClient, ledger: Ledger) -> bool:
        return self._store(client, ledger) if self._marks >= MARKS else self._mark(client, ledger)

    def _store(self, client: Client | HostClient, ledger: Ledger) -> bool:
        text = f"{ledger.client} was here at {time.monotonic_ns()}"
        entry = ledger.begin("memory.store", contents=(text,))
        try:
            stored = client.store(text, key=entry.key)
        except MemmuxError as error:
            ledger.end(entry, error=error.code)
            return False
        ledger.end(entry, acks=(Ack(memory=stored.id, seq=stored.seq, status=stored.status),))
        self._memory, self._marks = stored.id, 0
        return True

    def _mark(self, client: Client | HostClient, ledger: Ledger) -> bool:
        entry = ledger.begin("memory.update", memory=self._memory, marked=True)
        try:
            updated = client.update(self._memory, metadata={entry.mark: True}, key=entry.key)
        except MemmuxError as error:
            ledger.end(entry, error=error.code)
            return False
        ledger.end(entry, acks=(Ack(memory=updated.id, seq=updated.seq),))
        self._marks += 1
        return True
