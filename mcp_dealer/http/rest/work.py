"""Long work in a thread: over the caller's own client, told line by line, and given up when the caller goes.

Who began it may stop it as well: then its report says what it did until then.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

import orjson

from mcp_dealer.http.problem import document
from memmux.client.asynchronous import AsyncClient
from memmux.client.blocking import Client
from memmux.errors import CancelledError, DrainingError, MemmuxError
from memmux.logs import log

QUIET_S: Final = 5.0  # without progress, before a line says how far it is all the same


class Report(Protocol):
    """What work tells how far it is."""

    def __call__(self, done: int, total: int, memories: int | None = None) -> None:
        """Note how much is done, in whatever unit, of how much, 0 if that is not known, and in how many memories."""


@dataclass(slots=True)
class Running:
    """Work under way. owner: who may stop it. left: whether its caller has gone. told: to be stopped."""

    owner: str
    left: threading.Event = field(default_factory=threading.Event)
    told: threading.Event = field(default_factory=threading.Event)

    def stopped(self) -> bool:
        """Return whether to do no more, and to report."""
        return self.told.is_set()

    def over(self) -> bool:
        """Return whether to do no more, be it that nobody hears the report."""
        return self.told.is_set() or self.left.is_set()


Work = Callable[[Client, Report, Running], dict[str, Any]]
"""Does the work and returns its report; it is given a client, what it tells how far it is, and whether to go on."""

_leaving = False
_running: dict[str, Running] = {}  # by the name that their callers were told
_waiting: set[asyncio.Event] = set()  # of those who tell how far their work is


class ThreadClient:
    """A client for a thread: each method of `AsyncClient`, run in the loop, whose answer the thread waits for."""

    def __init__(self, client: AsyncClient, loop: asyncio.AbstractEventLoop, left: threading.Event) -> None:
        self.settings = client.settings
        self._client, self._loop, self._left = client, loop, left

    def __getattr__(self, name: str) -> Callable[..., Any]:
        ask = getattr(self._client, name)

        def method(*args: Any, **kwargs: Any) -> Any:
            if self._left.is_set():
                raise CancelledError("the caller has gone; what was stored before stays")
            return asyncio.run_coroutine_threadsafe(ask(*args, **kwargs), self._loop).result()

        return method


def lines(client: AsyncClient, work: Work, end: Callable[[], object], owner: str = "") -> AsyncGenerator[bytes]:
    """Begin work, and return its lines: its name, now and then how far it is, and last its report, or the problem.

    By the name it can be stopped. end: called when the work has ended, also after it was given up, and where nobody
    asked for a line. owner: who may stop it.
    """
    loop, name, running = asyncio.get_running_loop(), uuid.uuid4().hex, Running(owner)
    told: dict[str, int | None] = {"done": 0, "total": None}
    news = asyncio.Event()

    def tell(done: int, total: int, memories: int | None = None) -> None:
        def told_now() -> None:
            told.update(done=done, total=total or None, **({} if memories is None else {"memories": memories}))
            news.set()

        loop.call_soon_threadsafe(told_now)

    def run() -> dict[str, Any]:
        try:
            return work(cast("Client", ThreadClient(client, loop, running.left)), tell, running)
        finally:
            end()

    async def tell_caller() -> AsyncGenerator[bytes]:
        said = orjson.dumps(told)
        try:
            yield orjson.dumps({"upload": name}) + b"\n"
            while not (working.done() or _leaving):
                with suppress(TimeoutError):
                    async with asyncio.timeout(QUIET_S):
                        await news.wait()
                news.clear()
                if not (working.done() or _leaving):
                    said = orjson.dumps(told)
                    yield said + b"\n"
            if said != (last := orjson.dumps(told)):
                yield last + b"\n"
            yield _last(working) if working.done() else orjson.dumps({"error": document(_left())}) + b"\n"
        finally:
            running.left.set()

    def ended(done: asyncio.Future[dict[str, Any]]) -> None:
        del _running[name]
        _waiting.discard(news)
        news.set()
        done.exception()  # which perhaps nobody hears

    _waiting.add(news)
    _running[name] = running
    working = loop.run_in_executor(None, run)
    working.add_done_callback(ended)
    return tell_caller()


def stop(name: str, owner: str) -> bool:
    """Have work do no more, and report; return whether there is such work of that owner."""
    found = _running.get(name)
    if found is None or found.owner != owner:
        return False
    found.told.set()
    return True


def leave() -> None:
    """End what is worked on, each with a line that says why: this process takes nothing any more."""
    global _leaving  # noqa: PLW0603 - it is of the process
    _leaving = True
    for news in _waiting:
        news.set()


def check_staying() -> None:
    """Raise DrainingError if this process takes nothing any more."""
    if _leaving:
        raise _left()


def _left() -> DrainingError:
    return DrainingError("the server is leaving, and another one comes; what was stored stays, send it again")


def _last(working: asyncio.Future[dict[str, Any]]) -> bytes:
    try:
        return orjson.dumps({"report": working.result()}) + b"\n"
    except MemmuxError as error:
        return orjson.dumps({"error": document(error)}) + b"\n"
    except Exception as error:  # noqa: BLE001 - whatever it is, the last line says that it failed
        log.get().error("http_failed", operation="upload", exc_info=error)
        return orjson.dumps({"error": document(MemmuxError())}) + b"\n"
