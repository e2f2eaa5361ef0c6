"""Open requests: those that were accepted and have no answer yet, with their times and what they take of bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from memmux import limits
from memmux.errors import OverloadedError
from memmux.wire.operations import Operation, Stage
from router.dispatch.liveness import Deadlines
from router.dispatch.pools import Pool
from router.dispatch.queues import Limits
from router.dispatch.quotas import Quotas
from router.dispatch.sessions import Session
from router.dispatch.slips import Lease, Slip


class OpenRequests:
    """The slips of all open requests, by their ids, and the attempts that workers still have of others.

    quotas: what each client may have open, and how often it may ask.
    """

    def __init__(self, bounds: Limits) -> None:
        self.quotas = Quotas(bounds)
        self._bounds = bounds
        self._slips: dict[str, Slip] = {}
        self._deadlines = Deadlines()
        self._patience = Deadlines()  # of requests that wait for a model that is loading
        # Requests that ended while workers had them, and the attempts that those still work on. Should the same id be
        # sent again, the new request gets a later attempt than all of them: no answer and no CANCEL of an old one is
        # taken for one of the new.
        self._abandoned: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self._slips)

    def __iter__(self) -> Iterator[Slip]:
        return iter(self._slips.values())

    def find(self, request_id: str) -> Slip | None:
        """Return the open request with that id, if there is one."""
        return self._slips.get(request_id)

    def check_room(
        self, session: Session, operation: Operation, frames: Sequence[bytes], pools: Mapping[Stage, Pool], now: float
    ) -> None:
        """Raise OverloadedError unless one more request of that kind and with these frames may be let in.

        Every queue on its way must have room now. Later it is never turned back, so a queue may exceed its bound by
        the requests that were on their way to it: `Limits.admitted` bounds them all. One of any size is let in where
        nothing is in flight.
        """
        self.quotas.check(session)
        size, bounds = sum(map(len, frames)), self._bounds
        held, held_by_all = self.quotas.held_by[session.payer], self.quotas.held
        full = next((stage for stage in operation.route if len(pools[stage].queue) >= bounds.queue), None)
        if len(self._slips) >= bounds.admitted:
            reason = f"the cluster has {len(self._slips)} requests in flight, which is the most"
        elif full is not None:
            reason = f"{len(pools[full].queue)} requests wait for a {full} worker, which is the most"
        elif held and held + size > bounds.client_bytes:
            reason = f"requests of this client with {held} bytes are in flight, of {bounds.client_bytes} at most"
        elif size > limits.SMALL_BYTES and held_by_all and held_by_all + size > bounds.admitted_bytes:
            reason = f"requests with {held_by_all} bytes are in flight, of {bounds.admitted_bytes} at most"
        else:
            return
        pool = pools[full or operation.route[-1]]
        retry_after_ms = pool.pace.retry_after_ms(len(pool.queue) + 1, now)
        raise OverloadedError(f"{reason}; send it again after retry_after_ms", retry_after_ms=retry_after_ms)

    def add(self, slip: Slip) -> None:
        """Add a request that is accepted, with an attempt that no worker has of its id."""
        slip.attempt = max(self._abandoned.get(slip.id, ()), default=0) + 1
        self._slips[slip.id] = slip
        self._deadlines.set(slip.id, slip.deadline)
        self.hold(slip)
        if slip.session is not None:
            slip.session.in_flight.add(slip.id)
            self.quotas.began(slip.session)

    def hold(self, slip: Slip) -> None:
        """Count the bytes that a client's request has by now."""
        if slip.session is not None:
            size = sum(map(len, slip.frames))
            self.quotas.hold(slip.session.payer, size - slip.held)
            slip.held = size

    def _let_go(self, slip: Slip) -> None:
        """Forget the frames of a request that has ended, and that no worker has."""
        slip.frames = ()
        self.hold(slip)

    def remove(self, slip: Slip, outcome: str) -> None:
        """Remove a request that ends; outcome: `ok` or an error's code."""
        slip.outcome = outcome
        if slip.attempt not in self._abandoned.get(slip.id, ()):
            self._let_go(slip)
        del self._slips[slip.id]
        self._deadlines.drop(slip.id)
        self._patience.drop(slip.id)
        if slip.session is not None:
            slip.session.in_flight.discard(slip.id)
            self.quotas.ended(slip.session)

    # their times

    def next_deadline(self) -> float | None:
        """Return when the next one runs out of time, or of patience, in monotonic seconds."""
        return min((at for at in (self._deadlines.next(), self._patience.next()) if at is not None), default=None)

    def late(self, now: float) -> list[Slip]:
        """Return those whose time is up, which are told once."""
        return [self._slips[request_id] for request_id in self._deadlines.due(now)]

    def waits_until(self, slip: Slip, until: float) -> None:
        """Note until when a request waits for what it can do without."""
        self._patience.set(slip.id, until)

    def impatient(self, now: float) -> list[Slip]:
        """Return those that have waited long enough for what they can do without, which are told once."""
        return [self._slips[request_id] for request_id in self._patience.due(now)]

    def renew(self, late_s: float) -> None:
        """Give those that the router asked for itself that much more time: it stood still."""
        for slip in self._slips.values():
            if slip.session is None:
                slip.deadline += late_s
                self._deadlines.set(slip.id, slip.deadline)

    # what workers still have of requests that have ended

    def abandon(self, lease: Lease, now: float) -> None:
        """Note that a worker still has an attempt of a request that ends."""
        lease.abandoned_at = now
        self._abandoned.setdefault(lease.slip.id, set()).add(lease.attempt)

    def end_abandoned(self, lease: Lease) -> None:
        """Forget an abandoned lease that has ended."""
        self._let_go(lease.slip)
        attempts = self._abandoned.get(lease.slip.id, set())
        attempts.discard(lease.attempt)
        if not attempts:
            self._abandoned.pop(lease.slip.id, None)
