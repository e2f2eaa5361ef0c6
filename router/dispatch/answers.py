"""Answers: each open request gets one, and once it is on its way, the request is counted and logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memmux.errors import ERRORS, DrainingError, MemmuxError, NotAllowedError
from memmux.wire.grants import Grant
from memmux.wire.protocol import Header, Kind
from router.dispatch.actions import Outbox
from router.dispatch.open_requests import OpenRequests
from router.dispatch.slips import Slip
from router.dispatch.stats import Stats
from router.dispatch.troubles import Troubles


class Answers:
    """The end of open requests; slow_s: from how many seconds on a request is logged as slow, 0 for never."""

    def __init__(self, requests: OpenRequests, troubles: Troubles, stats: Stats, out: Outbox, *, slow_s: float) -> None:
        self._requests = requests
        self._troubles = troubles
        self._stats = stats
        self._out = out
        self._slow_s = slow_s
        self._untold: list[tuple[Slip, float]] = []  # what was answered and is not counted and logged yet, and when

    def result(self, slip: Slip, said: Mapping[str, object], frames: Sequence[bytes], now: float) -> None:
        """Answer with what the last stage returned; said: the detail of its RESULT."""
        detail = slip.times()
        if isinstance(seq := said.get("seq"), int):
            detail["seq"] = seq
        degraded = self._troubles.beside(slip.degraded)
        self._send(slip, Header(kind=Kind.RESULT, id=slip.id, degraded=degraded, detail=detail), frames, now)

    def error(self, slip: Slip, error: Mapping[str, object], now: float) -> None:
        """Answer with an error."""
        if error.get("code") == NotAllowedError.code:  # a worker found that its body goes beyond its grant
            self.denied(slip.grant, slip.to_log(), str(error.get("message", "")))
        degraded = self._troubles.beside(slip.degraded)
        self._send(slip, Header(kind=Kind.ERROR, id=slip.id, degraded=degraded, detail=error), (), now)

    def denied(self, grant: Grant, asked: Mapping[str, object], reason: str) -> None:
        """Count and log a request that its client's key does not allow."""
        self._stats.events["denied"] += 1
        self._out.log("warning", "request_denied", key=grant.name, **asked, reason=reason)

    def tell(self) -> None:
        """Count and log what was answered since this was last called; whoever waits for an answer has it by then."""
        told, self._untold = self._untold, []
        for slip, answered in told:
            self._out.happened = answered
            self._tell(slip, answered)
        self._out.happened = None

    def _send(self, slip: Slip, header: Header, frames: Sequence[bytes], now: float) -> None:
        """Send the one final answer of a request."""
        self._requests.remove(slip, "ok" if header.kind is Kind.RESULT else _known(header.detail.get("code")))
        if slip.session is not None:
            self._out.client(slip.session.routing_id, header, *frames)
        else:
            slip.answer = frames
        self._untold.append((slip, now))

    def _tell(self, slip: Slip, answered: float) -> None:
        total_s = answered - slip.accepted_at
        if slip.session is not None:
            slip.session.client_stats.finished(slip.outcome, total_s, slip.stage_times)
        if not slip.operation.uncounted:
            self._stats.finished(slip.operation.name, slip.outcome, total_s, slip.stage_times)
        said = {
            **slip.to_log(),
            **slip.times(),
            "outcome": slip.outcome,
            "total_ms": round(total_s * 1000, 3),
            "attempt": slip.attempt,
            "degraded": sorted(slip.degraded),
        }
        self._out.log("info", "request_finished", **said)
        if self._slow_s and total_s >= self._slow_s:
            route = [str(stage) for stage in slip.operation.route]
            self._out.log("warning", "request_slow", **said, route=route)


def handed_over() -> DrainingError:
    """Return what is answered by a router whose successor takes over: also to what its workers have done by halves."""
    return DrainingError(
        "another cluster takes the place of this one; send the request again with its id and key, and that one does "
        "it, or answers what was written already"
    )


def _known(code: object) -> str:
    """Return an error's code; what is not in the table counts as internal, so that no statistic has endless keys."""
    return code if isinstance(code, str) and code in ERRORS else MemmuxError.code
