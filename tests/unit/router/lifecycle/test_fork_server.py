"""The router's side with a real fork server, whose workers connect to nobody."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil
import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs import log
from memmux.wire import forks
from memmux.wire.forks import Answer
from memmux.wire.operations import Stage
from router.lifecycle import fork_server
from router.lifecycle.fork_server import BACKOFF_S, ForkedProcess, ForkServer
from router.lifecycle.supervisor import REST_S, Supervisor
from tests.bounds import BOUND_S, pause
from tests.orphans import taken_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")


@pytest.fixture
def server(settings: Settings, short_tmp: Path) -> Iterator[ForkServer]:
    settings.database.parent.mkdir()
    log.configure("router", settings)
    counter = itertools.count()
    with taken_in():
        server = ForkServer(settings, f"ipc://{short_tmp}/nobody", lambda: str(next(counter)))
        yield server
        server.close()


@pytest.fixture
def hanging(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process that is started is ever ready."""
    program = short_tmp / "hanging"
    program.write_text("#!/bin/sh\nexec sleep 100000\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


def _fork(server: ForkServer, number: int = 0, now: float = 0.0) -> ForkedProcess:
    process = server.fork(f"read-0-{number}", ("read", f"--identity=read-0-{number}"), now)
    assert process is not None
    return process


def _until(good: Callable[[], object]) -> None:
    until = time.monotonic() + BOUND_S
    while not good():
        assert time.monotonic() < until
        pause()


def _pid(server: ForkServer) -> int:
    (pid,) = server.pids()
    return pid


def _events(settings: Settings) -> list[str]:
    lines = (Places(settings).logs / "router.jsonl").read_bytes().splitlines()
    return [orjson.loads(line)["event"] for line in lines]


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


@contextmanager
def _said(server: ForkServer, *answers: Answer) -> Iterator[None]:
    """Have heard these answers of a fork server that is stopped."""
    ours, its = forks.pair()
    ours.setblocking(False)  # noqa: FBT003 - it takes no name
    assert server._connection is not None
    server._connection.close()
    server._connection = ours
    with its:
        for answer in answers:
            answer.send(its)
        yield


def _end(process: ForkedProcess) -> None:
    process.kill()
    process.wait()
    process.close()


@pytest.mark.slow
def test_first_fork_server_is_waited_for_and_its_workers_end_as_any_process(server: ForkServer) -> None:
    process = _fork(server)
    assert not server.settled
    assert process.poll() is None
    _until(lambda: process.pid)
    assert server.settled
    assert process.poll() is None
    process.kill()
    process.wait()
    assert process.poll() == -signal.SIGKILL
    assert not process.never_began
    process.close()


@pytest.mark.slow
def test_worker_ends_when_its_standard_input_does(server: ForkServer) -> None:
    process = _fork(server)
    _until(lambda: process.pid)
    process.close()
    _until(lambda: process.poll() is not None)
    assert process.poll() == 0


@pytest.mark.slow
def test_worker_that_is_killed_before_it_is_forked_has_ended_at_once_and_never_works(server: ForkServer) -> None:
    server.start(0.0)
    before = _children()
    os.kill(_pid(server), signal.SIGSTOP)
    process, following = _fork(server), _fork(server, 1)
    process.kill()
    assert (process.poll(), process.never_began) == (-signal.SIGKILL, False)
    assert not server.settled  # it may yet be made
    os.kill(_pid(server), signal.SIGCONT)
    _until(lambda: following.pid)
    assert server.settled
    _end(following)
    for unwanted in _children() - before:
        os.waitpid(unwanted, 0)


def test_fork_server_that_rests_has_ended_and_the_next_worker_waits_for_another(
    server: ForkServer, settings: Settings
) -> None:
    first = _fork(server)
    server.rest()  # it has something to do
    _until(lambda: first.pid)
    before = _pid(server)
    server.rest()
    server.rest()
    _until(lambda: (server.look(1.0), not server.pids())[1])
    assert first.poll() is None
    second = _fork(server, 1, now=2.0)
    _until(lambda: second.pid)
    assert _pid(server) != before
    assert not {"fork_server_lost", "fork_server_stalled"} & set(_events(settings))
    assert _events(settings).count("fork_server_rested") == 1
    _end(first)
    _end(second)


def test_fork_server_rests_once_all_workers_have_worked_for_a_while(server: ForkServer, settings: Settings) -> None:
    supervisor = Supervisor(settings, server._address, iter(("a", "b", "c", "d")).__next__, server)
    supervisor.add(Stage.READ, now=0.0)
    started = [identity for identity, _ in supervisor.start_due(0.0)]
    _until(lambda: (supervisor.reap(1.0), supervisor.settled)[1])
    supervisor.on_ready(started[0], 1.0)
    supervisor.reap(1.0 + 2 * REST_S)
    assert len(server.pids()) == 1  # one is not ready yet
    supervisor.on_ready(started[1], 2 * REST_S)
    supervisor.reap(3 * REST_S - 0.1)
    assert len(server.pids()) == 1
    _until(lambda: (supervisor.reap(3 * REST_S), not server.pids())[1])
    ((successor, _),) = supervisor.replace(started[0], 4 * REST_S)
    _until(lambda: (supervisor.reap(4 * REST_S), supervisor.settled)[1])
    supervisor.reap(9 * REST_S)  # the successor may yet fail
    assert len(server.pids()) == 1
    assert successor in supervisor.running()
    supervisor.kill_all()


def test_fork_server_that_loads_is_given_as_long_as_for_its_start(server: ForkServer) -> None:
    process = _fork(server)
    _until(lambda: process.pid)
    os.kill(_pid(server), signal.SIGSTOP)
    waiting = _fork(server, 1, now=1.0)
    with _said(server, Answer(loading=True)):
        server.look(2.0)
        server.look(2.0 + fork_server.START_S - 0.1)
        assert waiting.poll() is None
        server.look(2.0 + fork_server.START_S)
        assert waiting.poll() is not None
    _end(process)


def test_fork_server_that_has_loaded_is_to_answer_again(server: ForkServer) -> None:
    process = _fork(server)
    _until(lambda: process.pid)
    os.kill(_pid(server), signal.SIGSTOP)
    waiting = _fork(server, 1, now=1.0)
    with _said(server, Answer(loading=True), Answer("read-0-7", 0)):
        server.look(2.0)
        server.look(2.0 + fork_server.ANSWER_S)
        assert waiting.poll() is not None
    _end(process)


@pytest.mark.usefixtures("hanging")
def test_fork_server_that_hangs_is_killed_and_its_orders_never_began(server: ForkServer, settings: Settings) -> None:
    server.start(0.0)
    pid = _pid(server)
    process = _fork(server, now=1.0)
    server.look(fork_server.START_S - 0.1)
    assert process.poll() is None
    server.look(fork_server.START_S)
    assert process.poll() is not None
    assert process.never_began
    assert server.settled
    assert "fork_server_stalled" in _events(settings)
    assert server.fork("read-0-1", ("read", "--identity=read-0-1"), 99.0) is None  # the second one is not waited for
    assert pid in server.pids() or not Path(f"/proc/{pid}").exists()


@pytest.mark.slow
def test_fork_server_that_is_ready_has_less_time_to_answer(server: ForkServer) -> None:
    process = _fork(server)
    _until(lambda: process.pid)
    os.kill(_pid(server), signal.SIGSTOP)
    server.look(1000.0)  # nobody waits for it
    late = _fork(server, 1, now=1000.0)
    server.look(1000.0 + fork_server.ANSWER_S)
    assert late.never_began
    assert process.poll() is None
    _end(process)


@pytest.mark.slow
def test_fork_server_whose_import_took_long_has_its_time_from_then_on(server: ForkServer) -> None:
    server.start(0.0)
    os.kill(_pid(server), signal.SIGSTOP)
    process = _fork(server)
    os.kill(_pid(server), signal.SIGCONT)
    _until(lambda: server.hear() or server._ready)
    os.kill(_pid(server), signal.SIGSTOP)
    server.look(fork_server.ANSWER_S + 1)
    assert not process.never_began
    os.kill(_pid(server), signal.SIGCONT)
    _until(lambda: process.pid)
    _end(process)


@pytest.mark.usefixtures("hanging")
def test_fork_servers_that_are_of_no_use_come_with_pauses(server: ForkServer) -> None:
    now, pauses = 0.0, []
    for _ in range(4):
        server.start(now)
        pid = _pid(server)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        server.look(now)
        assert not server.pids()
        pauses.append(server._due - now)
        now = max(server._due, now)
    assert pauses == [0.0, BACKOFF_S, 2 * BACKOFF_S, 4 * BACKOFF_S]
    server.start(now - 0.1)
    assert not server.pids()


def test_fork_server_that_the_system_does_not_start_is_no_reason_to_fail(
    server: ForkServer, settings: Settings, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(short_tmp / "renamed" / "python"))
    assert server.fork("read-0-0", ("read", "--identity=read-0-0"), 0.0) is None
    assert _events(settings) == ["fork_server_not_started"]
    assert not server.pids()


@pytest.mark.usefixtures("hanging")
def test_order_that_never_began_is_nobodys_failure_and_is_spawned(server: ForkServer, settings: Settings) -> None:
    supervisor = Supervisor(settings, server._address, lambda: "x", server)
    supervisor.add(Stage.WRITE, now=0.0)
    server.start(0.0)
    assert supervisor.start_due(0.0) == [("write-0-x", Stage.WRITE)]
    (row,) = supervisor.status({})
    assert (row["pid"], row["state"], row["rss_bytes"]) == (None, "starting", 0)
    assert supervisor.reap(fork_server.START_S) == ["write-0-x"]
    supervisor.start_due(fork_server.START_S)
    (row,) = supervisor.status({})
    assert (row["restarts"], supervisor.failing_slots()) == (0, [])
    assert row["pid"] in supervisor.pids()
    supervisor.kill_all()
    assert supervisor.running() == []


def test_kill_all_leaves_no_worker_that_is_being_forked(server: ForkServer, settings: Settings) -> None:
    before = _children()
    supervisor = Supervisor(settings, server._address, lambda: "x", server)
    supervisor.add(Stage.READ, now=0.0)
    supervisor.start_due(0.0)
    supervisor.kill_all()
    assert supervisor.running() == []
    assert server.fork("read-0-9", ("read", "--identity=read-0-9"), 99.0) is None
    while left := _children() - before:
        os.waitpid(left.pop(), 0)  # whatever was forked ends by itself
