"""The blocking client: one DEALER, polled by the thread that waits for its answer."""

from __future__ import annotations

import functools
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar
from weakref import WeakSet

from memmux.client import calls, methods
from memmux.client.calls import Call, Observer, RequestOutcome
from memmux.client.connection import MOVE_S, WATCH_S, Connection
from memmux.client.method import call_of, presented
from memmux.client.session import ClientSession, Outcome, Settled
from memmux.cluster import find
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.steps import Steps, run
from memmux.config.settings import Settings
from memmux.errors import ClusterError, ClusterUnreachableError, DeadlineExceededError, MemmuxError
from memmux.version import __version__
from memmux.wire import protocol
from memmux.wire.ids import uuid7
from memmux.wire.times import zone_name

P = ParamSpec("P")
T = TypeVar("T")
_CLIENTS: WeakSet[Client] = WeakSet()


def _blocking(ask: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    """Return the method that makes the call and waits for its answer."""

    @functools.wraps(ask)
    def method(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        call = call_of(ask, (args, kwargs), client.settings.namespace)
        return call.answer(client._perform(call))  # noqa: SLF001 - it is a method of the class

    return presented(method, ask, "Client")


class Client:
    """A connection to the cluster of one database, made when it is first needed.

    database: the SQLite file; None for what the settings say.
    settings: None for those of this machine, from the environment. With the setting `remote`, and no database named,
        the client talks to the cluster of another machine, which it never starts.
    name: what `memmux status` and the change log call this client, 1 to 128 characters.
    start: whether to start a cluster if none runs; otherwise every method raises ClusterUnreachableError then.
    observer: whether it only looks on: a cluster that nobody else uses is idle, and ends.
    on_answer: an `Observer`, told of each request that has ended; None for nobody.

    Methods block until the answer is there or the time is over. Threads may share a client, and take turns; for more at
    once take a client each, or `AsyncClient`. A forked process may go on using the client, over a connection of its
    own. Used in a `with` statement, it is closed at the end.

    Every answer has `degraded`: codes of what it had to do without, and of what is wrong with the cluster as a whole.

    Every method may raise these of `memmux.errors`, all of them kinds of MemmuxError:

    - RequestError: an argument is wrong, which mostly is found before anything is sent; or, as NotAllowedError, the
      client's key does not allow this.
    - ClusterError: no cluster could be reached or started, the time was over (DeadlineExceededError), or the client is
      closed.
    - StorageError: the database can't be used.
    - ProtocolError: the two sides do not understand each other.
    """

    def __init__(
        self,
        database: str | Path | None = None,
        *,
        settings: Settings | None = None,
        name: str = "python",
        start: bool = True,
        observer: bool = False,
        on_answer: Observer | None = None,
    ) -> None:
        calls.check_name("name", name)
        self.settings = find.choose(database, settings)
        self._name = name
        self._start = start
        self._observer, self._on_answer = observer, on_answer
        self._closed = False
        self._begin()
        _CLIENTS.add(self)

    def _begin(self) -> None:
        """Have no connection and no session yet; they are made when they are needed."""
        self._lock = threading.Lock()
        self._session = ClientSession(
            name=self._name,
            pid=os.getpid(),
            version=__version__,
            request_timeout_s=self.settings.request_timeout_s,
            new_id=uuid7,
            random=random.random,
            unreachable=find.unreachable(self.settings),
            observer=self._observer,
            about={"zone": zone_name()},
        )
        self._connection: Connection | None = None
        self._seeking: Steps[Endpoint] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    store = _blocking(methods.store)
    store_batch = _blocking(methods.store_batch)
    search = _blocking(methods.search)
    get = _blocking(methods.get)
    list = _blocking(methods.list)
    graph = _blocking(methods.graph)
    path = _blocking(methods.path)
    namespaces = _blocking(methods.namespaces)
    tags = _blocking(methods.tags)
    timeline = _blocking(methods.timeline)
    duplicates = _blocking(methods.duplicates)
    superseded = _blocking(methods.superseded)
    update = _blocking(methods.update)
    delete = _blocking(methods.delete)
    forget = _blocking(methods.forget)
    used = _blocking(methods.used)
    history = _blocking(methods.history)
    changes = _blocking(methods.changes)
    undo = _blocking(methods.undo)
    purge = _blocking(methods.purge)
    dump = _blocking(methods.dump)
    load = _blocking(methods.load)
    backup = _blocking(methods.backup)
    rebuild = _blocking(methods.rebuild)
    verify = _blocking(methods.verify)
    status = _blocking(methods.status)

    def stop(self, *, timeout_s: float | None = None) -> None:
        """Ask the cluster to answer what is in flight and to exit; return when it is gone.

        timeout_s: how many seconds to wait for its answer, at most 600; None for the setting `request_timeout_s`.

        Raises ClusterUnreachableError if none runs and the client has `start=False`, and LocalOnlyError for a cluster
        on another machine. Every method may raise what `Client` lists.
        """
        find.need_local(self.settings)
        call = methods.stop(timeout_s=timeout_s)
        try:
            endpoint = run(find.seek(self.settings, start=False))
        except ClusterUnreachableError:
            if self._start:
                return
            raise
        with suppress(ClusterUnreachableError):  # it was gone before it could answer
            call.answer(self._perform(call, start=False))
        run(find.gone(self.settings, endpoint))
        with self._lock:
            self._disconnect()

    def close(self) -> None:
        """Say goodbye and close the connection; closing again does nothing."""
        self._closed = True
        with self._lock:
            self._disconnect()

    def _perform(self, call: Call[T], *, start: bool | None = None) -> protocol.Message:
        """Return the RESULT that answers the call, or raise what it failed of."""
        began = time.monotonic()
        until_s = self.settings.request_timeout_s if call.timeout_s is None else call.timeout_s
        lock = self._lock
        if not lock.acquire(timeout=until_s):
            raise DeadlineExceededError(
                f"other threads kept this client busy for {until_s:g} s; use a client a thread, or AsyncClient"
            )
        try:
            if self._closed:
                raise ClusterError("this client is closed; make a new one")
            return self._wait(call, began, self._start if start is None else start)
        finally:
            lock.release()

    def _wait(self, call: Call[T], began: float, start: bool) -> protocol.Message:
        connection = self._connection
        if connection is not None and began - connection.heard > WATCH_S and not connection.alive():
            self._disconnect()
        request_id = self._session.submit(call, began)
        found: Outcome | None = None
        try:
            while found is None:
                found = next((outcome for settled, outcome in self._turn(start) if settled == request_id), None)
        except MemmuxError as error:
            found = error
            raise
        finally:
            self._leave(request_id)
            if self._on_answer is not None:
                self._on_answer(RequestOutcome.of(request_id, call.operation, found, time.monotonic() - began))
        if isinstance(found, MemmuxError):
            raise found
        return found

    def _leave(self, request_id: str) -> None:
        """Clean up after a call, however it ended: with an answer, an error, or Ctrl-C."""
        self._session.cancel(request_id)
        if self._seeking is not None:
            self._seeking.close()
            self._seeking = None
        elif self._connection is not None:
            self._connection.send(self._session.advance(time.monotonic())[0])

    def _turn(self, start: bool) -> Sequence[Settled]:
        """Do what is to be done next, wait for what comes of it, and return what that settles."""
        if self._connection is None:
            return self._seek(start)
        connection, session = self._connection, self._session
        now = time.monotonic()
        sends, settled = session.advance(now)
        connection.send(sends)
        if settled:
            return settled
        if session.draining and find.moved(self.settings, connection.endpoint):
            self._disconnect()
            return []
        frames = connection.receive(min(session.wake_at() - now, MOVE_S if session.draining else WATCH_S))
        now = time.monotonic()
        if frames is not None:
            return session.receive(frames, now)
        if session.lost(now) or not connection.alive():
            self._disconnect()
        return []

    def _seek(self, start: bool) -> Sequence[Settled]:
        """Go one step towards a connection."""
        if self._seeking is None:
            self._seeking = find.seek(self.settings, start=start)
        try:
            pause = next(self._seeking)
        except StopIteration as found:
            self._seeking = None
            self._connection = Connection(self, found.value)
            self._session.connected(time.monotonic())
            return []
        time.sleep(pause)
        return self._session.advance(time.monotonic())[1]

    def _disconnect(self) -> None:
        self._session.disconnected()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _begin_anew() -> None:
    """Begin all clients anew in a forked process: their sockets, locks and sessions belong to its parent."""
    for client in _CLIENTS:
        client._begin()  # noqa: SLF001 - this belongs to the class


os.register_at_fork(after_in_child=_begin_anew)
