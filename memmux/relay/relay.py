"""The relay's loop: one thread that polls the host and the gateway, and finds the next one when it is gone."""

from __future__ import annotations

import _socket
import os
import select
import time

from memmux.relay.frames import FrameError
from memmux.relay.host import CLOSED, FULL, FULL_S, Host
from memmux.relay.line_log import LineLog

LOOK_S = 0.02  # between two steps on the way to a gateway, at first
LOOK_MOST_S = 0.5  # the same, when it takes long: then the processor is what all wait for
LOOK_PART = 16  # of the time for which a gateway was looked for is waited between two steps
IDLE_LOOK_S = 0.25  # the same, while nothing waits for one
IDLE_S = 10.0  # after which, while nothing waits for one, none is looked for
LEAVE_S = 75.0  # for the answers, once the host's input has ended: more than a call may wait, or a start takes
LAST_S = 10.0  # for what was read to be done, once nobody hears the answers
ORPHAN_S = 4.0  # the same, once the host itself is gone: its session is not to be there for long
SAID_S = 60.0  # for the first word of a gateway, which may have to be started, on a busy machine
READ_BYTES = 1 << 18
_ENDS = select.POLLERR | select.POLLHUP | select.POLLNVAL
_WHY = {
    CLOSED: b"standard output was closed before every line was answered",
    FULL: b"standard output was not read for %d s, and not every answer is written" % FULL_S,
}


class LeaveError(Exception):
    """Raised by what has no way to any gateway. code: to exit with; words: for standard error."""

    def __init__(self, code: int, words: bytes = b"") -> None:
        super().__init__(code)
        self.code = code
        self.words = words


class Way:
    """Finds gateways, one after the other."""

    known = True
    """Whether it is known that the settings are right."""
    busy = False
    """Whether `tend` is to be called in LOOK_S."""
    stopgap = False
    """Whether the gateway that is connected is one until there is a better one."""

    def tend(self, now: float) -> None:
        """Do what is due beside."""

    def step(self, now: float, *, search: bool) -> _socket.socket | None:
        """Return a connection, or None if there is none yet; then it is asked again in LOOK_S.

        search: whether a gateway is to be started where none is; an idle host starts none.
        """
        raise NotImplementedError

    def hello(self, log: LineLog) -> bytes:
        """Return what is said first over a connection."""
        raise NotImplementedError

    def heard(self, now: float) -> None:
        """Take that a gateway has said its first word."""

    def lost(self, now: float, log: LineLog) -> None:
        """Take that the connection is gone."""

    def wait_s(self, now: float) -> float:
        """Return how long to wait, at most, before `better` is asked; only while `stopgap`."""
        del now
        return LOOK_S

    def better(self, now: float, log: LineLog) -> bool:
        """Return whether to leave the gateway that is a stopgap; asked when nothing is on its way."""
        del now, log
        return False

    def close(self) -> None:
        """Look for no gateway any more."""


