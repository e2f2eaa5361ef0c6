"""The gateways' part of the poll: relays that wait while no gateway hears them, and a successor's question."""

from __future__ import annotations

from collections.abc import Container

import zmq

from router.lifecycle.gateways import Gateways


class GatewayPoll:
    """The descriptors of the gateways that are polled now."""

    def __init__(self, gateways: Gateways, poller: zmq.Poller) -> None:
        self._gateways = gateways
        self._poller = poller
        self._waited_for = -1  # the descriptor at which relays wait for a gateway, while it is polled
        self._asked_at = -1  # the one at which a successor asks for the HTTP socket

    def update(self, now: float) -> None:
        """Poll what is to be polled from now on."""
        self._gateways.start_due(now)
        if self._asked_at < 0 and (asked := self._gateways.http.polled()) is not None:
            self._asked_at = asked
            self._poller.register(asked, zmq.POLLIN)
        wanted = self._gateways.polled(now)
        if (wanted if wanted is not None else -1) == self._waited_for:
            return
        if self._waited_for >= 0:
            self._poller.unregister(self._waited_for)
        self._waited_for = -1 if wanted is None else wanted
        if wanted is not None:
            self._poller.register(wanted, zmq.POLLIN)

    def hear(self, events: Container[object], now: float) -> None:
        """Start a gateway if somebody waits for one, and give a successor the HTTP socket; events: of the poll."""
        if self._waited_for in events:
            self._gateways.start(now)
        if self._asked_at in events:
            self._gateways.http.pass_on()
