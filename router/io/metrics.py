"""Metrics: what Prometheus may read of the router, over HTTP on the loopback interface, if a port is set for it.

The loop leaves a snapshot of the cluster once a second, which nobody changes any more; threads of the HTTP server read
the newest one. So neither waits for the other, and there is nothing to lock.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from memmux.logs import log
from router.dispatch.stats import Answered, MetricsSnapshot

ADDRESS = "127.0.0.1"
AGAIN_S = 10.0  # before a port that was taken is tried again: the cluster before this one may just be ending
SWITCH_S = 0.001  # until the loop has the interpreter back from a scrape, which takes some 5 ms; Python's own is 5 ms
UNAVAILABLE = "metrics_unavailable"  # the code that says: they were asked for, and can't be read


class Metrics:
    """The metrics of one router. port: 0 for none. status, answered: what there is to tell, asked by the loop."""

    def __init__(
        self,
        port: int,
        status: Callable[[float], Mapping[str, object]],
        answered: Callable[[], Mapping[str, Answered]],
    ) -> None:
        self._port = port
        self._status = status
        self._answered = answered
        self._snapshot: MetricsSnapshot | None = None
        self._serving = False
        self._opening: _Opening | None = None
        self._try_at = 0.0
        self._said = False  # that it does not work

    def look(self, now: float) -> Sequence[str]:
        """Leave a snapshot and see that it can be read; return the code of what is wrong, if anything is."""
        if not self._port:
            return ()
        self._snapshot = MetricsSnapshot(self._status(now), self._answered())
        if self._opening is not None and not self._opening.thread.is_alive():
            self._opened(self._opening.error, now)
            self._opening = None
        if not self._serving and self._opening is None and now >= self._try_at:
            self._opening = _Opening(self._port, lambda: self._snapshot)
        return (UNAVAILABLE,) if self._said else ()

    def _opened(self, error: Exception | None, now: float) -> None:
        if error is None:
            self._serving, self._said = True, False
            sys.setswitchinterval(SWITCH_S)
            log.get().info("metrics_opened", port=self._port)
            return
        self._try_at = now + AGAIN_S
        if not self._said:
            self._said = True
            remedy = "free the port, or set another MEMMUX_METRICS_PORT"
            log.get().warning("metrics_failed", port=self._port, error=str(error), remedy=remedy)


class _Opening:
    """One attempt to open the port, in a thread: what it imports takes longer than the loop may stand still."""

    def __init__(self, port: int, snapshot: Callable[[], MetricsSnapshot | None]) -> None:
        self.error: Exception | None = None
        self._port = port
        self._snapshot = snapshot
        self.thread = threading.Thread(target=self._run, name="metrics-opening", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            from router.io.prometheus import serve  # only a router that is asked for metrics pays for this

            serve(self._port, ADDRESS, self._snapshot)
        except Exception as error:  # noqa: BLE001  # a thread's exception reaches nobody, and metrics stop no cluster
            self.error = error
