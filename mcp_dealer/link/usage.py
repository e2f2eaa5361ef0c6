"""Counting what was shown: each memory that a tool showed was of use, and a ranked search prefers such ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from memmux import limits
from memmux.client.asynchronous import AsyncClient
from memmux.errors import NotAllowedError
from memmux.logs import log

PAUSE_S = 5.0  # between the first memory shown and telling the cluster
WAITING = 4096  # ids; what is beyond is not counted
LAST_S = 0.2  # for telling the rest when the client leaves


class Uses:
    """Ids that wait to be counted, told to the cluster in batches by a task that lives only while some wait.

    running: gives the client of a cluster that runs, or None; for a count alone none is started.
    """

    def __init__(self, running: Callable[[], AsyncClient | None], pause_s: float = PAUSE_S) -> None:
        self._running = running
        self._pause_s = pause_s
        self._waiting: dict[str, None] = {}  # an ordered set
        self._telling: asyncio.Task[None] | None = None
        self._allowed = True

    def add(self, ids: Iterable[str]) -> None:
        """Have the memories counted soon; a memory shown twice within one pause was of use once."""
        for memory_id in ids if self._allowed else ():
            if len(self._waiting) < WAITING:
                self._waiting[memory_id] = None
        if self._waiting and self._telling is None:
            self._telling = asyncio.create_task(self._tell_later())

    async def aclose(self) -> None:
        """Tell what waits, within LAST_S."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self._tell()

    async def _tell_later(self) -> None:
        await asyncio.sleep(self._pause_s)
        self._telling = None
        await self._tell()

    async def _tell(self) -> None:
        ids, self._waiting = tuple(self._waiting), {}
        try:
            for first in range(0, len(ids), limits.BATCH_MEMORIES):
                client = self._running()
                if client is None:
                    return
                await client.used(ids[first : first + limits.BATCH_MEMORIES])
        except NotAllowedError:
            self._allowed = False  # a key that only reads; it need not be told again
        except Exception as error:  # noqa: BLE001 - nothing that a count meets may reach a user
            log.get().debug("uses_not_counted", count=len(ids), error=repr(error))
