"""The stop of real workers: the writer has its time, however slow the others are."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from memmux.cluster import holder
from memmux.wire.operations import Stage
from router.io import stop_workers as module
from router.io.stop_workers import stop_workers
from router.io.wakeup import Wakeup
from router.io.workers_socket import WorkersSocket
from router.lifecycle import gateways
from router.lifecycle.supervisor import Supervisor
from router.lifecycle.worker_process import WorkerProcess
from tests.bounds import BOUND_S, pause


@pytest.fixture
def workers(short_tmp: Path) -> Iterator[WorkersSocket]:
    """The socket that the workers connect to."""
    with zmq.Context() as context:
        made = WorkersSocket(context, f"ipc://{short_tmp}/workers")
        yield made
        made.close()


def _started(supervisor: Supervisor, workers: WorkersSocket) -> dict[Stage, WorkerProcess]:
    """Start a writer, and then what reads; return the first process of each once all have said a word."""
    found = {}
    for stage in (Stage.WRITE, Stage.READ):
        supervisor.add(stage, time.monotonic())
        silent = {identity for identity, _ in supervisor.start_due(time.monotonic())}
        first = min(silent)
        until = time.monotonic() + BOUND_S
        while silent:
            silent -= {sender for sender, _ in workers.messages(100)}
            assert time.monotonic() < until
            pause()
        found[stage] = next(one.process for one in supervisor._workers() if one.identity == first)
    return found


def test_who_waits_for_a_stop_waits_longer_than_it_takes() -> None:
    assert module.OTHERS_S + module.HASTE_S + module.STOP_S + gateways.LEAVE_S < holder.STOP_S - 2.0


@pytest.mark.slow
def test_a_reader_that_is_stopped_takes_none_of_the_writers_time(
    supervisor: Supervisor, workers: WorkersSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OTHERS_S", 0.1)
    monkeypatch.setattr(module, "STOP_S", BOUND_S)
    processes = _started(supervisor, workers)
    reader = processes[Stage.READ].pid
    assert reader is not None
    os.kill(reader, signal.SIGSTOP)
    with Wakeup() as wakeup:
        stop_workers(supervisor, workers, wakeup, set(supervisor.running()), hand_over=False)
    for process in processes.values():
        process.wait()
    assert {stage: process.poll() for stage, process in processes.items()} == {
        Stage.READ: -signal.SIGKILL,
        Stage.WRITE: 0,
    }
