"""The loop that every worker runs: take what waits, work, answer, and say that it is alive.

One thread does all of it. While a job is being worked on, `Link.alive` (called by the worker, for example from
SQLite's progress handler) sends the heartbeat, hears what the router says, and looks at the process's own weight; so
silence means that the process hangs. A worker with threads of its own looks after those (`workers.embedding.batches`).
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from functools import partial

from memmux import processes
from memmux.errors import DatabaseReplacedError, MemmuxError, MessageTooLargeError
from memmux.logs import log
from memmux.wire.namespaces import NAMED
from memmux.wire.protocol import Header, Kind, Message
from workers.runtime.confinement import confined, grant_of, key_of
from workers.runtime.job_log import JobLog
from workers.runtime.jobs import Answer, Deferring, Job, Outcome, Worker
from workers.runtime.router_link import RouterLink

HEARTBEAT_S = 1.0  # between two heartbeats, and between two calls of idle(), at most


def serve(
    worker: Worker,
    address: str,
    identity: str,
    *,
    cap_bytes: int = 0,
    heartbeat_s: float = HEARTBEAT_S,
    held: bool = False,
    slow_ms: float = 0,
) -> int:
    """Run `worker` until the router says STOP or is gone; return the exit code.

    address: the router's backend. identity: how the router knows this process. cap_bytes: of resident memory, beyond
    which it asks for a successor; 0 for none. heartbeat_s: well below what the router takes for a stall. held: open
    nothing before a byte comes on standard input. slow_ms: a request that takes so long here is logged with what was
    done for it; 0 for none. A worker that can't start says FAILED with the reason and exits with 1.
    """
    logger = log.get()
    told = _die_with_parent()
    link = RouterLink(address, identity, worker, heartbeat_s)
    try:
        if held:
            link.hold(told)
        try:
            worker.open(link.alive)
        except MemmuxError as error:
            logger.error("worker_start_failed", code=error.code, error=error.message)
            link.send(Header(kind=Kind.FAILED, detail=error.to_json()))
            return 1
        link.ready(cap_bytes)
        logger.info("worker_started", **worker.facts())
        try:
            _work(worker, link, JobLog(worker.stage, slow_ms))
        except DatabaseReplacedError as error:
            logger.error("worker_gave_up", code=error.code, error=error.message)
            link.send(Header(kind=Kind.FAILED, detail=error.to_json()))
            worker.close()
            return 1
        worker.close()
        logger.info("worker_stopped")
        return 0
    finally:
        link.close()


def _work(worker: Worker, link: RouterLink, job_log: JobLog) -> None:
    deferring = worker if isinstance(worker, Deferring) else None
    stopped, due_s = False, math.inf
    while not stopped or not due_s:  # the work at hand is still finished
        messages = link.receive(min(link.heartbeat_s, due_s))
        if jobs := _requests(worker, link, messages, job_log):
            _answer_all(worker, link, worker.handle(jobs, link.alive), job_log)
        if not messages and math.isinf(due_s):
            worker.idle(link.alive)
        if deferring is not None:
            _answer_all(worker, link, deferring.late(link.alive), job_log)
            due_s = deferring.due_s
        link.alive()
        link.retire_if_due()
        stopped = stopped or any(message.header.kind is Kind.STOP for message in messages)


def _requests(worker: Worker, link: RouterLink, messages: Sequence[Message], job_log: JobLog) -> list[Job]:
    """Return the requests in `messages`, held to what their clients may do.

    Those that nobody waits for any more, and those that are refused, are answered here.
    """
    wanted: list[Job] = []
    now = time.monotonic()
    for job in (_job(message, now, link) for message in messages if message.header.kind is Kind.REQUEST):
        try:
            job.check()
            wanted.append(confined(job))
        except MemmuxError as error:
            now = time.monotonic()
            _answer(worker, link, job, error, job_log, began=now, ended=now)
    return wanted


def _job(message: Message, now: float, link: RouterLink) -> Job:
    header = message.header
    deadline = math.inf if header.deadline_ms is None else now + header.deadline_ms / 1000
    grant = grant_of(header)
    return Job(
        id=header.id,
        operation=header.operation,
        frames=message.frames,
        key=key_of(header, grant),
        client=header.client,
        deadline=deadline,
        attempt=header.attempt,
        degraded=header.degraded,
        cancelled=partial(link.is_cancelled, header.id, header.attempt),
        grant=grant,
        zone=zone if isinstance(zone := header.detail.get("zone"), str) else "",
        named=header.detail.get(NAMED) is True,
        min_seq=seq if isinstance(seq := header.detail.get("min_seq"), int) else 0,
    )


def _answer_all(worker: Worker, link: RouterLink, outcomes: Iterable[Outcome], job_log: JobLog) -> None:
    """Send each outcome as soon as it is there."""
    began = time.monotonic()
    for job, outcome in outcomes:
        ended = time.monotonic()
        earlier = outcome.began if isinstance(outcome, Answer) else None
        _answer(worker, link, job, outcome, job_log, began=began if earlier is None else earlier, ended=ended)
        began = ended


def _answer(
    worker: Worker,
    link: RouterLink,
    job: Job,
    outcome: Answer | MemmuxError,
    job_log: JobLog,
    *,
    began: float,
    ended: float,
) -> None:
    came, at_s = link.came_at(job.id, job.attempt), time.time()
    if isinstance(outcome, Answer):
        detail = {"work_ms": round((ended - began) * 1000, 3), **worker.facts()}
        header = Header(kind=Kind.RESULT, id=job.id, attempt=job.attempt, degraded=outcome.degraded, detail=detail)
        try:
            link.answer(header, *outcome.frames)
        except MessageTooLargeError as error:
            outcome = error
    if isinstance(outcome, MemmuxError):
        link.answer(Header(kind=Kind.ERROR, id=job.id, attempt=job.attempt, detail=outcome.to_json()))
    job_log.finished(job, outcome, came=came, began=began, ended=ended, at_s=at_s)


def _die_with_parent() -> threading.Event:
    """End this process when the router is gone, whatever it is doing; return what is set when the router says begin.

    The router holds the other end of our standard input: a byte says begin, and the end of file is its death. The
    thread sees it even while the main thread is inside SQLite or a model. SQLite is safe against such an end. Where the
    system offers to kill this process then, that works even while it is stopped or holds the interpreter's lock.
    """
    processes.end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal is for the router, which then stops us

    told = threading.Event()

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            told.set()
        log.get().warning("worker_orphaned")
        os._exit(0)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    return told
