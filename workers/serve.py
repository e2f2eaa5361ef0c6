"""The loop that every worker runs: take what waits, work, answer, and say that it is alive.

One thread does all of it. While a job is being worked on, `_Link.alive` (called by the worker, for example from
SQLite's progress handler) sends the heartbeat, hears what the router says, and looks at the process's own weight; so
silence means that the process hangs.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import zmq

from memmux import logs, protocol, sockets
from memmux.errors import DatabaseReplacedError, MemmuxError, ProtocolError
from memmux.processes import private_bytes
from memmux.protocol import Header, Kind, Message
from workers.jobs import Answer, Deferring, Job, Outcome, Preparing, Progressing, Worker

HEARTBEAT_S = 1.0  # between two heartbeats, and between two calls of idle(), at most
FOLLOW_S = 0.02  # how long a worker that has prepared for a request looks out for it without sleeping
_PR_SET_PDEATHSIG = 1  # prctl(2)
GROWTH = 1.5  # times its first size, to which a worker may grow in any case
RUNAWAY = 3  # times what it may grow to, at which a worker ends at once, in whatever it is doing
RUNAWAY_EXIT = 70
LOOK_S = 0.05  # between two looks, during work, at what the router has said meanwhile
_DRAIN = 256  # messages taken from the socket at once

_Attempt = tuple[str, int]  # of a request: its id and which attempt


class _Link:
    """The worker's side of the router's backend: one DEALER, with a heartbeat."""

    def __init__(self, address: str, identity: str, worker: Worker, heartbeat_s: float) -> None:
        self.heartbeat_s = heartbeat_s
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._socket = sockets.dealer(self._context, address, identity.encode())
        self._worker = worker
        self._said = self._looked = time.monotonic()
        self._inbox: list[Message] = []
        self._open: set[_Attempt] = set()  # requests that came and are not answered
        self._cancelled: set[_Attempt] = set()  # those of them that nobody waits for any more
        self._weight: _Weight | None = None  # from the start of work on
        self._retiring = False

    def send(self, header: Header, *frames: bytes) -> None:
        self._said = time.monotonic()
        self._socket.send_multipart(protocol.encode(header, *frames), copy=True)

    def say(self, kind: Kind, **detail: object) -> None:
        """Send a message about the worker itself, with its facts."""
        self.send(Header(kind=kind, detail={**detail, **self._worker.facts()}))

    def answer(self, header: Header, *frames: bytes) -> None:
        """Send the outcome of a request."""
        self._open.discard((header.id, header.attempt))
        self.send(header, *frames)

    def ready(self, cap_bytes: int) -> None:
        """Say that work can begin. From now on the process may grow so far."""
        self._weight = _Weight(cap_bytes)
        self.say(Kind.READY, pid=os.getpid(), credit=self._worker.credit)

    def alive(self) -> None:
        """Send a heartbeat if the last word was a while ago, and take what waits; cheap enough for every moment."""
        now = time.monotonic()
        if now - self._said >= self.heartbeat_s:
            if self._weight is None:  # it has no facts before it is ready
                detail = self._worker.progress() if isinstance(self._worker, Progressing) else {}
                self.send(Header(kind=Kind.HEARTBEAT, detail=detail))
            else:
                self.say(Kind.HEARTBEAT)
        if now - self._looked >= LOOK_S:
            self._take()
            self.retire_if_due()

    def retire_if_due(self) -> None:
        """Ask for a successor, once, if the worker wants one or has grown too large."""
        if self._weight is None:
            return
        due = self._weight.is_too_much() or self._worker.retiring  # the weight is looked at in any case
        if due and not self._retiring:
            self._retiring = True
            self.say(Kind.RETIRING)

    def is_cancelled(self, request_id: str, attempt: int) -> bool:
        """Return whether the router has said CANCEL to that attempt, as far as it was heard."""
        return (request_id, attempt) in self._cancelled

    def receive(self, timeout_s: float) -> list[Message]:
        """Return the messages that came since, after waiting at most `timeout_s` for the first."""
        if not self._inbox:
            self._socket.poll(max(0, math.ceil(timeout_s * 1000)))
        self._take()
        messages, self._inbox = self._inbox, []
        self._cancelled &= self._open
        return messages

    def look_out(self) -> None:
        """Wait a moment without sleeping: to be woken takes longer than all that is done for the message that comes.

        Other processes go first, so this costs only what nobody else uses.
        """
        until = time.monotonic() + FOLLOW_S
        while not int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN and time.monotonic() < until:
            os.sched_yield()

    def _take(self) -> None:
        """Put what waits in the socket into the inbox."""
        self._looked = time.monotonic()
        for _ in range(_DRAIN):
            try:
                message = protocol.decode(self._socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            except ProtocolError as error:
                logs.get().error("message_malformed", error=error.message)
                continue
            self._inbox.append(message)
            # A CANCEL comes after its REQUEST.
            if message.header.kind is Kind.REQUEST:
                self._open.add((message.header.id, message.header.attempt))
            elif message.header.kind is Kind.CANCEL:
                self._cancelled.add((message.header.id, message.header.attempt))

    def close(self) -> None:
        self._socket.close(linger=1000)  # the last answers still go out
        self._context.term()


class _Weight:
    """The memory of this process, which has started, and what it may grow to; files that it maps are not its own."""

    def __init__(self, cap_bytes: int) -> None:
        # A worker that is heavy from the start would only be followed by another such: what counts then is growth.
        self._most = max(cap_bytes, int(GROWTH * private_bytes(os.getpid()))) if cap_bytes else 0
        self._looked = time.monotonic()

    def is_too_much(self) -> bool:
        """Return whether it has grown too much; looks about once a second."""
        now = time.monotonic()
        if not self._most or now - self._looked < HEARTBEAT_S:
            return False
        self._looked = now
        if (found := private_bytes(os.getpid())) <= self._most:
            return False
        logs.get().warning("worker_grew_too_large", private_bytes=found, most_bytes=self._most)
        if found > RUNAWAY * self._most:
            # Whatever it is doing, it does not end by itself: others try the request, and do so no more than thrice.
            os._exit(RUNAWAY_EXIT)
        return True


def serve(worker: Worker, address: str, identity: str, *, cap_bytes: int = 0, heartbeat_s: float = HEARTBEAT_S) -> int:
    """Run `worker` until the router says STOP or is gone; return the exit code.

    address: the router's backend. identity: how the router knows this process. cap_bytes: of resident memory, beyond
    which it asks for a successor; 0 for none. heartbeat_s: well below what the router takes for a stall. A worker that
    can't start says FAILED with the reason and exits with 1.
    """
    log = logs.get()
    _die_with_parent()
    link = _Link(address, identity, worker, heartbeat_s)
    try:
        try:
            worker.open(link.alive)
        except MemmuxError as error:
            log.error("worker_start_failed", code=error.code, error=error.message)
            link.send(Header(kind=Kind.FAILED, detail=error.to_json()))
            return 1
        link.ready(cap_bytes)
        log.info("worker_started", **worker.facts())
        try:
            _work(worker, link)
        except DatabaseReplacedError as error:
            log.error("worker_gave_up", code=error.code, error=error.message)
            link.send(Header(kind=Kind.FAILED, detail=error.to_json()))
            worker.close()
            return 1
        worker.close()
        log.info("worker_stopped")
        return 0
    finally:
        link.close()


def _work(worker: Worker, link: _Link) -> None:
    deferring = worker if isinstance(worker, Deferring) else None
    preparing = worker if isinstance(worker, Preparing) else None
    stopped, due_s = False, math.inf
    while not stopped or not due_s:  # the work at hand is still finished
        messages = link.receive(min(link.heartbeat_s, due_s))
        if jobs := _requests(worker, link, messages):
            _answer_all(worker, link, worker.handle(jobs, link.alive))
        elif preparing is not None:
            for job in _jobs(link, messages, Kind.PREPARE):
                preparing.prepare(job)
                link.look_out()
        if not messages and math.isinf(due_s):
            worker.idle()
        if deferring is not None:
            _answer_all(worker, link, deferring.late(link.alive))
            due_s = deferring.due_s
        link.alive()
        link.retire_if_due()
        stopped = stopped or any(message.header.kind is Kind.STOP for message in messages)


def _requests(worker: Worker, link: _Link, messages: Sequence[Message]) -> list[Job]:
    """Return the requests in `messages`; those that nobody waits for any more are answered here."""
    wanted: list[Job] = []
    for job in _jobs(link, messages, Kind.REQUEST):
        try:
            job.check()
        except MemmuxError as error:
            _answer(worker, link, job, error, work_ms=0)
        else:
            wanted.append(job)
    return wanted


def _jobs(link: _Link, messages: Sequence[Message], kind: Kind) -> Iterator[Job]:
    now = time.monotonic()
    return (_job(message, now, link) for message in messages if message.header.kind is kind)


def _job(message: Message, now: float, link: _Link) -> Job:
    header = message.header
    deadline = math.inf if header.deadline_ms is None else now + header.deadline_ms / 1000
    return Job(
        id=header.id,
        operation=header.operation,
        frames=message.frames,
        key=header.key,
        client=header.client,
        deadline=deadline,
        attempt=header.attempt,
        degraded=header.degraded,
        cancelled=partial(link.is_cancelled, header.id, header.attempt),
    )


def _answer_all(worker: Worker, link: _Link, outcomes: Iterable[Outcome]) -> None:
    """Send each outcome as soon as it is there."""
    started = time.perf_counter()
    for job, outcome in outcomes:
        now = time.perf_counter()
        _answer(worker, link, job, outcome, round((now - started) * 1000, 3))
        started = now


def _answer(worker: Worker, link: _Link, job: Job, outcome: Answer | MemmuxError, work_ms: float) -> None:
    if isinstance(outcome, MemmuxError):
        code = outcome.code
        link.answer(Header(kind=Kind.ERROR, id=job.id, attempt=job.attempt, detail=outcome.to_json()))
    else:
        code = "ok"
        detail = {"work_ms": work_ms, **worker.facts()}
        header = Header(kind=Kind.RESULT, id=job.id, attempt=job.attempt, degraded=outcome.degraded, detail=detail)
        link.answer(header, *outcome.frames)
    logs.get().info(
        "stage_finished",
        request_id=job.id,
        client=job.client,
        operation=job.operation,
        stage=worker.stage,
        outcome=code,
        attempt=job.attempt,
        work_ms=work_ms,
    )


def _die_with_parent() -> None:
    """End this process when the router is gone, whatever it is doing.

    The router holds the other end of our standard input and never writes to it: the end of file is its death. The
    thread sees it even while the main thread is inside SQLite or a model. SQLite is safe against such an end. Where the
    system offers to kill this process then, that works even while it is stopped or holds the interpreter's lock.
    """
    if sys.platform == "linux":
        router = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != router:  # it died just before
            os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal is for the router, which then stops us

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
