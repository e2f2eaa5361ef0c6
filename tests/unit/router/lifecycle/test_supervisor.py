"""The supervisor with real processes: workers that can't reach a router, or whose database is not one."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import orjson
import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs import log
from memmux.processes import command
from memmux.wire.operations import Stage
from router.lifecycle.supervisor import BACKOFF_S, DEGRADED_AFTER, HELD, Supervisor
from router.lifecycle.worker_process import WorkerProcess
from tests.bounds import BOUND_S, pause


def _end(supervisor: Supervisor, identity: str) -> None:
    """Kill a worker and wait until it is dead, without reaping it for the supervisor."""
    process = _process(supervisor, identity)
    supervisor.kill(identity)
    process.wait()


def _process(supervisor: Supervisor, identity: str) -> WorkerProcess:
    return next(worker.process for worker in supervisor._workers() if worker.identity == identity)


def test_each_slot_gets_a_process_with_an_identity_of_its_own(supervisor: Supervisor) -> None:
    supervisor.add(Stage.READ, now=0.0)
    assert supervisor.start_due(now=0.0) == [("read-0-0", Stage.READ), ("read-1-1", Stage.READ)]
    assert supervisor.start_due(now=0.0) == []
    assert supervisor.running() == ["read-0-0", "read-1-1"]


def test_dead_process_is_replaced_at_once_under_a_new_identity(supervisor: Supervisor) -> None:
    supervisor.add(Stage.WRITE, now=0.0)
    ((identity, _),) = supervisor.start_due(now=0.0)
    _end(supervisor, identity)
    assert supervisor.reap(now=1.0) == [identity]
    assert supervisor.reap(now=1.0) == []
    assert supervisor.start_due(now=1.0) == [("write-0-1", Stage.WRITE)]


def test_successor_that_retires_before_it_has_the_place_gets_a_successor_of_its_own(supervisor: Supervisor) -> None:
    supervisor.add(Stage.WRITE, now=0.0)
    ((old, _),) = supervisor.start_due(now=0.0)
    ((middle, _),) = supervisor.replace(old, now=1.0)
    assert supervisor.replace(middle, now=2.0) == []
    _end(supervisor, old)
    supervisor.reap(now=3.0)
    ((new, _),) = supervisor.start_due(now=3.0)
    assert set(supervisor.running()) == {middle, new}
    _end(supervisor, middle)
    supervisor.reap(now=4.0)
    assert supervisor.start_due(now=4.0) == []
    assert supervisor.running() == [new]


def test_slot_that_keeps_failing_waits_longer_each_time_and_is_reported(supervisor: Supervisor) -> None:
    supervisor.add(Stage.WRITE, now=0.0)
    now, pauses = 0.0, []
    for _ in range(DEGRADED_AFTER + 1):
        ((identity, _),) = supervisor.start_due(now)
        _end(supervisor, identity)
        supervisor.on_failed(identity, {"code": "database_foreign"})
        supervisor.reap(now)
        due = supervisor.next_start()
        assert due is not None
        pauses.append(due - now)
        now = due
    assert pauses == [0.0, BACKOFF_S, 2 * BACKOFF_S, 4 * BACKOFF_S]
    assert supervisor.failing(Stage.WRITE)
    (row,) = supervisor.status({})
    assert (row["state"], row["pid"], row["restarts"]) == ("degraded", None, DEGRADED_AFTER)
    assert row["error"] == {"code": "database_foreign"}


def test_process_that_worked_for_a_while_is_replaced_at_once_however_often_it_is_killed(supervisor: Supervisor) -> None:
    supervisor.add(Stage.WRITE, now=0.0)
    for now in (0.0, 3.0, 6.0, 9.0):
        ((identity, _),) = supervisor.start_due(now)
        supervisor.on_ready(identity, now + 0.5)
        _end(supervisor, identity)
        supervisor.reap(now + 3.0)
        assert supervisor.next_start() == now + 3.0
    assert not supervisor.failing(Stage.WRITE)


def test_process_that_dies_as_soon_as_it_works_is_backed_off_from(supervisor: Supervisor) -> None:
    supervisor.add(Stage.WRITE, now=0.0)
    now = 0.0
    for _ in range(DEGRADED_AFTER):
        ((identity, _),) = supervisor.start_due(now)
        supervisor.on_ready(identity, now)
        _end(supervisor, identity)
        supervisor.reap(now)
        now = supervisor.next_start() or now
    assert supervisor.failing(Stage.WRITE)


def test_successor_takes_the_slot_when_the_old_process_ends(supervisor: Supervisor) -> None:
    supervisor.add(Stage.EMBED, now=0.0)
    ((old, _),) = supervisor.start_due(now=0.0)
    ((new, _),) = supervisor.replace(old, now=1.0)
    assert supervisor.replace(old, now=1.0) == []
    assert supervisor.running() == [old, new]
    _end(supervisor, old)
    assert supervisor.reap(now=2.0) == [old]
    assert supervisor.start_due(now=2.0) == []
    assert supervisor.running() == [new]


def test_held_worker_begins_when_it_is_released_and_its_successor_at_once(supervisor: Supervisor) -> None:
    supervisor.add(Stage.WRITE, now=0.0, held=True)
    ((identity, _),) = supervisor.start_due(now=0.0)
    assert HELD in _arguments(supervisor, identity)
    assert supervisor.release(Stage.WRITE)
    assert not supervisor.release(Stage.WRITE)
    assert not supervisor.release(Stage.READ)
    _end(supervisor, identity)
    supervisor.reap(now=1.0)
    ((identity, _),) = supervisor.start_due(now=1.0)
    assert HELD not in _arguments(supervisor, identity)


def _arguments(supervisor: Supervisor, identity: str) -> list[str]:
    pid = _process(supervisor, identity).pid
    assert pid is not None
    until = time.monotonic() + BOUND_S
    while not (line := command(pid)) and time.monotonic() < until:  # the system has just begun to run it
        pause()
    return line.decode().replace("\0", " ").split()


def test_slot_that_is_backed_off_from_says_so_in_the_log(supervisor: Supervisor, settings: Settings) -> None:
    log.configure("router", settings)
    supervisor.add(Stage.WRITE, now=0.0)
    for now in (0.0, 1.0):
        ((identity, _),) = supervisor.start_due(now)
        _end(supervisor, identity)
        supervisor.reap(now)
    (line,) = (Places(settings).logs / "router.jsonl").read_bytes().splitlines()
    said = orjson.loads(line)
    assert {name: said[name] for name in ("event", "slot", "failures", "seconds")} == {
        "event": "slot_backed_off",
        "slot": "write-0",
        "failures": 2,
        "seconds": BACKOFF_S,
    }


def test_nothing_is_started_after_stop(supervisor: Supervisor) -> None:
    supervisor.add(Stage.WRITE, now=0.0)
    ((identity, _),) = supervisor.start_due(now=0.0)
    supervisor.stop()
    _end(supervisor, identity)
    supervisor.reap(now=1.0)
    assert supervisor.start_due(now=99.0) == []


def test_kill_all_leaves_no_process(supervisor: Supervisor) -> None:
    supervisor.add(Stage.READ, now=0.0)
    supervisor.start_due(now=0.0)
    processes = [worker.process for worker in supervisor._workers()]
    supervisor.kill_all()
    assert all(process.poll() is not None for process in processes)


def test_process_that_the_system_does_not_start_is_tried_again_with_pauses(
    supervisor: Supervisor, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.add(Stage.WRITE, now=0.0)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(short_tmp / "renamed" / "python"))
        now, pauses = 0.0, []
        for _ in range(DEGRADED_AFTER):
            assert supervisor.start_due(now) == []
            due = supervisor.next_start()
            assert due is not None
            pauses.append(due - now)
            now = due
    assert pauses == [0.0, BACKOFF_S, 2 * BACKOFF_S]
    assert supervisor.failing(Stage.WRITE)
    assert supervisor.failing_slots() == ["write-0"]
    (row,) = supervisor.status({})
    assert (row["state"], row["error"]["code"]) == ("degraded", "worker_unavailable")  # type: ignore[index]
    assert "renamed/python" in supervisor.error(Stage.WRITE)
    ((identity, _),) = supervisor.start_due(now)
    assert supervisor.failing_slots() == ["write-0"]
    supervisor.on_ready(identity, now)
    assert supervisor.failing_slots() == []
    assert supervisor.error(Stage.WRITE) == ""


def test_successor_that_the_system_does_not_start_is_tried_again_while_the_process_works_on(
    supervisor: Supervisor, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.add(Stage.EMBED, now=0.0)
    ((old, _),) = supervisor.start_due(now=0.0)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(short_tmp / "renamed" / "python"))
        assert supervisor.replace(old, now=1.0) == []
    ((new, _),) = supervisor.start_due(now=1.0)
    assert supervisor.running() == [old, new]
    assert supervisor.start_due(now=99.0) == []


def test_successor_that_dies_before_it_works_is_followed_by_another_with_pauses(supervisor: Supervisor) -> None:
    supervisor.add(Stage.EMBED, now=0.0)
    ((old, _),) = supervisor.start_due(now=0.0)
    supervisor.on_ready(old, now=0.0)
    ((new, _),) = supervisor.replace(old, now=2.0)
    pauses, now = [], 2.0
    for _ in range(DEGRADED_AFTER):
        _end(supervisor, new)
        supervisor.on_failed(new, {"code": "model_missing"})
        assert supervisor.reap(now) == [new]
        assert supervisor.running() == [old]
        due = supervisor.next_start()
        assert due is not None
        pauses.append(due - now)
        now = due
        ((new, _),) = supervisor.start_due(now)
    assert pauses == [0.0, BACKOFF_S, 2 * BACKOFF_S]
    assert supervisor.failing_slots() == []  # there is one that works
    _end(supervisor, old)
    assert supervisor.reap(now) == [old]
    assert supervisor.running() == [new]
    assert supervisor.start_due(now + 99.0) == []


def test_no_successor_follows_one_that_works_and_ends_or_after_stop(supervisor: Supervisor) -> None:
    supervisor.add(Stage.EMBED, now=0.0)
    ((old, _),) = supervisor.start_due(now=0.0)
    ((new, _),) = supervisor.replace(old, now=1.0)
    supervisor.stop()
    _end(supervisor, new)
    supervisor.reap(now=1.0)
    assert supervisor.next_start() is None
