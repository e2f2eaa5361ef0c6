"""Clients: links to the cluster for each key that asks over HTTP, made when first needed and closed when idle.

A key has one for each application and address, so that people see who asks, up to a bound; others share one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import zmq

from mcp_dealer.http.guest import UNKNOWN, Guest
from mcp_dealer.link.cluster_link import ClusterLink
from memmux.config.settings import Settings
from memmux.wire.grants import Grant

OF_KEY = 8  # links of one key, beside the one that all others share
IDLE_S = 120.0  # without a request, after which a client over HTTP, of any kind, is shown as one no more


@dataclass(slots=True)
class _Shared:
    """A link. using: how many requests of it are not over. since: when the last one was, monotonic."""

    link: ClusterLink
    using: int = 0
    since: float = field(default=0.0)


class Clients:
    """The links of all keys, in a ZeroMQ context that whoever made it ends. clock: monotonic seconds."""

    def __init__(
        self, settings: Settings, context: zmq.Context[Any] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        self._shared: dict[tuple[Grant, Guest], _Shared] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._shared)

    @asynccontextmanager
    async def use(self, grant: Grant, guest: Guest = UNKNOWN) -> AsyncIterator[ClusterLink]:
        """Give a guest the link with the rights of a key for the time of one request, which may be a stream."""
        if (grant, guest) not in self._shared and sum(known == grant for known, _ in self._shared) >= OF_KEY:
            guest = UNKNOWN
        shared = self._shared.get((grant, guest))
        if shared is None:
            shared = self._shared[grant, guest] = _Shared(self.own(grant, guest))
        shared.using += 1
        try:
            yield shared.link
        finally:
            shared.using -= 1
            shared.since = self._clock()

    def own(self, grant: Grant, guest: Guest = UNKNOWN) -> ClusterLink:
        """Return a new link with the rights of a key, for one who is to be a client apart; who asked closes it."""
        if not grant.name:
            raise ValueError("without the name of a key a link would have all rights")
        return ClusterLink(self._settings, context=self._context, grant=grant, about=guest.about())

    def look(self) -> None:
        """Say goodbye for keys that have not asked for long; to be called now and then."""
        now = self._clock()
        idle = [of for of, shared in self._shared.items() if not shared.using and now - shared.since >= IDLE_S]
        for of in idle:
            closing = asyncio.create_task(self._shared.pop(of).link.aclose())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Say goodbye for all of them."""
        shared, self._shared = list(self._shared.values()), {}
        await asyncio.gather(*self._closing, *(each.link.aclose() for each in shared))
