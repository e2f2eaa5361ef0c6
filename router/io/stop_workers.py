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

STOP_S = 5.0  # for the workers to checkpoint and end
HASTE_S = 1.0  # instead, where a successor waits: it does again what was not done
_STOP = protocol.encode(Header(kind=Kind.STOP))


def stop_workers(
    supervisor: Supervisor, workers: WorkersSocket, wakeup: Wakeup, ready: Container[str], *, hand_over: bool
) -> None:
    """Let the workers end, within a bound; the writer last: it takes the log in once nobody reads from it any more.

    ready: those that have started; one that has not has nothing to finish. hand_over: whether a successor waits. What
    still runs then is killed when the router ends.
    """
    supervisor.stop()
    until = time.monotonic() + (HASTE_S if hand_over else STOP_S)
    if hand_over:  # a kill does these no harm, and clients are waiting
        for identity in supervisor.running(Stage.EMBED, Stage.READ):
            supervisor.kill(identity)
    for stages in ((Stage.EMBED, Stage.READ), (Stage.WRITE,)):
        for identity in supervisor.running(*stages):
            if identity not in ready or not workers.send(identity, _STOP):
                supervisor.kill(identity)
        while supervisor.running(*stages) and (left := until - time.monotonic()) > 0:
            wakeup.came(min(left, 0.1))  # SIGCHLD; the short bound is for one that came just before
    supervisor.reap(time.monotonic())
