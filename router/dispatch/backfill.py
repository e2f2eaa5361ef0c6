"""Backfill: memories that were stored without a vector, or with another model's, get theirs, a batch at a time.

While the embedder has the model that searches go by beside its own, that one serves until its own has all memories.
What turns of the backfill also do is to remove vectors that nobody needs any more, and to note what a model is called.

After a batch that failed as embed workers died of it the next has one memory, and each that does something doubles
that. A memory that fails so alone is passed over for a while.

Vectors that were brought along are compared with the model's first, some of each audit: what turns out to be another
model's is dropped, and then waits like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from memmux.wire.operations import OPERATIONS, Stage
from router.dispatch.pools import Pool
from router.dispatch.slips import Slip

BATCH = 32  # memories of one request
PAUSE_S = 5.0  # after a failure, and after a batch that did nothing if nothing else has changed since;
PAUSE_MOST_S = 600.0  # twice as long after each further failure in a row: a text that ends workers ends few of them
SKIP_S = 2 * PAUSE_MOST_S  # after the last that is passed over, before all are tried again: longer than any pause
_TIMEOUT_S = 3600.0  # of one batch: a memory of the greatest length takes minutes, and each waits for interactive work
_OPERATION = OPERATIONS["vectors.backfill"]


class Backfill:
    """The request by which the router has vectors made: at most one at a time, behind all that clients asked for.

    slip: the batch in flight.
    """

    __slots__ = (
        "_before",
        "_failures",
        "_in_vain",
        "_limit",
        "_new_id",
        "_not_before",
        "_of",
        "_pools",
        "_skip",
        "_skipped_at",
        "slip",
    )

    def __init__(self, pools: Mapping[Stage, Pool], new_id: Callable[[], str]) -> None:
        self.slip: Slip | None = None
        self._pools = pools
        self._new_id = new_id
        self._not_before = 0.0
        self._failures = 0  # in a row
        self._limit = BATCH
        self._skip = 0  # memories that embed workers died of, which come first
        self._skipped_at = 0.0  # when the last of them was
        self._before: tuple[object, ...] = ()
        self._of: tuple[object, object] = None, None  # the facts by which there was nothing to do
        self._in_vain: tuple[object, ...] = ()  # the state in which a batch did nothing

    def settle(self, now: float) -> None:
        """Note the end of the batch in flight, if it has ended."""
        if self.slip is not None and self.slip.outcome:
            failed, did = self.slip.outcome != "ok", _did(self.slip)
            # More may have come meanwhile: as many as before may wait for their vector, and be others.
            self._in_vain = self._before if not failed and not did and self._state() == self._before else ()
            self._failures = self._failures + 1 if failed else 0
            if did:
                self._limit = min(2 * self._limit, BATCH)
            elif failed and self.slip.deaths and self.slip.stage is Stage.EMBED:
                self._narrow(now)
            if self._in_vain and self._skip:  # all that wait are passed over
                self._not_before = self._skipped_at + SKIP_S
            elif failed or self._in_vain:
                self._not_before = now + min(PAUSE_S * 2.0 ** max(0, self._failures - 1), PAUSE_MOST_S)
            self.slip = None

    def next(self, now: float) -> Slip | None:
        """Return the next batch, if there is anything to do and everyone is there to do it."""
        if self.slip is not None or (now < self._not_before and self._in_vain in ((), self._state())):
            return None
        embedder, written = self._pools[Stage.EMBED].facts, self._pools[Stage.WRITE].facts
        if embedder is self._of[0] and written is self._of[1]:  # nobody has said anything since there was nothing to do
            return None
        if not all(pool.serving for pool in self._pools.values()):
            return None
        model, dimensions = embedder.get("model"), embedder.get("dimensions")
        if self._skip and now - self._skipped_at >= SKIP_S:  # it may have been deleted, or the model be another
            self._skip, self._limit = 0, 1
        self._before = self._state()
        if model is None or self._before == (0, 0, model, None, 0, embedder.get("source", "")):
            self._of = embedder, written
            return None
        more = {name: embedder[name] for name in ("max_tokens", "source", "beside") if embedder.get(name)}
        if self._skip:
            more["skip"] = self._skip
        request_id = self._new_id()
        self.slip = Slip(
            id=request_id,
            operation=_OPERATION,
            session=None,
            frames=(orjson.dumps({"model": model, "dimensions": dimensions, "limit": self._limit, **more}),),
            key=request_id,
            accepted_at=now,
            deadline=now + _TIMEOUT_S,
        )
        return self.slip

    def _narrow(self, now: float) -> None:
        """Ask for one memory after a batch that a worker died of, and after one memory for those behind it."""
        if self._limit == 1:
            self._skip, self._skipped_at = self._skip + 1, now
        self._limit = 1

    def _state(self) -> tuple[object, ...]:
        """Return what the writer said last.

        How many memories wait for a vector, how many audits, the model that searches go by, the one that is coming,
        how many nobody needs, and what the first is called.
        """
        facts = self._pools[Stage.WRITE].facts
        switch = facts.get("switch")
        coming = (switch.get("to"), switch.get("done")) if isinstance(switch, Mapping) and switch else None
        counts = (facts.get(name, 0) for name in ("pending", "unaudited"))
        return *counts, facts.get("model"), coming, facts.get("unneeded", 0), facts.get("source", "")


def _did(slip: Slip) -> bool:
    """Return whether a batch did anything, or what it was to do had changed meanwhile, by the writer's answer."""
    try:
        answer = orjson.loads(b"".join(slip.answer[:1]))
        return any(answer.get(name) for name in ("stored", "gone", "compared", "dropped"))
    except (orjson.JSONDecodeError, AttributeError):
        return False
