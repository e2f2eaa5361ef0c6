"""A fork server with the test as its router; what it forks says what it is and has."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from memmux.wire import forks
from memmux.wire.forks import Answer, Order
from tests.bounds import BOUND_S
from tests.integration.helpers import gone
from tests.orphans import taken_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")

_SERVER = """
import os, signal, sys, tempfile
from pathlib import Path
import apsw, orjson, random, uuid
from memmux import processes
from memmux.wire.ids import uuid7
from workers.runtime import fork_server

class Preload:
    def begin(self):
        random.random()
        next(tempfile._get_candidate_names())
        self.loaded = []

    def has_more(self, kind):
        return kind == "embed"

    def load(self, kind):
        self.loaded.append(kind)

preload = Preload()
arguments = fork_server.run(preload, sys.argv[3:], Path(sys.argv[-1]))
if arguments is None:
    sys.exit(0)
told = {
    "arguments": arguments,
    "loaded": preload.loaded,
    "argv": sys.argv[1:],
    "parent": os.getppid(),
    "group": os.getpgid(0),
    "folder": os.getcwd(),
    "descriptors": [int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")],
    "command": processes.command(os.getpid()).decode().rstrip("\\0").split("\\0"),
    "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "terminates": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
    "chance": [
        random.random(), uuid7(), uuid.uuid4().hex, next(tempfile._get_candidate_names()),
        next(apsw.Connection(":memory:").execute("SELECT random()"))[0],
    ],
}
os.write(1, orjson.dumps(told) + b"\\n")
os.read(0, 1)
sys.exit(5)
"""


class _Server:
    """A fork server; what its workers print comes to `said`."""

    def __init__(self, folder: Path) -> None:
        self.connection, its = forks.pair()
        said, saying = os.pipe()
        self.said = os.fdopen(said)
        with its:
            self.popen = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _SERVER,
                    forks.KIND,
                    "--identity=fork_server-0-00000000",
                    f"--at={folder}",
                    folder,
                ],
                stdin=its.fileno(),
                stdout=saying,
            )
        os.close(saying)
        self.connection.settimeout(BOUND_S)
        assert Answer.receive(self.connection) == Answer()

    def fork(self, identity: str, kind: str = "read") -> tuple[int, int]:
        """The pid of a new worker, and the pipe whose end is its own."""
        standard_input, pipe = os.pipe()
        Order(identity, (kind, f"--identity={identity}", "--held")).send(self.connection, standard_input)
        os.close(standard_input)
        if kind == "embed":
            assert Answer.receive(self.connection) == Answer(loading=True)
        answer = Answer.receive(self.connection)
        assert answer is not None
        assert (answer.identity, answer.error) == (identity, "")
        return answer.pid, pipe

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = orjson.loads(self.said.readline())
        return told


@pytest.fixture
def server(tmp_path: Path) -> Iterator[_Server]:
    with taken_in():
        server = _Server(tmp_path)
        yield server
        server.connection.close()
        server.said.close()
        assert server.popen.wait(BOUND_S) == 0


def _end(pid: int, pipe: int) -> None:
    os.close(pipe)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5  # it is ours


def test_worker_is_as_one_that_the_router_has_spawned(server: _Server, tmp_path: Path) -> None:
    pid, pipe = server.fork("read-0-1f3a0000")
    told = server.told()
    arguments = ["read", "--identity=read-0-1f3a0000", f"--at={tmp_path}", str(tmp_path), "--held"]
    assert told["arguments"] == told["argv"] == arguments
    assert told["command"][-len(arguments) :] == arguments
    assert (told["parent"], told["group"], told["folder"]) == (os.getpid(), pid, str(tmp_path))
    assert told["interrupts"]
    assert told["terminates"]
    assert told["descriptors"] == [0, 1, 2]
    _end(pid, pipe)


def test_what_a_kind_shares_is_looked_after_before_each_of_it_is_forked(server: _Server) -> None:
    before = server.fork("read-0-0")
    assert server.told()["loaded"] == []
    first = server.fork("embed-0-0", "embed")
    assert server.told()["loaded"] == ["embed"]
    second = server.fork("embed-0-1", "embed")
    assert server.told()["loaded"] == ["embed", "embed"]
    for pid, pipe in (before, first, second):
        _end(pid, pipe)


def test_no_two_workers_share_what_is_left_to_chance(server: _Server) -> None:
    made = [server.fork(f"read-{number}-0") for number in range(3)]
    chances = [server.told()["chance"] for _ in made]
    for each in zip(*chances, strict=True):
        assert len(set(each)) == len(made)
    for pid, pipe in made:
        _end(pid, pipe)


def test_worker_lives_on_when_its_fork_server_is_killed(tmp_path: Path) -> None:
    with taken_in():
        server = _Server(tmp_path)
        pid, pipe = server.fork("read-0-0")
        server.popen.kill()
        server.popen.wait()
        assert server.told()["parent"] == os.getpid()
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
        _end(pid, pipe)
        server.connection.close()
        server.said.close()


def test_order_whose_standard_input_can_not_be_had_is_refused(server: _Server) -> None:
    most = resource.prlimit(server.popen.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.popen.pid, resource.RLIMIT_NOFILE, (3, most[1]))
    standard_input, pipe = os.pipe()
    Order("read-0-0", ("read", "--identity=read-0-0")).send(server.connection, standard_input)
    assert Answer.receive(server.connection) == Answer("read-0-0", error="it has no standard input")
    os.close(standard_input)
    os.close(pipe)
    resource.prlimit(server.popen.pid, resource.RLIMIT_NOFILE, most)
    _end(*server.fork("read-0-1"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may have as many processes as there can be")
def test_order_for_which_there_is_no_process_is_refused(server: _Server) -> None:
    resource.prlimit(server.popen.pid, resource.RLIMIT_NPROC, (1, 1))
    standard_input, pipe = os.pipe()
    Order("read-0-0", ("read", "--identity=read-0-0")).send(server.connection, standard_input)
    answer = Answer.receive(server.connection)
    assert answer is not None
    assert answer.pid == 0
    assert answer.error
    os.close(standard_input)
    os.close(pipe)


_ROUTER = """
import subprocess, sys
with subprocess.Popen(sys.argv[1:]) as server:
    print(server.pid, flush=True)
"""


def test_fork_server_that_is_stopped_ends_with_its_router() -> None:
    command = [sys.executable, "-c", _SERVER, forks.KIND, "--identity=fork_server-0-0", "/"]
    connection, its = forks.pair()
    connection.settimeout(BOUND_S)
    with its, connection:
        router = subprocess.Popen([sys.executable, "-c", _ROUTER, *command], stdin=its, stdout=subprocess.PIPE)
        with router:
            assert router.stdout is not None
            pid = int(router.stdout.readline())
            assert Answer.receive(connection) == Answer()
            os.kill(pid, signal.SIGSTOP)
            router.kill()
        gone([pid])
