"""The feed: one follower of the change log for all streams that may see the same, each with a queue that is bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

import orjson

from mcp_dealer.http.rest import shapes
from mcp_dealer.link.change_watch import ChangeWatch
from memmux.client.asynchronous import AsyncClient
from memmux.errors import ClusterError, MemmuxError
from memmux.wire.answers import Changes, Notice

QUEUE: Final = 256  # events that a reader may be behind
QUEUE_BYTES: Final = 256 << 10
PAGE: Final = 64  # changes that are told at once: whoever reads has a moment to before the next
HEARTBEAT_S: Final = 15.0
STATUS_S: Final = 2.0
RETRY_S: Final = 1.0  # before a cluster that could not be asked is asked again
RETRY: Final = b"retry: 2000\n\n"  # milliseconds before a browser connects again
ALIVE: Final = b": alive\n\n"
RESET: Final = "reset"
CONNECTED: Final = "connection_established"


def event(name: str, data: object, seq: int | None = None) -> bytes:
    """Return an event as it is sent."""
    number = b"" if seq is None else b"id: %d\n" % seq
    return b"%sevent: %s\ndata: %s\n\n" % (number, name.encode(), orjson.dumps(data))


def of_notice(notice: Notice) -> bytes:
    """Return the event that a change is."""
    said = shapes.notice(notice)
    return event(said["event"], said, notice.seq)


class Reader:
    """One stream; seq: what it has seen. given_up: done once it is too far behind."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()
        self._ended = False

    def put(self, part: bytes, seq: int | None = None) -> None:
        """Have a part sent; seq: of the change that it is, which is left out if it was seen."""
        if seq is not None:
            if seq <= self.seq:
                return
            self.seq = seq
        if part is ALIVE and self._queue:
            return  # what waits to be sent says as much
        self._queue.append(part)
        self._bytes += len(part)
        if len(self._queue) > QUEUE or self._bytes > QUEUE_BYTES:
            self._queue.clear()
            if not self.given_up.done():
                self.given_up.set_result(None)
        self._woken.set()

    def end(self) -> None:
        """Send what waits, and then no more."""
        self._ended = True
        self._woken.set()

    async def parts(self) -> AsyncGenerator[bytes]:
        """Yield what is to be sent, together what waits together."""
        while True:
            if self._queue:
                joined = b"".join(self._queue)
                self._queue.clear()
                self._bytes = 0
                yield joined
            elif self._ended:
                return
            else:
                self._woken.clear()
                await self._woken.wait()


class ChangeFollower:
    """What follows the change log for the readers that may see the same."""

    def __init__(self, client: AsyncClient, part: dict[str, Any], watch: ChangeWatch) -> None:
        self.readers: set[Reader] = set()
        self.seq: int | None = None
        self._client, self._part, self._watch = client, part, watch
        self._task = asyncio.create_task(self._follow())

    @property
    def ended(self) -> bool:
        """Whether it tells nobody any more: it was stopped, or is not answered."""
        return self._task.done()

    def stop(self) -> None:
        """Follow no more, and end what reads."""
        self._task.cancel()
        for reader in self.readers:
            reader.end()

    async def newest(self) -> int:
        """Return the change up to which all readers were told; raise what asking for the newest one fails of."""
        if self.seq is None:
            newest = (await self._client.changes(**self._part)).next
            if self.seq is None:  # a reader and the task ask at once, and a reader may have joined at the first answer
                self.seq = newest
        return self.seq

    async def _follow(self) -> None:
        beat = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                seq = await self.newest()
                found = await self._client.changes(seq, limit=PAGE, texts=True, **self._part)
            except ClusterError:
                await asyncio.sleep(RETRY_S)
                continue
            except MemmuxError:  # such as a key that is not valid any more
                break
            self._tell(found, seq)
            self.seq = found.next
            if loop.time() - beat >= HEARTBEAT_S:
                beat = loop.time()
                for reader in self.readers:
                    reader.put(ALIVE)
            if not found.changes:
                await self._watch.wait(self._client, self.seq, HEARTBEAT_S)
        for reader in self.readers:
            reader.end()

    def _tell(self, found: Changes, seq: int) -> None:
        """Tell what happened after a change; or that the log has gone back behind it."""
        if found.next < seq:
            part = event(RESET, {"seq": found.next}, found.next)
            for reader in self.readers:
                reader.put(part)
                reader.seq = found.next
        for notice in found:
            part = of_notice(notice)
            for reader in self.readers:
                reader.put(part, notice.seq)


class Watcher:
    """What asks for the state of the cluster for the readers of one caller."""

    def __init__(self, client: AsyncClient) -> None:
        self.readers: set[Reader] = set()
        self._client = client
        self._task = asyncio.create_task(self._watch())

    def stop(self) -> None:
        """Ask no more."""
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            with suppress(MemmuxError):
                part = event("status", await self._client.status())
                for reader in self.readers:
                    reader.put(part)
            await asyncio.sleep(STATUS_S)
