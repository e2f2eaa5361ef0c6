"""The router's side of the fork server: the process that forks workers, the orders to it, and what becomes of them.

It serves from the start of the cluster, so the first workers wait for it. Once all workers work it ends, as it would
keep memory for nothing, and who is ordered later waits for another one. It is a gain and never a condition: if one
fails, whoever is ordered while there is none that is ready is spawned instead, and meanwhile the next one starts.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from memmux.config.settings import Settings
from memmux.errors import MalformedMessageError
from memmux.logs import log
from memmux.wire import forks
from memmux.wire.forks import Answer, Order
from router.lifecycle.child_environment import environment
from router.lifecycle.worker_process import BEGIN

START_S = 30.0  # for it to import everything, or to load a model, on a machine that is busy
ANSWER_S = 5.0  # for a worker to be forked, which takes milliseconds
BACKOFF_S = 1.0  # before the third start, if none has forked a worker meanwhile; doubled for each further one
BACKOFF_MOST_S = 300.0
_LOST = -signal.SIGKILL  # the exit code of what can't be asked any more


class ForkedProcess:
    """A worker that was ordered from a fork server, and is a child of this process once its pid is known."""

    def __init__(self, server: ForkServer, ordered: float, pipe: int) -> None:
        self.ordered = ordered
        self.never_began = False
        self._server = server
        self._pipe: int | None = pipe
        self._pid: int | None = None
        self._code: int | None = None

    @property
    def pid(self) -> int | None:
        """Its pid; None while that is not known."""
        if self._pid is None and self._code is None:
            self._server.hear()
        return self._pid

    def on_answer(self, pid: int) -> None:
        """Note its pid, or by 0 that there is none and never will be."""
        if self._code is not None:
            if pid:  # nobody wants it any more; it is collected as an orphan is
                os.kill(pid, signal.SIGKILL)
        elif pid:
            self._pid = pid
        else:
            self._code, self.never_began = _LOST, True

    def poll(self) -> int | None:
        """Return its exit code; None while it runs, or may yet begin to."""
        if self._code is None and self.pid is not None:
            self._wait(os.WNOHANG)
        return self._code

    def begin(self) -> None:
        """Let it begin, if it is held."""
        if self._pipe is not None:
            with suppress(OSError):  # it has just ended, and another one takes its place
                os.write(self._pipe, BEGIN)

    def kill(self) -> None:
        """End it at once; one whose pid is not known ends when it begins, and counts as ended."""
        if self._code is not None:
            return
        if self.pid is None:
            self._code = _LOST
            self.close()
        elif self.poll() is None:
            assert self._pid is not None
            os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> None:
        """Return when it has ended; where there is no fork server any more, what is not known of it has."""
        if self._code is None and self.pid is not None:
            self._wait(0)

    def _wait(self, options: int) -> None:
        assert self._pid is not None
        try:
            ended, status = os.waitpid(self._pid, options)
        except ChildProcessError:  # somebody else has collected it
            self._code = _LOST
        else:
            self._code = os.waitstatus_to_exitcode(status) if ended else None

    def close(self) -> None:
        """Let go of its standard input."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


