"""Quotas: how often a client may ask, and how much at the same time; all clients of one key share what it allows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from memmux.errors import OverloadedError, RateLimitedError
from memmux.wire.grants import LOCAL, Grant
from router.dispatch.queues import Limits
from router.dispatch.sessions import Session

_BURST_S = 1.0  # of a client's rate that it may use up at once, and one request at least
_BUCKETS = 256  # that are kept, beyond which those that are full again are forgotten
_KEYS = 1024  # whose bounds are kept as they were made out last
_RETRY_MS = 100  # for somebody who has too much in flight: about when the first of it is answered


class Quotas:
    """The use of clients' bounds; bounds: for clients whose key sets none."""

    __slots__ = ("_bounds", "_buckets", "_effective", "_in_flight", "_local", "held", "held_by")

    def __init__(self, bounds: Limits) -> None:
        self._bounds = bounds
        self._local = self._with_bounds(LOCAL)
        self._effective: dict[str, tuple[Grant, Grant]] = {}  # by the name of the key: as it came, and with bounds
        self._buckets: dict[str, _Bucket] = {}
        self._in_flight: Counter[str] = Counter()
        self.held = 0
        """How many bytes the requests of all clients have."""
        self.held_by: Counter[str] = Counter()
        """How many those of each payer have; those without any are not there."""

    def effective(self, grant: Grant) -> Grant:
        """Return a grant with the cluster's own bounds where it has none."""
        if grant is LOCAL:
            return self._local
        given, found = self._effective.get(grant.name, (None, None))
        if given is grant and found is not None:
            return found
        if len(self._effective) >= _KEYS:
            self._effective.clear()
        found = self._with_bounds(grant)
        self._effective[grant.name] = grant, found
        return found

    def spend(self, payer: str, grant: Grant, now: float) -> None:
        """Count a request; raise RateLimitedError, with the time until it would be in order, if there are too many."""
        if not grant.requests_s:
            return
        bucket = self._buckets.get(payer)
        if bucket is None:
            self._forget_full(now)
            bucket = self._buckets[payer] = _Bucket(grant.requests_s, now)
        wait_s = bucket.take(grant.requests_s, now)
        if wait_s > 0:
            raise RateLimitedError(
                f"{_who(grant)} may send {grant.requests_s:g} requests a second; send it again after retry_after_ms",
                retry_after_ms=max(1, int(wait_s * 1000)),
            )

    def check(self, session: Session) -> None:
        """Raise OverloadedError unless the client may have one more request in flight."""
        grant = session.grant
        count = self._in_flight[session.payer] if grant.name else len(session.in_flight)
        if grant.in_flight is not None and count >= grant.in_flight:
            raise OverloadedError(
                f"{_who(grant)} has {grant.in_flight} requests in flight, which is the most; send it again after "
                "retry_after_ms",
                retry_after_ms=_RETRY_MS,
            )

    def began(self, session: Session) -> None:
        """Note that a request of the client was accepted; a local one shares its bounds with nobody."""
        if session.grant.name:
            self._in_flight[session.payer] += 1

    def ended(self, session: Session) -> None:
        """Note that it has ended."""
        if session.grant.name:
            self._in_flight[session.payer] -= 1
            if not self._in_flight[session.payer]:
                del self._in_flight[session.payer]

    def hold(self, payer: str, more: int) -> None:
        """Note that requests of a payer have so many bytes more, or less."""
        self.held += more
        self.held_by[payer] += more
        if not self.held_by[payer]:
            del self.held_by[payer]

    @property
    def in_flight(self) -> Counter[str]:
        """How many requests of the clients of each key are not answered yet; those without any are not there."""
        return self._in_flight

    def _with_bounds(self, grant: Grant) -> Grant:
        own = self._bounds
        return replace(
            grant,
            requests_s=own.requests_s if grant.requests_s is None else grant.requests_s,
            in_flight=own.in_flight if grant.in_flight is None else grant.in_flight,
            memories=own.memories if grant.memories is None else grant.memories,
        )

    def _forget_full(self, now: float) -> None:
        """Forget who has not asked for so long that nothing need be remembered, once there are many."""
        if len(self._buckets) >= _BUCKETS:
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.full(now)}


class _Bucket:
    """A token bucket: it fills by a rate, and each request takes one token.

    It may be in force for a grant whose rate was changed meanwhile; then it fills by the new one.
    """

    __slots__ = ("_at", "_full_at", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._at = self._full_at = now
        self._tokens = max(1.0, rate * _BURST_S)

    def take(self, rate: float, now: float) -> float:
        """Take a token; return 0, or in how many seconds there will be one."""
        most = max(1.0, rate * _BURST_S)
        self._tokens = min(most, self._tokens + (now - self._at) * rate)
        self._at = now
        if self._tokens < 1:
            wait_s = (1 - self._tokens) / rate
        else:
            self._tokens -= 1
            wait_s = 0.0
        self._full_at = now + (most - self._tokens) / rate
        return wait_s

    def full(self, now: float) -> bool:
        """Return whether it has filled up since."""
        return now >= self._full_at


def _who(grant: Grant) -> str:
    return f"the key {grant.name!r}" if grant.name else "this client"
