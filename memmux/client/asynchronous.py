"""The asyncio client: one DEALER, a task that keeps it connected, and a future for every request without an answer."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import zmq

from memmux.client import calls, methods
from memmux.client.calls import Call, Observer, RequestOutcome
from memmux.client.connection import MOVE_S, WATCH_S, hang_up
from memmux.client.inbox import Inbox, Messages
from memmux.client.method import call_of, presented
from memmux.client.pending import GRACE_S
from memmux.client.session import ClientSession, Outcome, Settled
from memmux.cluster import find
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.steps import Steps
from memmux.config.settings import Settings
from memmux.errors import CancelledError, ClusterError, ClusterUnreachableError, MemmuxError
from memmux.version import __version__
from memmux.wire import protocol, sockets
from memmux.wire.ids import uuid7
from memmux.wire.times import zone_name

P = ParamSpec("P")
T = TypeVar("T")


def _awaited(ask: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """Return the method that makes the call and awaits its answer."""

    @functools.wraps(ask)
    async def method(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        call = call_of(ask, (args, kwargs), client.settings.namespace)
        return call.answer(await client._perform(call))  # noqa: SLF001 - it is a method of the class

    return presented(method, ask, "AsyncClient")


class AsyncClient:
    """A connection to the cluster of one database, made when it is first needed; for one event loop.

    The arguments and the methods are those of `Client`, and each method is awaited:

    database: the SQLite file; None for what the settings say.
    settings: None for those of this machine, from the environment. With the setting `remote`, and no database named,
        the client talks to the cluster of another machine, which it never starts.
    name: what `memmux status` and the change log call this client, 1 to 128 characters.
    start: whether to start a cluster if none runs; otherwise every method raises ClusterUnreachableError then.
    observer: whether it only looks on: a cluster that nobody else uses is idle, and ends.
    on_answer: an `Observer`, told of each request that has ended; None for nobody.

    Calls may run concurrently, and share the connection; cancelling one has the cluster give it up. Used in an
    `async with` statement, the client is closed at the end.
    """

    _context: zmq.Context[Any] | None = None  # one that is shared with other clients, and ended by whoever made it
    _about: Mapping[str, object] = MappingProxyType({})  # what the cluster is told besides, of whom it acts for

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
        self._start = start
        self._on_answer = on_answer
        self._session = ClientSession(
            name=name,
            pid=os.getpid(),
            version=__version__,
            request_timeout_s=self.settings.request_timeout_s,
            new_id=uuid7,
            random=random.random,
            unreachable=find.unreachable(self.settings),
            observer=observer,
            about={"zone": zone_name(), **self._about},
        )
        self._futures: dict[str, asyncio.Future[Outcome]] = {}
        self._inbox: Inbox | None = None
        self._listener: asyncio.Task[None] | None = None
        self._rest: asyncio.Future[None] | None = None  # made by a listener that has nothing to do
        self._rest_until = math.inf  # in monotonic seconds
        self._stopping = False
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    store = _awaited(methods.store)
    store_batch = _awaited(methods.store_batch)
    search = _awaited(methods.search)
    get = _awaited(methods.get)
    list = _awaited(methods.list)
    graph = _awaited(methods.graph)
    path = _awaited(methods.path)
    namespaces = _awaited(methods.namespaces)
    tags = _awaited(methods.tags)
    timeline = _awaited(methods.timeline)
    duplicates = _awaited(methods.duplicates)
    superseded = _awaited(methods.superseded)
    update = _awaited(methods.update)
    delete = _awaited(methods.delete)
    forget = _awaited(methods.forget)
    used = _awaited(methods.used)
    history = _awaited(methods.history)
    changes = _awaited(methods.changes)
    undo = _awaited(methods.undo)
    purge = _awaited(methods.purge)
    dump = _awaited(methods.dump)
    load = _awaited(methods.load)
    backup = _awaited(methods.backup)
    rebuild = _awaited(methods.rebuild)
    verify = _awaited(methods.verify)
    status = _awaited(methods.status)

    async def stop(self, *, timeout_s: float | None = None) -> None:
        """Ask the cluster to answer what is in flight and to exit; return when it is gone.

        timeout_s: how many seconds to wait for its answer, at most 600; None for the setting `request_timeout_s`.

        Raises ClusterUnreachableError if none runs and the client has `start=False`, and LocalOnlyError for a cluster
        on another machine. Every method may raise what `Client` lists.
        """
        find.need_local(self.settings)
        call = methods.stop(timeout_s=timeout_s)
        try:
            endpoint = await _run(find.seek(self.settings, start=False))
        except ClusterUnreachableError:
            if self._start:
                return
            raise
        self._stopping = True
        try:
            with suppress(ClusterUnreachableError):  # it was gone before it could answer
                call.answer(await self._perform(call))
            await _run(find.gone(self.settings, endpoint))
        finally:
            self._stopping = False

    async def aclose(self) -> None:
        """Fail what has no answer yet, say goodbye and close the connection; closing again does nothing."""
        self._closed = True
        self._settle(self._session.abandon(CancelledError("the client was closed before the answer came")))
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})

    async def _perform(self, call: Call[T]) -> protocol.Message:
        """Return the RESULT that answers the call, or raise what it failed of; every method goes through here."""
        if self._closed:
            raise ClusterError("this client is closed; make a new one")
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        request_id = self._session.submit(call, began)
        answered = self._futures[request_id] = loop.create_future()
        timeout_s = self.settings.request_timeout_s if call.timeout_s is None else call.timeout_s
        timer = loop.call_later(timeout_s + GRACE_S, self._advance)
        outcome: Outcome | None = None
        try:
            self._advance()
            self._have_listener()
            outcome = await answered
        finally:
            timer.cancel()
            del self._futures[request_id]
            if outcome is None:
                self._session.cancel(request_id)
                self._advance()
            if self._on_answer is not None:
                self._on_answer(RequestOutcome.of(request_id, call.operation, outcome, time.monotonic() - began))
        if isinstance(outcome, MemmuxError):
            raise outcome
        return outcome

    def _have_listener(self) -> None:
        """Have somebody find the cluster."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._stay_connected(), name="memmux-listener")

    def _advance(self) -> None:
        """Send what is to be sent now, and fail the calls whose time is over."""
        sends, settled = self._session.advance(time.monotonic())
        if self._inbox is not None:
            for frames in sends:
                self._inbox.send(frames)
        self._settle(settled)
        # The listener rests as long as it had reason to: now it may have less.
        if self._rest is not None and not self._rest.done() and self._due() < self._rest_until:
            self._rest.set_result(None)

    def _due(self) -> float:
        """Return when the listener has something to do, in monotonic seconds; infinite if nothing is awaited."""
        if self._session.draining and self._session.waiting:
            return time.monotonic() + MOVE_S / 2  # less than it rests then
        return self._session.wake_at()

    def _settle(self, settled: Sequence[Settled]) -> None:
        for request_id, outcome in settled:
            answered = self._futures.get(request_id)
            if answered is not None and not answered.done():
                answered.set_result(outcome)

    async def _stay_connected(self) -> None:
        """Find the cluster, hear it, and find it again when it is lost; until no cluster can be had."""
        failure = MemmuxError()
        try:
            while True:
                seek = find.seek(self.settings, start=self._start and not self._stopping)
                endpoint = await _run(seek, self._advance)
                await self._listen(endpoint)
        except MemmuxError as error:
            failure = error
        finally:
            self._settle(self._session.abandon(failure))

    async def _listen(self, endpoint: Endpoint) -> None:
        """Connect, and take what the router says until it is lost."""
        context: zmq.Context[zmq.Socket[bytes]] = self._context or zmq.Context()
        socket = sockets.dealer(context, endpoint.address, curve=endpoint.curve)
        inbox = self._inbox = Inbox(socket, self._take)
        try:
            self._session.connected(time.monotonic())
            self._advance()
            while self._there(endpoint):
                await self._rested()
                self._advance()
        finally:
            self._inbox = None
            inbox.close()
            self._session.disconnected()
            hang_up(None if self._context else context, socket, os.getpid(), endpoint)

    def _take(self, messages: Messages) -> None:
        """Take what the router says."""
        for frames in messages:
            self._settle(self._session.receive(frames, time.monotonic()))
        self._advance()

    def _there(self, endpoint: Endpoint) -> bool:
        """Return whether the router is there, as far as it is known."""
        if self._session.draining and find.moved(self.settings, endpoint):
            return False
        return not self._session.lost(time.monotonic()) and endpoint.alive()

    async def _rested(self) -> None:
        """Return when something is to be done, or the router is to be looked for."""
        now = time.monotonic()
        watch_s = MOVE_S if self._session.draining else WATCH_S
        self._rest_until = min(self._session.wake_at(), now + watch_s) if self._session.waiting else math.inf
        self._rest = asyncio.get_running_loop().create_future()
        rest_s = None if self._rest_until == math.inf else max(0.0, self._rest_until - now)
        await asyncio.wait({self._rest}, timeout=rest_s)
        self._rest = None


async def _run(steps: Steps[T], each: Callable[[], object] = lambda: None) -> T:
    """Run steps to their end, or close them where they are when cancelled; each: called after each of them."""
    with closing(steps):
        while True:
            try:
                pause = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            await asyncio.sleep(pause)
            each()
