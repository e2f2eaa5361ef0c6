"""The watch over the change log: tells all who wait that something was changed, and asks only while somebody waits."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar

from mcp_dealer.link.asked import LINE
from memmux.client.asynchronous import AsyncClient
from memmux.errors import MemmuxError
from memmux.logs import log

POLL_S = 0.5  # between two questions, however many wait
LOOK_S = 5.0  # for the look at which a subscription begins, at most
RESOURCE = "memory://changes"
SINCE: ContextVar[int] = ContextVar("since", default=-1)
"""The newest change when what is answered here was asked for; -1 where nobody has looked."""


class ChangeWatch:
    """One question answers all who wait in a process."""

    def __init__(self, poll_s: float = POLL_S) -> None:
        self._poll_s = poll_s
        self._waiting: dict[asyncio.Future[None], tuple[int, AsyncClient]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, client: AsyncClient, seq: int, timeout_s: float | None = None) -> None:
        """Return once there is a change after that one, or the time is over."""
        changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[changed] = seq, client
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await changed
        finally:
            del self._waiting[changed]

    async def _look(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._poll_s)
            for _, client in list(self._waiting.values())[:1]:
                try:
                    newest = (await client.changes()).next
                except MemmuxError as error:
                    log.get().debug("changes_not_seen", error=repr(error))
                    continue
                for changed, (seq, _) in self._waiting.items():
                    if newest > seq and not changed.done():
                        changed.set_result(None)

    @staticmethod
    async def look(client: AsyncClient) -> None:
        """Note the newest change, so that whoever follows from here on misses none, however late it first asks."""
        with suppress(MemmuxError):
            SINCE.set((await client.changes(timeout_s=LOOK_S)).next)

    def follow(self, client: AsyncClient, tell: Callable[[], object]) -> asyncio.Task[None]:
        """Return a task that tells of changes since `SINCE`, or from now on; until it is cancelled, and of no line."""

        async def follow() -> None:
            seq = SINCE.get()
            while True:
                with suppress(MemmuxError):
                    newest = (await client.changes()).next
                    if seq >= 0 and newest > seq:
                        told = tell()
                        if asyncio.iscoroutine(told):
                            await told
                    seq = newest
                await self.wait(client, seq)

        context = contextvars.copy_context()
        context.run(LINE.set, None)
        return asyncio.get_running_loop().create_task(follow(), context=context)