class Relay:
    """One host and, one after the other, its gateways."""

    def __init__(self, host: Host, way: Way) -> None:
        self._host = host
        self._way = way
        self._log = LineLog()
        self._gateway: _socket.socket | None = None
        self._poll = select.poll()
        self._polled: dict[int, int] = {}
        self._ended_at: float | None = None
        self._connected_at = 0.0
        self._lost_at: float | None = None
        self._sought_at = time.monotonic()

    def run(self) -> int:
        """Carry lines until the host is gone, or has no more of them and all are answered; return the exit code."""
        try:
            while not self._done():
                self._turn()
            told = self._log.exit
            unheard = self._finish() if self._host.gone else False
            code, words = told or (0, b"")
            if told is None and (unsaid := self._unsaid(unheard=unheard)):
                code, words = 1, b"memmux mcp: " + unsaid
        except LeaveError as left:
            code, words = left.code, left.words
        finally:
            self._host.close()
            self._way.close()
            if self._gateway is not None:
                self._gateway.close()
        return self._leave(code, words)

    def _finish(self) -> bool:
        """Have done what was read, though nobody hears the answers: a gateway drops the calls of one that is gone.

        Return whether there was an answer, or may have been: not every line is to be answered.
        """
        unheard = bool(self._log.to_host)
        self._log.end(self._host.gone)
        began = time.monotonic()
        while self._log.oldest and self._log.exit is None:
            if time.monotonic() - began >= (ORPHAN_S if self._host.ended else LAST_S):
                break
            self._turn()
            unheard = unheard or bool(self._log.to_host)
            self._log.written(len(self._log.to_host))
        self._send()
        return unheard or bool(self._log.oldest)

    def _unsaid(self, *, unheard: bool) -> bytes:
        """Return why what the host waits for stays unsaid; nothing if it has everything, or is gone itself."""
        if self._host.gone:
            return _WHY.get(self._host.gone, b"") if unheard else b""
        return b"not every line was answered within %d s; run `memmux doctor`" % LEAVE_S if self._log.oldest else b""

    def _leave(self, code: int, words: bytes) -> int:
        try:
            os.write(2, words + b"\n" if words else b"")
        except OSError:
            pass  # there is nobody to tell
        return code

    def _done(self) -> bool:
        log = self._log
        if self._host.gone:
            return True
        if log.exit is not None and not log.to_host:
            return True
        if not log.ended:
            return False
        if self._way.known and log.settled and not (self._gateway is not None and log.to_gateway):
            return True
        now = time.monotonic()
        self._ended_at = now if self._ended_at is None else self._ended_at
        return now - self._ended_at >= LEAVE_S

    def _turn(self) -> None:
        now = time.monotonic()
        self._way.tend(now)
        if self._seeks(now):
            self._gateway = self._way.step(now, search=self._lost_at is None or self._log.waits)
            if self._gateway is not None:
                self._gateway.setblocking(False)
                self._connected_at = now
                self._log.connected(self._way.hello(self._log))
        elif self._way.stopgap and self._log.rests and self._way.better(now, self._log):
            self._lose()
        events = self._events()
        self._host.take(events, self._log, time.monotonic(), time.time_ns() // 1_000_000)
        if self._gateway is not None:
            self._exchange(events.get(self._gateway.fileno(), 0))

    def _seeks(self, now: float) -> bool:
        """Return whether a gateway is looked for."""
        if self._gateway is not None or self._log.exit is not None:
            return False
        return self._log.waits or self._lost_at is None or now - self._lost_at < IDLE_S

    def _look_s(self, now: float) -> float:
        """Return how long to wait between two steps: relays by the hundred must not delay what they wait for."""
        return min(LOOK_MOST_S, max(LOOK_S, (now - self._sought_at) / LOOK_PART))

    def _events(self) -> dict[int, int]:
        """Wait for something to do."""
        wanted = self._host.wanted(self._log)
        wait_s = self._host.wait_s(self._log)
        if self._gateway is not None:
            asked = select.POLLIN if self._log.takes_answers else 0
            asked |= select.POLLOUT if self._log.to_gateway else 0
            if asked:  # one of which nothing is wanted would say again and again that it is gone
                wanted[self._gateway.fileno()] = asked
        if self._way.busy or self._seeks(time.monotonic()):
            idle = self._lost_at is not None and not self._log.waits and not self._way.busy
            wait_s = IDLE_LOOK_S if idle else self._look_s(time.monotonic())
        if self._log.ended or not (self._log.understood or self._gateway is None):
            wait_s = 1.0 if wait_s is None else min(wait_s, 1.0)
        if self._way.stopgap and self._log.rests:
            due_s = self._way.wait_s(time.monotonic())
            wait_s = due_s if wait_s is None else min(wait_s, due_s)
        for descriptor in [known for known in self._polled if known not in wanted]:
            self._poll.unregister(descriptor)
            del self._polled[descriptor]
        for descriptor, mask in wanted.items():
            if self._polled.get(descriptor) != mask:
                self._poll.register(descriptor, mask)
                self._polled[descriptor] = mask
        return dict(self._poll.poll(None if wait_s is None else wait_s * 1000))

    def _exchange(self, event: int) -> None:
        """Send what is to be sent, and take what has come."""
        alive = self._send()
        if alive and event & (select.POLLIN | _ENDS) and self._log.takes_answers:
            alive = self._receive()
        silent = not self._log.understood and time.monotonic() - self._connected_at >= SAID_S
        if not alive or silent or self._log.go is not None:
            self._lose()

    def _send(self) -> bool:
        """Return whether the gateway is there."""
        if self._gateway is None:
            return False
        try:
            while self._log.to_gateway:
                self._log.sent(self._gateway.send(self._log.to_gateway[:READ_BYTES]))
        except BlockingIOError:
            pass
        except OSError:
            # What it has said before it went is still there to be read.
            return self._receive()
        return True

    def _receive(self) -> bool:
        assert self._gateway is not None
        try:
            data, first = self._gateway.recv(READ_BYTES), not self._log.understood
            self._log.receive(data)
            if first and self._log.understood:
                self._way.heard(time.monotonic())
        except BlockingIOError:
            return True
        except (OSError, FrameError):
            return False
        return bool(data)

    def _lose(self) -> None:
        assert self._gateway is not None
        descriptor = self._gateway.fileno()
        if self._polled.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)
        self._lost_at = self._sought_at = time.monotonic()
        self._way.lost(self._lost_at, self._log)
        self._log.disconnected()
        self._gateway.close()
        self._gateway = None


def ending_at_once() -> None:
    """Let SIGTERM and Ctrl-C end the process in good order, at once: nothing here is worth waiting for."""
    import _signal  # type: ignore[import-not-found]  # of which `signal` is made, with imports of its own

    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # hosts may ignore it: then nobody tells how a child has ended
    for number in (_signal.SIGTERM, _signal.SIGINT):
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, lambda *_: os._exit(0))
