"""The fuzzer: nonsense floods both sockets of a router from several connections, while other clients work with it."""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import zmq

from bench.faults.crowd import CALL_S, Crowd
from bench.faults.evidence import gather
from bench.faults.fuzz_frames import Fuzzer
from bench.faults.verdict import judge
from bench.harness import report
from bench.harness.arena import Arena, arena
from bench.harness.measure import Row, at_most, until
from memmux import Client, limits
from memmux.config.paths import Places
from memmux.config.settings import EmbedderChoice
from memmux.processes import rss_bytes
from memmux.wire import protocol, sockets
from memmux.wire.answers import Status
from memmux.wire.protocol import Header, Kind

MEBIBYTE = 1 << 20
GROWTH_MB = 5.0  # allowed to the router after the warm-up
WARM_UP = 0.2  # of the messages: sessions, buffers and caches reach their bounds
CLIENTS = 2  # that work beside it
PAUSE_MS = 20  # what each of those waits between two calls, on average
TO_CLIENTS, TO_WORKERS = 4, 2  # connections to each socket; the first to clients never reads its answers
GARBAGE_EVERY = 200  # messages between two connections that do not speak ZeroMQ
BEYOND_EVERY = 200_000  # messages between two frames above the limit, for which the router hangs up
RENEW_EVERY = 5_000  # messages of one connection, before another takes its place
SEND_S = 240.0  # the longest that the router may take to make room for a message
SETTLE_S = 240.0  # the longest that it may take to answer when all is over


def run(messages: int, seed: int, *, as_json: bool) -> int:
    """Fuzz, print what came of it, and return the exit code."""
    began = time.monotonic()
    with arena(embedder=EmbedderChoice.HASH, request_timeout_s=CALL_S) as here:
        rows = list(_fuzz(here, messages, seed))
        rows.append(Row(name="seconds", value=round(time.monotonic() - began, 1)))
        good = all(row.ok for row in rows)
        here.kept = not good
    if as_json:
        report.document({row.name.replace(" ", "_"): row.value for row in rows})
    else:
        report.show(rows, as_json=False)
    return 0 if good else 1


def _fuzz(here: Arena, messages: int, seed: int) -> Iterator[Row]:
    crowd = Crowd(here, CLIENTS, seed, PAUSE_MS)
    with Client(settings=here.settings, name="fuzz") as control, ExitStack() as running:
        before = control.status()
        running.enter_context(crowd)
        crowd.wait_for_all()
        flood = running.enter_context(contextlib.closing(Flood(Places(here.settings), seed)))
        flood.send(int(messages * WARM_UP), "warming up")
        _settle(control)
        warm = rss_bytes(before.pid)
        began = time.monotonic()
        flood.send(messages - flood.sent, "fuzzing")
        crowd.wait_for_all(after=began)
        after = _settle(control)
        growth_mb = (rss_bytes(before.pid) - warm) / MEBIBYTE
        crowd.finish()
    here.end()
    verdict = judge(crowd.entries(), crowd.killed, gather(here.settings.database))
    cases = [*verdict.cases, *(f"client {name}: {how}" for name, how in crowd.broken.items())]
    cases += [f"error: {entry.operation} {entry.key}: {entry.error}" for entry in crowd.entries() if entry.error]
    sys.stderr.writelines(f"{case}\n" for case in cases)
    yield Row(name="messages", value=flood.sent)
    yield at_most("crashes", (after.pid != before.pid) + _restarts(after), 0)
    yield Row(name="calls", value=verdict.calls)
    yield at_most("failed calls", len(cases), 0)
    yield at_most("rss growth mb", growth_mb, GROWTH_MB)


def _restarts(status: Status) -> int:
    return sum(worker["restarts"] for worker in status.workers)


def _settle(control: Client) -> Status:
    """Return the status once nothing waits any more."""
    with until(SETTLE_S, "answering the last messages") as wait:
        while any((status := control.status()).queues.values()) or any(one["in_flight"] for one in status.workers):
            wait()
    return status


