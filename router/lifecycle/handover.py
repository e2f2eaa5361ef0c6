"""The handover: one router takes the place of another that serves the same database, and clients hardly notice.

The `Successor` is started beside the one that serves. Its workers are there, with everything imported and the model
loaded, before it asks; then the other one answers what it has accepted, stops its workers and lets go of the lock
(`Handover`), and the successor takes it. The other one stays for as long as that takes, to say `draining` to whoever
still asks it. Should the successor end before it serves, the other one serves again.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import zmq

from memmux.cluster import endpoint as endpoints
from memmux.cluster import holder
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.replace import HAND_OVER_S
from memmux.config.paths import Places
from memmux.errors import DatabaseInUseError, MemmuxError, ProtocolVersionError, error_from_json
from memmux.files.lock import FileLock
from memmux.processes import alive
from memmux.version import __version__
from memmux.wire import protocol, sockets
from memmux.wire.ids import uuid7
from memmux.wire.protocol import Header, Kind

WARM_S = 10.0  # for the model to be loaded, before the handover begins without it
ASK_AGAIN_S = 2.0  # between two times that it is asked for: the first may have been lost
CLAIM_S = 5.0  # in which the successor takes the lock that was let go of
NAME = "successor"  # its own, as a client of the router that it asks


class Successor:
    """The router that is to take over: asks for it, and takes the lock when it is free.

    Times are monotonic seconds. until: when it gives up. asked_at: when it asked first; None if it has not.
    """

    def __init__(self, lock: FileLock, places: Places, now: float) -> None:
        self.began = now
        self.until = now + HAND_OVER_S + places.settings.drain_s
        self.asked_at: float | None = None
        self.predecessor: Endpoint | None = None
        self._asked_last = 0.0
        self._instance = uuid7()
        self._signalled = False
        self._lock = lock
        self._places = places
        self._socket: zmq.Socket[bytes] | None = None

    def step(self, context: zmq.Context[zmq.Socket[bytes]], now: float, *, able: bool, warm: bool) -> bool:
        """Do what is next; return whether the database is ours now.

        able: whether there is a reader and a writer that could begin. warm: whether the embedder could, too.
        Raises the error with which the other router refuses, and DatabaseInUseError when that takes too long.
        """
        if self.asked_at is not None or (able and (warm or now - self.began >= WARM_S)):
            self.ask(context, now)
        if self.asked_at is not None and self.take():
            return True
        if (refusal := self.refusal()) is not None:
            raise refusal
        if now >= self.until:
            raise DatabaseInUseError(
                f"the cluster that serves this database did not hand it over within {now - self.began:.0f} s; "
                "run `memmux status`, or `memmux stop` and then start it"
            )
        return False

    def waited_s(self, now: float) -> float:
        """Return for how long it has waited since it asked."""
        return 0.0 if self.asked_at is None else round(now - self.asked_at, 3)

    def ask(self, context: zmq.Context[zmq.Socket[bytes]], now: float) -> None:
        """Ask whoever serves the database to hand over; again after a while. Nothing if nobody does."""
        if self.asked_at is not None and now - self._asked_last < ASK_AGAIN_S:
            return
        if self.asked_at is None:
            self.asked_at = now
            self.predecessor = endpoints.read(self._places)
        self._asked_last = now
        if self.predecessor is None:
            return
        if self._socket is None:
            self._socket = sockets.dealer(context, self.predecessor.address)
        detail = {
            "protocol": [protocol.OLDEST, protocol.VERSION],
            "name": NAME,
            "pid": os.getpid(),
            "version": __version__,
            "instance": self._instance,
        }
        asked = Header(kind=Kind.REQUEST, id=uuid7(), operation="cluster.stop", detail={"hand_over": True})
        with suppress(zmq.Again):
            self._socket.send_multipart(
                protocol.encode(Header(kind=Kind.HELLO, id=uuid7(), detail=detail)), zmq.NOBLOCK
            )
            self._socket.send_multipart(protocol.encode(asked, b"{}"), zmq.NOBLOCK)

    def refusal(self) -> MemmuxError | None:
        """Return the error with which the other router refuses for good, if it does.

        One whose protocol is another is told to stop by a signal, which needs no protocol.
        """
        while self._socket is not None:
            error: MemmuxError | None = None
            try:
                message = protocol.decode(self._socket.recv_multipart(zmq.NOBLOCK))
                if message.header.kind is Kind.ERROR:
                    error = error_from_json(dict(message.header.detail))
            except zmq.Again:
                return None
            except MemmuxError as unreadable:
                error = unreadable
            if isinstance(error, ProtocolVersionError):
                self._signal()
            elif error is not None and not error.retryable:
                return error
        return None

    def _signal(self) -> None:
        if self.predecessor is not None and not self._signalled:
            self._signalled = True
            with suppress(ProcessLookupError):
                os.kill(self.predecessor.pid, signal.SIGTERM)

    def take(self) -> bool:
        """Return whether the lock is ours now."""
        return holder.take(self._lock)

    def close(self) -> None:
        """Leave the other router."""
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None


class Handover:
    """The other side: the router that serves lets go of the lock of the database, and learns whether it was taken over.

    clock: monotonic seconds.
    """

    def __init__(self, lock: FileLock, places: Places, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = lock
        self._places = places
        self._clock = clock
        self._released = 0.0

    def release(self) -> None:
        """Let go of the lock."""
        self._released = self._clock()
        self._lock.release()

    def taken_over(self, successor: int) -> bool | None:
        """Return whether the router of that pid serves the database, False once it won't, and None until that is known.

        When it won't, the lock is ours again or somebody else's, who then serves.
        """
        endpoint = endpoints.read(self._places)
        if endpoint is not None and endpoint.pid == successor:
            return True
        if not alive(successor):
            return False
        # Alive, but it may not be what it said it is: whoever takes over holds the lock by now.
        if self._clock() - self._released >= CLAIM_S and holder.take(self._lock):
            return False
        return None
