"""The stop of all workers: they finish what they have and end, the writer last."""

from __future__ import annotations

import time
from collections.abc import Container

from memmux.wire import protocol
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.io.wakeup import Wakeup
from router.io.workers_socket import WorkersSocket
from router.lifecycle.supervisor import Supervisor

OTHERS_S = 3.0  # for those that read and embed to end; a kill does them no harm
STOP_S = 5.0  # for the writer to checkpoint and end, however long the others took
HASTE_S = 1.0  # for the killed to be gone, and for the writer where a successor waits: it does again what was not done
_STOP = protocol.encode(Header(kind=Kind.STOP))


def stop_workers(
    supervisor: Supervisor, workers: WorkersSocket, wakeup: Wakeup, ready: Container[str], *, hand_over: bool
) -> None:
    """Let the workers end, within bounds; the writer last: it takes the log in once nobody reads from it any more.

    ready: those that have started; one that has not has nothing to finish. hand_over: whether a successor waits. Who
    still runs then is killed: those that read and embed before the writer has its turn, the writer as the router ends.
    """
    supervisor.stop()
    others = (Stage.EMBED, Stage.READ)

    def tell(*stages: Stage) -> None:
        for identity in supervisor.running(*stages):
            if identity not in ready or not workers.send(identity, _STOP):
                supervisor.kill(identity)

    if not hand_over:  # else clients are waiting
        tell(*others)
        _wait(supervisor, wakeup, others, OTHERS_S)
    for identity in supervisor.running(*others):
        supervisor.kill(identity)
    _wait(supervisor, wakeup, others, HASTE_S)
    tell(Stage.WRITE)
    _wait(supervisor, wakeup, (Stage.WRITE,), HASTE_S if hand_over else STOP_S)
    supervisor.reap(time.monotonic())


def _wait(supervisor: Supervisor, wakeup: Wakeup, stages: tuple[Stage, ...], bound_s: float) -> None:
    """Wait for the workers of these kinds to end, so long at most."""
    until = time.monotonic() + bound_s
    while supervisor.running(*stages) and (left := until - time.monotonic()) > 0:
        wakeup.came(min(left, 0.1))  # SIGCHLD; the short bound is for one that came just before
