"""Long work in a thread: over the caller's own client, told line by line, and given up when the caller goes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, cast

import orjson

from mcp_dealer.http.problem import document
from memmux.client.asynchronous import AsyncClient
from memmux.client.blocking import Client
from memmux.errors import CancelledError, DrainingError, MemmuxError, OverloadedError
from memmux.logs import log

AT_ONCE: Final = 2  # uploads that are worked on in one process
QUIET_S: Final = 5.0  # without progress, before a line says how far it is all the same

Report = Callable[[int, int], None]
Work = Callable[[Client, Report, Callable[[], bool]], dict[str, Any]]
"""Does the work and returns its report; it is given a client, what it tells how far it is, and whether it was given up.
"""

_working = 0
_leaving = False
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


async def lines(client: AsyncClient, work: Work, end: Callable[[], object]) -> AsyncGenerator[bytes]:
    """Yield a line for how far the work is, now and then, and last its report, or the problem that it met.

    end: called when the work has ended, also after it was given up.
    """
    global _working  # noqa: PLW0603 - it is of the process
    loop, left = asyncio.get_running_loop(), threading.Event()
    told: dict[str, int | None] = {"done": 0, "total": None}
    news = asyncio.Event()

    def tell(done: int, total: int) -> None:
        def told_now() -> None:
            told.update(done=done, total=total)
            news.set()

        loop.call_soon_threadsafe(told_now)

    def run() -> dict[str, Any]:
        try:
            return work(cast("Client", ThreadClient(client, loop, left)), tell, left.is_set)
        finally:
            end()

    _working += 1
    _waiting.add(news)
    working = loop.run_in_executor(None, run)
    working.add_done_callback(lambda _: news.set())
    try:
        while not (working.done() or _leaving):
            try:
                async with asyncio.timeout(QUIET_S):
                    await news.wait()
            except TimeoutError:
                pass
            news.clear()
            if not (working.done() or _leaving):
                yield orjson.dumps(told) + b"\n"
        yield _last(working) if working.done() else orjson.dumps({"error": document(_left())}) + b"\n"
    finally:
        left.set()
        _working -= 1
        _waiting.discard(news)
        working.add_done_callback(lambda done: done.exception())  # which nobody hears any more


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


def check_free() -> None:
    """Raise OverloadedError if as much is worked on as may be, or DrainingError."""
    check_staying()
    if _working >= AT_ONCE:
        raise OverloadedError(f"{AT_ONCE} uploads are being worked on, the most at once; send it again later")


def _last(working: asyncio.Future[dict[str, Any]]) -> bytes:
    try:
        return orjson.dumps({"report": working.result()}) + b"\n"
    except MemmuxError as error:
        return orjson.dumps({"error": document(error)}) + b"\n"
    except Exception as error:  # noqa: BLE001 - whatever it is, the last line says that it failed
        log.get().error("http_failed", operation="upload", error=repr(error), exc_info=error)
        return orjson.dumps({"error": document(MemmuxError())}) + b"\n"
