"""Tries: how often an address may be wrong, so that nobody guesses for long."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

WRONG_MOST = 60  # within WITHIN_S, from one address
WITHIN_S = 60.0
_REMEMBERED = 1024  # addresses, and tokens that were right


class Tries:
    """The failed tries of the last minute by address, and the tokens that were right, which are heard all the same.

    Otherwise one program with a wrong token would shut all others of this machine out.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and since when
        self._right: OrderedDict[str, None] = OrderedDict()  # their digests

    def wait_s(self, address: str, digest: str, now: float) -> float:
        """Return for how many seconds nothing more is tried from there; 0 if it is. digest: of the token."""
        count, since = self._wrong.get(_network(address), (0, now))
        if count < WRONG_MOST or digest in self._right:
            return 0.0
        return max(0.0, since + WITHIN_S - now)

    def wrong(self, address: str, now: float) -> None:
        """Count a try that failed."""
        network = _network(address)
        count, since = self._wrong.pop(network, (0, now))
        self._wrong[network] = (count + 1, since) if now - since < WITHIN_S else (1, now)
        if len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)

    def right(self, digest: str) -> None:
        """Remember a token that was right."""
        self._right[digest] = None
        self._right.move_to_end(digest)
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)


def _network(address: str) -> str:
    """Return the address, or of one of IP version 6 the network: its owner has 2^64 of them."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