class ForkServer:
    """At most one fork server, and who was ordered from it; no method waits but `close`.

    address: the router's backend. new_identity: makes a suffix that no other process has had. Times are monotonic
    seconds. This process takes in orphans: see `memmux.processes.adopt_orphans`.
    """

    def __init__(self, settings: Settings, address: str, new_identity: Callable[[], str]) -> None:
        self._settings = settings
        self._address = address
        self._new_identity = new_identity
        self._popen: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._ordered: dict[str, ForkedProcess] = {}  # by identity, until they are answered
        self._ended: list[subprocess.Popen[bytes]] = []  # those before, which were killed
        self._heard = False  # since it was last looked after
        self._heard_at = 0.0
        self._ready = self._loading = self._refused = False
        self._awaited = True  # who is ordered waits for it: none has failed since there was none
        self._failures = 0
        self._due = 0.0  # when the next one may be started
        self._closed = False

    def start(self, now: float) -> None:
        """Start one if there is none, unless several have failed just now."""
        if self._popen is not None or self._closed or now < self._due:
            return
        try:
            ours, its = forks.pair()
        except OSError as error:
            self._not_started(now, str(error.strerror))
            return
        identity = f"--identity={forks.KIND}-0-{self._new_identity()}"  # so its command line has room for a worker's
        common = [f"--router={self._address}", *self._settings.flags()]
        with its:
            try:
                self._popen = subprocess.Popen(
                    [sys.executable, "-P", "-m", "workers", forks.KIND, identity, *common],
                    stdin=its.fileno(),  # its end is ours, as of a worker
                    stdout=subprocess.DEVNULL,
                    cwd=self._settings.database.parent,
                    env=environment(),
                    process_group=0,  # as of the workers
                )
            except OSError as error:
                ours.close()
                self._not_started(now, f"{error.filename or sys.executable}: {error.strerror}")
                return
        ours.setblocking(False)  # noqa: FBT003 - it takes no name
        self._connection = ours
        self._heard_at, self._ready, self._loading, self._refused = now, False, False, False

    def fork(self, identity: str, arguments: tuple[str, ...], now: float) -> ForkedProcess | None:
        """Order a worker; None if it is to be spawned. The one that comes after a failure is not waited for.

        Raises OSError if there can't be a pipe for it.
        """
        self.start(now)
        self.hear()
        if self._connection is None or self._refused or not (self._ready or self._awaited):
            return None
        standard_input, pipe = os.pipe()
        try:
            Order(identity, arguments).send(self._connection, standard_input)
        except OSError:  # it has ended, or takes nothing
            os.close(pipe)
            return None
        finally:
            os.close(standard_input)
        self._ordered[identity] = ForkedProcess(self, now, pipe)
        return self._ordered[identity]

    def look(self, now: float) -> None:
        """Take its answers, and do without one that has ended or hangs."""
        self.hear()
        if self._heard:
            self._heard, self._heard_at = False, now
        self._ended = [popen for popen in self._ended if popen.poll() is None]
        if self._popen is None:
            return
        if (code := self._popen.poll()) is not None:
            log.get().warning("fork_server_lost", fork_server_pid=self._popen.pid, code=code)
        if code is not None or self._refused:
            self._failed(now)
            return
        asked_at = min((process.ordered for process in self._ordered.values()), default=now)
        silent_s = now - (max(asked_at, self._heard_at) if self._ready else self._heard_at)
        if silent_s >= (ANSWER_S if self._ready and not self._loading else START_S):
            log.get().error("fork_server_stalled", fork_server_pid=self._popen.pid, silent_s=round(silent_s, 3))
            self._failed(now)

    def hear(self) -> None:
        """Take what it has answered."""
        while self._connection is not None:
            try:
                answer = Answer.receive(self._connection)
            except BlockingIOError:
                return
            except (OSError, MalformedMessageError):
                answer = None
            self._heard = True
            if answer is None:  # it is gone, as `look` will see
                self._hang_up()
                return
            self._loading = answer.loading
            if answer.loading:
                continue
            if not answer.identity:
                self._ready = True
                if self._popen is not None:  # or it is being ended
                    log.get().info("fork_server_ready", fork_server_pid=self._popen.pid)
            elif (process := self._ordered.pop(answer.identity, None)) is not None:
                if answer.pid:
                    self._failures = 0
                else:
                    self._refused = True  # and so it would the next one
                    log.get().warning("worker_not_forked", worker=answer.identity, error=answer.error)
                process.on_answer(answer.pid)

    def rest(self) -> None:
        """End it, unless it has something to do: nobody is expected to be ordered soon."""
        if self._popen is not None and self._ready and self.settled:
            log.get().info("fork_server_rested", fork_server_pid=self._popen.pid)
            self._end()
            self._awaited = True

    def pids(self) -> set[int]:
        """Return its pid, and those of others that have not ended yet."""
        return {popen.pid for popen in (self._popen, *self._ended) if popen is not None}

    @property
    def settled(self) -> bool:
        """Whether the pid of every worker that was ordered is known."""
        return not self._ordered

    def close(self) -> None:
        """End it for good, and wait for that."""
        self._closed = True
        self._end()
        for popen in self._ended:
            popen.wait()

    def _end(self) -> None:
        """End it; who was ordered and not answered never began."""
        if self._popen is not None:
            if self._popen.poll() is None:
                self._popen.kill()
                self._ended.append(self._popen)
            self._popen = None
        self.hear()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for process in self._ordered.values():
            process.close()  # should there be one all the same, it ends
            process.on_answer(0)
        self._ordered.clear()

    def _not_started(self, now: float, error: str) -> None:
        log.get().error("fork_server_not_started", error=error)
        self._failed(now)

    def _failed(self, now: float) -> None:
        """End it, and let the next one start the later the more of them have been of no use."""
        self._end()
        self._awaited = False
        self._failures += 1
        if self._failures > 1:
            self._due = now + min(BACKOFF_S * 2.0 ** min(self._failures - 2, 16), BACKOFF_MOST_S)
