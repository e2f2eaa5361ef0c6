"""The cluster's client of one session: a DEALER of its own in a context that all share, and keys made of lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import zmq

from mcp_dealer.link.asked import LINE
from memmux.client.asynchronous import AsyncClient
from memmux.client.calls import Call, Observer
from memmux.config.settings import Settings
from memmux.wire.protocol import Message

T = TypeVar("T")


class SessionClient(AsyncClient):
    """A client for the host behind a relay, or for a key over HTTP.

    context: shared, and ended by whoever made it; None for one of its own. about: what the cluster is told besides.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        name: str,
        on_answer: Observer,
        context: zmq.Context[Any] | None,
        about: Mapping[str, object],
    ) -> None:
        self._about, self._context = about, context
        super().__init__(settings=settings, name=name, on_answer=on_answer)

    async def _perform(self, call: Call[T]) -> Message:
        line = LINE.get()
        if line is not None and call.writes and call.key is None:
            call = replace(call, key=line.key())
        return await super()._perform(call)
