"""The load: one client process that stores, changes, deletes and reads, and keeps a ledger of it.

`python -P -m bench.faults.load --name=… --seed=… --ledger=… --pause-ms=… --host=… FLAGS…`, where the flags are the
settings'. It goes on until its standard input ends; then it finishes the call it is in and exits with 0. With
`--host=1` it is an MCP host, which prints the pid of its relay first, and exits with SERVER_GONE when that is gone.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.host_client import HostClient
from bench.faults.ledger import Ack, Entry, Ledger
from bench.harness.mcp_client import Host, ServerGoneError
from memmux import Client
from memmux.config.settings import parse_flags
from memmux.errors import MemmuxError
from memmux.wire import requests
from memmux.wire.answers import Stored

KEPT = 40  # live memories of one client; above that it deletes instead of storing
BATCH = 2, 6  # the fewest and the most memories of one store_batch
_WORDS = ("harbour", "lantern", "orchard", "granite", "meadow", "thunder", "compass", "velvet", "saffron", "glacier")

SERVER_GONE = 3  # the exit code of a host whose server ended: hosts never start it again
_OWN = ("--name=", "--seed=", "--ledger=", "--pause-ms=", "--host=")


@dataclass(slots=True)
class _Known:
    """A memory of this client, as it was acknowledged; nobody else changes it."""

    id: str
    content: str
    marks: set[str] = field(default_factory=set)


class Load:
    """One client's calls, chosen by a seed.

    A write that failed may have been applied or not: its memory is not looked at again by this client, and the verdict
    takes either for right.
    """

    def __init__(self, client: Client | HostClient, ledger: Ledger, seed: int) -> None:
        self._client = client
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._known: list[_Known] = []
        self._unsure = 0  # memories that may be there beside those
        self._texts = 0
        self._weighted: tuple[tuple[Callable[[], None], int], ...] = (
            (self._store, 20),
            (self._store_batch, 4),
            (self._update, 20),
            (self._rewrite, 6),
            (self._delete, 12),
            (self._get, 20),
            (self._find, 8),
            (self._search, 10),
            (self._list, 8),
        )

    def step(self) -> None:
        """Make one call and write down what came of it."""
        calls, weights = zip(*self._weighted, strict=True)
        (call,) = self._chance.choices(calls, weights)
        if not self._known:
            call = self._store
        elif len(self._known) >= KEPT and call in (self._store, self._store_batch):
            call = self._delete
        call()

    def _text(self) -> str:
        self._texts += 1
        words = self._chance.choices(_WORDS, k=self._chance.randint(4, 60))
        return f"{self._ledger.client} remembers {self._texts}: {' '.join(words)}"

    def _pick(self) -> _Known:
        return self._chance.choice(self._known)

    def _store(self) -> None:
        text = self._text()
        entry = self._ledger.begin("memory.store", contents=(text,))
        try:
            stored = self._client.store(text, tags=[self._ledger.client], key=entry.key)
        except MemmuxError as error:
            self._failed(entry, error, unsure=1)
        else:
            self._stored(entry, [stored])

    def _store_batch(self) -> None:
        texts = tuple(self._text() for _ in range(self._chance.randint(*BATCH)))
        entry = self._ledger.begin("memory.store_batch", contents=texts)
        memories = [requests.Store(content=text, tags=(self._ledger.client,)) for text in texts]
        try:
            stored = self._client.store_batch(memories, key=entry.key)
        except MemmuxError as error:
            self._failed(entry, error, unsure=len(texts))
        else:
            self._stored(entry, stored.stored)

    def _stored(self, entry: Entry, stored: Sequence[Stored]) -> None:
        acks = tuple(Ack(memory=one.id, seq=one.seq, status=one.status) for one in stored)
        self._ledger.end(entry, acks=acks)
        self._known += [_Known(one.id, text) for one, text in zip(stored, entry.contents, strict=True)]

    def _update(self) -> None:
        memory = self._pick()
        entry = self._ledger.begin("memory.update", memory=memory.id, marked=True)
        try:
            updated = self._client.update(memory.id, metadata={entry.mark: True}, key=entry.key)
        except MemmuxError as error:
            self._forget(memory, entry, error)
        else:
            self._ledger.end(entry, acks=(Ack(memory=updated.id, seq=updated.seq),))
            memory.marks.add(entry.mark)

    def _rewrite(self) -> None:
        memory, text = self._pick(), self._text()
        entry = self._ledger.begin("memory.rewrite", memory=memory.id, contents=(text,), marked=True)
        try:
            updated = self._client.update(memory.id, content=text, metadata={entry.mark: True}, key=entry.key)
        except MemmuxError as error:
            self._forget(memory, entry, error)
        else:
            self._ledger.end(entry, acks=(Ack(memory=updated.id, seq=updated.seq),))
            memory.content = text
            memory.marks.add(entry.mark)

    def _delete(self) -> None:
        memory = self._pick()
        entry = self._ledger.begin("memory.delete", memory=memory.id)
        try:
            deleted = self._client.delete(memory.id, key=entry.key)
        except MemmuxError as error:
            self._forget(memory, entry, error)
        else:
            self._ledger.end(entry, acks=(Ack(memory=deleted.id, seq=deleted.seq),))
            self._known.remove(memory)

    def _get(self) -> None:
        memory = self._pick()
        entry = self._ledger.begin("get", memory=memory.id)
        try:
            found = self._client.get(memory.id)
        except MemmuxError as error:
            self._failed(entry, error)
            return
        same = found.content == memory.content and memory.marks <= set(found.metadata)
        self._ledger.end(entry, wrong="" if same else f"get: {memory} was read as {found}")

    def _find(self) -> None:
        """Search for the exact text of a memory, which nothing but that memory holds."""
        memory = self._pick()
        entry = self._ledger.begin("find", memory=memory.id)
        try:
            found = self._client.search(memory.content, mode="exact", limit=3)
        except MemmuxError as error:
            self._failed(entry, error)
            return
        ids = [hit.memory.id for hit in found]
        self._ledger.end(entry, wrong="" if ids == [memory.id] else f"search: {memory} was found as {ids}")

    def _search(self) -> None:
        entry = self._ledger.begin("search")
        try:
            self._client.search(" ".join(self._chance.sample(_WORDS, 3)), limit=5)
        except MemmuxError as error:
            self._failed(entry, error)
        else:
            self._ledger.end(entry)

    def _list(self) -> None:
        entry = self._ledger.begin("list")
        try:
            total = self._client.list(limit=1, tags=[self._ledger.client]).total
        except MemmuxError as error:
            self._failed(entry, error)
            return
        least, most = len(self._known), len(self._known) + self._unsure
        right = least <= total <= most
        self._ledger.end(entry, wrong="" if right else f"list: {total} memories instead of {least} to {most}")

    def _forget(self, memory: _Known, entry: Entry, error: MemmuxError) -> None:
        self._known.remove(memory)
        self._failed(entry, error, unsure=1)

    def _failed(self, entry: Entry, error: MemmuxError, unsure: int = 0) -> None:
        # What is known to be there and is not found is no failure of the call: it is lost.
        lost = f"{entry.operation}: {entry.memory} was acknowledged and is not found"
        self._unsure += unsure
        self._ledger.end(entry, error=error.code, wrong=lost if error.code == "not_found" else "")


def main(arguments: list[str]) -> int:
    """Call until standard input ends; return the exit code."""
    given = {name: argument.removeprefix(name) for name in _OWN for argument in arguments if argument.startswith(name)}
    name, seed, path, pause_ms, host = (given[known] for known in _OWN)
    settings = parse_flags([argument for argument in arguments if not argument.startswith(_OWN)])
    stopped = threading.Event()

    def watch() -> None:
        sys.stdin.buffer.read()
        stopped.set()

    threading.Thread(target=watch, name="watch", daemon=True).start()
    pauses = random.Random(f"pauses of {seed}")

    def call(client: Client | HostClient, ledger: Ledger) -> None:
        load = Load(client, ledger, int(seed))
        while not stopped.wait(pauses.uniform(0, 2 * int(pause_ms)) / 1000):
            load.step()

    with Ledger(Path(path), name, keyed=host != "1") as ledger:
        if host != "1":
            with Client(settings=settings, name=name) as client:
                call(client, ledger)
            return 0
        served = Host(settings, name)
        sys.stdout.write(f"{served.process.pid}\n")  # for whoever strikes it
        sys.stdout.flush()
        try:
            served.initialize()
            call(HostClient(served), ledger)
        except ServerGoneError:
            return SERVER_GONE
        finally:
            served.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
