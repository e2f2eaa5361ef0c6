"""Connections from other machines, as far as they are known: by their descriptor, and whether they have said anything.

It is pure. A stranger without a key can open as many as he likes and say nothing; each is a descriptor, until its
handshake is given up. So there are never many of those: the oldest makes room, which a client with a key never is, as
its handshake takes a moment.
"""

from __future__ import annotations

from collections import OrderedDict

Peer = tuple[str, int]
"""Host and port of the other end; an empty host if it was gone before it could be asked."""

SILENT_MOST = 256  # connections that have not said anything yet


class Connections:
    """The connections that are open. most: of them. silent_most: of those that have not said anything yet."""

    def __init__(self, most: int, silent_most: int) -> None:
        self.most = max(1, most)
        self.silent_most = max(1, min(silent_most, most // 2))
        self._peers: OrderedDict[int, Peer] = OrderedDict()
        self._silent: OrderedDict[int, None] = OrderedDict()
        self._cut: dict[int, Peer] = {}

    def opened(self, descriptor: int, peer: Peer) -> None:
        """Note a new connection; one of before with this descriptor is gone."""
        self.closed(descriptor)
        self._peers[descriptor] = peer
        self._silent[descriptor] = None

    def spoke(self, descriptor: int) -> None:
        """Note that a client with a valid key said something over that connection."""
        self._silent.pop(descriptor, None)

    def closed(self, descriptor: int) -> str:
        """Forget a connection; return the host of its other end, empty if that is not known."""
        self._silent.pop(descriptor, None)
        peer = self._cut.pop(descriptor, None) or self._peers.pop(descriptor, None)
        return "" if peer is None else peer[0]

    def excess(self) -> list[tuple[int, Peer]]:
        """Return the connections to cut, each once: the oldest of too many silent ones, the newest of too many."""
        found: list[int] = []
        while len(self._silent) > self.silent_most:
            descriptor, _ = self._silent.popitem(last=False)
            self._cut[descriptor] = self._peers.pop(descriptor)
            found.append(descriptor)
        while len(self._peers) > self.most:
            descriptor, peer = self._peers.popitem()
            self._silent.pop(descriptor, None)
            self._cut[descriptor] = peer
            found.append(descriptor)
        return [(descriptor, self._cut[descriptor]) for descriptor in found]
