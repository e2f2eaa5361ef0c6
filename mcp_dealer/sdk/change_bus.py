"""The bus on which the SDK's listeners of the stateless era hear that something was changed."""

from __future__ import annotations

from collections.abc import Callable

from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent

from mcp_dealer.link.change_watch import RESOURCE, ChangeWatch
from memmux.client.asynchronous import AsyncClient


class ChangeBus(InMemorySubscriptionBus):
    """Where listeners of the stateless era hear that the resource has changed. begun: gives the client served here."""

    def __init__(self, watch: ChangeWatch, begun: Callable[[], AsyncClient]) -> None:
        super().__init__()
        self._watch = watch
        self._begun = begun

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Have the listener told, until what is returned is called."""
        leave = super().subscribe(listener)
        following = self._watch.follow(self._begun(), lambda: listener(ResourceUpdated(uri=RESOURCE)))

        def end() -> None:
            following.cancel()
            leave()

        return end