@dataclass(slots=True)
class _Line:
    """One connection; renew makes another one like it."""

    socket: zmq.Socket[bytes]
    renew: Callable[[], zmq.Socket[bytes]]
    deaf: bool
    sent: int = 0


class Flood:
    """Connections to both sockets of one router, and the nonsense that is sent over them."""

    def __init__(self, places: Places, seed: int) -> None:
        self.sent = 0
        self._clients, self._workers = places.sockets()
        self._fuzzer = Fuzzer(seed)
        self._chance = random.Random(f"lines of {seed}")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._lines = [self._line(self._clients, deaf=number == 0) for number in range(TO_CLIENTS)]
        self._lines += [self._line(self._workers) for _ in range(TO_WORKERS)]

    def send(self, count: int, what: str) -> None:
        """Send so many messages more; raise zmq.Again when the router takes none for long."""
        goal = self.sent + count
        while self.sent < goal:
            if self.sent % 10_000 == 0:
                report.progress(f"{what}: {self.sent} messages")
            self._send_one(self._chance.choice(self._lines))
            self.sent += 1
        for line in self._lines:
            _drain(line)

    def close(self) -> None:
        """Close all connections."""
        for line in self._lines:
            line.socket.close()
        self._context.term()

    def _send_one(self, line: _Line) -> None:
        if self.sent % GARBAGE_EVERY == GARBAGE_EVERY - 1:
            self._garble(self._clients if self._chance.random() < 0.5 else self._workers)  # noqa: PLR2004 - a half
            return
        if self.sent % BEYOND_EVERY == BEYOND_EVERY // 4:
            _go_beyond(line.socket)
            _renew(line)
            return
        line.socket.send_multipart(self._fuzzer.message())
        line.sent += 1
        if not line.deaf:
            _drain(line)
        if line.sent >= RENEW_EVERY:
            _ping(line.socket)
            _renew(line)

    def _garble(self, address: str) -> None:
        """Connect without ZeroMQ, write bytes, and hang up."""
        path = Path(address.removeprefix("ipc://"))
        with socket.socket(socket.AF_UNIX) as plain, contextlib.suppress(OSError):
            plain.settimeout(1.0)
            plain.connect(str(path))
            plain.sendall(self._fuzzer.garbage())

    def _line(self, address: str, *, deaf: bool = False) -> _Line:
        def renew() -> zmq.Socket[bytes]:
            named = address == self._workers
            identity = f"read-{self._chance.randrange(3)}-{self._chance.randbytes(4).hex()}".encode() if named else b""
            made = sockets.dealer(self._context, address, identity)
            made.sndtimeo = int(SEND_S * 1000)
            return made

        return _Line(renew(), renew, deaf)


def _drain(line: _Line) -> None:
    with contextlib.suppress(zmq.Again):
        while True:
            line.socket.recv_multipart(zmq.NOBLOCK)


def _renew(line: _Line) -> None:
    line.socket.close()
    line.socket, line.sent = line.renew(), 0


def _go_beyond(target: zmq.Socket[bytes]) -> None:
    """Send a frame above the limit, and wait until the router has hung up; raise zmq.Again when it does not.

    Nobody would hear this connection any more: it comes back under the name that it had, and a ROUTER that has not read
    yet what came before does not let a second one of that name in. A worker to which that happened would count as one
    that hangs, and be replaced.
    """
    hung_up = target.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    hung_up.rcvtimeo = int(SEND_S * 1000)
    target.send_multipart([bytes(limits.MESSAGE_BYTES + 1)])
    hung_up.recv_multipart()
    target.disable_monitor()


def _ping(target: zmq.Socket[bytes]) -> None:
    """Send what will be the last message; that it leaves tells that the router has room again."""
    target.send_multipart(protocol.encode(Header(kind=Kind.PING)))
