"""The watch over the change log: tells all who wait that something was changed, and asks only while somebody waits."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mcp_dealer.link.asked import LINE, LINK
from memmux.client.asynchronous import AsyncClient
from memmux.errors import MemmuxError
from memmux.logs import log

POLL_S = 0.5  # between two questions, however many wait
LOOK_S = 5.0  # for one question, at most
ASKED = 3  # clients at a look, where the first are not answered
FAILED_S = 60.0  # for which one that was not answered comes after all others
RESOURCE = "memory://changes"
SINCE: ContextVar[int] = ContextVar("since", default=0)
"""The newest change when what is answered here was asked for; 0 where nobody knows: it may have missed any."""


@dataclass(frozen=True, slots=True)
class _Asker:
    """A client that waits. keyed: whether it has the rights of a key over HTTP."""

    client: AsyncClient
    keyed: bool


class ChangeWatch:
    """One question answers all who wait in a process."""

    def __init__(self, poll_s: float = POLL_S) -> None:
        self._poll_s = poll_s
        self._waiting: dict[asyncio.Future[None], tuple[int, _Asker]] = {}
        self._took: WeakKeyDictionary[AsyncClient, float] = WeakKeyDictionary()  # seconds, of the last answer
        self._failed: WeakKeyDictionary[AsyncClient, float] = WeakKeyDictionary()  # when the last one was missing
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, client: AsyncClient, seq: int, timeout_s: float | None = None) -> None:
        """Return once there is a change after that one, or the time is over."""
        changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        link = LINK.get()
        self._waiting[changed] = seq, _Asker(client, keyed=link is not None and bool(link.key))
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
            newest = await self._newest()
            for changed, (seq, _) in self._waiting.items():
                if newest > seq and not changed.done():
                    changed.set_result(None)

    async def _newest(self) -> int:
        """Return the newest change, for which one of those who wait asks; -1 if none that is asked is answered.

        Those without a key go first, and then whose last answer came soonest: the requests of a key are counted, and
        some are refused or made to wait. Who was not answered a moment ago comes after all of them.
        """
        askers = {asker for _, asker in self._waiting.values()}
        now = asyncio.get_running_loop().time
        for asker in sorted(askers, key=self._turn)[:ASKED]:
            began = now()
            try:
                newest = (await asker.client.changes(timeout_s=LOOK_S)).next
            except MemmuxError as error:
                log.get().debug("changes_not_seen", error=repr(error))
                self._failed[asker.client] = now()
            else:
                self._took[asker.client] = now() - began
                return newest
        return -1

    def _turn(self, asker: _Asker) -> tuple[bool, bool, float]:
        failed_at = self._failed.get(asker.client)
        if failed_at is not None and asyncio.get_running_loop().time() - failed_at < FAILED_S:
            return True, asker.keyed, failed_at
        return False, asker.keyed, self._took.get(asker.client, 0.0)

    @staticmethod
    async def look(client: AsyncClient) -> None:
        """Note the newest change, so that whoever follows from here on misses none, however late it first asks."""
        with suppress(MemmuxError):
            SINCE.set((await client.changes(timeout_s=LOOK_S)).next)

    def follow(self, client: AsyncClient, tell: Callable[[], object]) -> asyncio.Task[None]:
        """Return a task that tells of changes since `SINCE`, until it is cancelled; in the context of no line."""

        async def follow() -> None:
            seq = SINCE.get()
            while True:
                with suppress(MemmuxError):
                    newest = (await client.changes()).next
                    if newest > seq:
                        told = tell()
                        if asyncio.iscoroutine(told):
                            await told
                    seq = newest
                await self.wait(client, seq)

        context = contextvars.copy_context()
        context.run(LINE.set, None)
        return asyncio.get_running_loop().create_task(follow(), context=context)
