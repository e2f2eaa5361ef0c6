"""The asyncio client, against a scripted ROUTER over a real socket."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import orjson
import pytest

import memmux.cluster.endpoint
from memmux import errors
from memmux.client import back_off, silence
from memmux.client.asynchronous import AsyncClient
from memmux.client.calls import RequestOutcome
from memmux.client.pending import GRACE_S
from memmux.cluster import find
from memmux.cluster.steps import Steps
from memmux.config.settings import Settings
from memmux.wire.protocol import Kind, Message
from tests.unit.memmux.client.peer import BOUND_S, Peer, answer_status, error, result

pytestmark = pytest.mark.usefixtures("patient")

STORED = {"id": "i", "content_hash": "h", "seq": 3, "status": "created", "indexed": True}


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run the test in an event loop of its own, within a bound."""

    @functools.wraps(test)
    def run(**fixtures: object) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(BOUND_S):
                await test(**fixtures)

        asyncio.run(bounded())

    return run


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends when it gets a line."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started


def store_by_content(message: Message) -> list[list[bytes]]:
    """Answer a store with its content as the id."""
    return [result(message, {**STORED, "id": orjson.loads(message.body)["content"]})]


def silent(message: Message) -> list[list[bytes]]:
    """Answer nothing but a status."""
    return answer_status(message) if message.header.operation == "cluster.status" else []


@asynchronous
async def test_concurrent_calls_are_sent_before_any_is_answered_and_each_gets_its_answer(settings: Settings) -> None:
    waiting: list[Message] = []

    def script(message: Message) -> list[list[bytes]]:
        """Answer when all are there, the last first."""
        waiting.append(message)
        return [*(store_by_content(one)[0] for one in reversed(waiting))] if len(waiting) == 50 else []

    with Peer(settings, script):
        async with AsyncClient(settings=settings, start=False) as client:
            stored = await asyncio.gather(*(client.store(f"text {number}") for number in range(50)))
    assert [one.id for one in stored] == [f"text {number}" for number in range(50)]


@asynchronous
async def test_there_is_exactly_one_listener(settings: Settings) -> None:
    with Peer(settings, store_by_content):
        async with AsyncClient(settings=settings, start=False) as client:
            await asyncio.gather(*(client.store(f"text {number}") for number in range(5)))
            assert [task.get_name() for task in asyncio.all_tasks()].count("memmux-listener") == 1
        assert "memmux-listener" not in [task.get_name() for task in asyncio.all_tasks()]


@asynchronous
async def test_cancelled_call_is_cancelled_in_the_cluster(settings: Settings) -> None:
    with Peer(settings, silent) as peer:
        async with AsyncClient(settings=settings, start=False) as client:
            await client.status()
            peer.request()
            call = asyncio.create_task(client.search("slow"))
            request = await asyncio.to_thread(peer.request)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            cancelled = await asyncio.to_thread(peer.other, Kind.CANCEL)
            assert cancelled.header.id == request.header.id
            assert (await client.status()).state == "serving"


@asynchronous
async def test_refused_request_is_sent_again_with_its_id_and_key(settings: Settings) -> None:
    refusals: list[errors.MemmuxError] = [errors.OverloadedError(retry_after_ms=1), errors.UnknownSessionError()]

    def script(message: Message) -> list[list[bytes]]:
        return [error(message, refusals.pop())] if refusals else store_by_content(message)

    with Peer(settings, script) as peer:
        async with AsyncClient(settings=settings, start=False) as client:
            assert (await client.store("c")).id == "c"
        headers = [peer.request().header for _ in range(3)]
    assert len({(header.id, header.key) for header in headers}) == 1


@asynchronous
async def test_call_fails_when_its_own_time_is_over(settings: Settings) -> None:
    with Peer(settings, silent):
        async with AsyncClient(settings=settings, start=False) as client:
            slow = asyncio.create_task(client.store("slow", timeout_s=BOUND_S))
            with pytest.raises(errors.DeadlineExceededError):
                await client.store("quick", timeout_s=0.1)
            assert not slow.done()
            slow.cancel()


@asynchronous
async def test_deadline_is_kept_while_a_cluster_that_was_lost_is_searched_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a call without a time of its own it runs from the connection on."""
    there = memmux.cluster.endpoint.Endpoint("ipc:///nowhere", os.getpid(), "0", 1)
    searches: list[None] = []

    def seek(_: Settings, *, start: bool) -> Steps[memmux.cluster.endpoint.Endpoint]:
        assert not start
        searches.append(None)
        yield 2 * GRACE_S
        while len(searches) > 1:
            yield 0.01
        return there

    with monkeypatch.context() as patched:
        patched.setattr(find, "seek", seek)
        patched.setattr(memmux.cluster.endpoint.Endpoint, "alive", lambda _: False)
        async with AsyncClient(settings=replace(settings, request_timeout_s=0.2), start=False) as client:
            with pytest.raises(errors.DeadlineExceededError):
                await client.store("c")
    assert len(searches) == 2


@asynchronous
async def test_router_that_falls_silent_is_left_for_the_one_that_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Peer(settings, answer_status) as first, Peer(settings, store_by_content) as second:
        first.announce()
        async with AsyncClient(settings=settings, start=False) as client:
            await client.status()
            first.request()
            first.deaf.set()
            second.announce()
            monkeypatch.setattr(silence, "QUIET_S", 0.05)
            monkeypatch.setattr(silence, "PONG_S", 0.05)
            assert (await client.store("c")).id == "c"
        assert first.request().header.key == second.request().header.key


@asynchronous
async def test_router_that_drains_is_left_for_its_successor_while_it_lives(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_off, "BACK_OFF_S", 1000.0)  # so that the request is not sent again for another reason
    with Peer(settings, answer_status) as first, Peer(settings, store_by_content) as second:
        first.announce(os.getppid())
        async with AsyncClient(settings=settings, start=False) as client:
            await client.status()
            first.request()

            def drain(message: Message) -> list[list[bytes]]:
                second.announce()
                return [error(message, errors.DrainingError())]

            first.script = drain
            assert (await client.store("c")).id == "c"
            assert first.request().header.key == second.request().header.key


@asynchronous
async def test_router_that_died_while_nothing_was_asked_is_left_at_the_next_call(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "QUIET_S", 1000.0)  # so that its death is seen, not its silence
    dead: set[int] = set()
    alive = memmux.cluster.endpoint.alive
    monkeypatch.setattr(memmux.cluster.endpoint, "alive", lambda pid: pid not in dead and alive(pid))
    with Peer(settings, answer_status) as first, Peer(settings, store_by_content) as second:
        first.announce(os.getppid())
        async with AsyncClient(settings=settings, start=False) as client:
            await client.status()
            first.deaf.set()
            dead.add(os.getppid())
            second.announce()
            assert (await client.store("c")).id == "c"


@asynchronous
async def test_client_without_a_cluster_fails_at_once_and_works_when_there_is_one(settings: Settings) -> None:
    async with AsyncClient(settings=settings, start=False) as client:
        with pytest.raises(errors.ClusterUnreachableError, match="memmux serve"):
            await client.status()
        with pytest.raises(errors.ClusterUnreachableError):
            await client.stop()
        with Peer(settings, answer_status):
            assert (await client.status()).state == "serving"


@asynchronous
async def test_closing_fails_what_has_no_answer_and_says_goodbye(settings: Settings) -> None:
    with Peer(settings, silent) as peer:
        client = AsyncClient(settings=settings, start=False)
        call = asyncio.create_task(client.store("slow"))
        await asyncio.to_thread(peer.request)
        await client.aclose()
        with pytest.raises(errors.CancelledError, match="closed"):
            await call
        await asyncio.to_thread(peer.other, Kind.GOODBYE)
        await client.aclose()
        with pytest.raises(errors.ClusterError, match="closed"):
            await client.status()


@asynchronous
async def test_closing_while_a_cluster_is_awaited_is_immediate(settings: Settings) -> None:
    with Peer(settings, silent) as peer:
        peer.deaf.set()
        client = AsyncClient(settings=settings)
        call = asyncio.create_task(client.status())
        for _ in range(2):  # the call's first steps, then the listener's
            await asyncio.sleep(0)
        assert client._listener is not None
        await client.aclose()
        with pytest.raises(errors.CancelledError):
            await call


@asynchronous
async def test_stop_returns_when_the_router_is_gone(settings: Settings, process: subprocess.Popen[bytes]) -> None:
    def script(message: Message) -> list[list[bytes]]:
        process.communicate(b"\n", timeout=BOUND_S)
        return [result(message, {})]

    with Peer(settings, script) as peer:
        peer.announce(process.pid)
        async with AsyncClient(settings=settings) as client:
            await client.stop()
        assert process.wait(BOUND_S) == 0


@asynchronous
async def test_wrong_arguments_raise_before_anything_is_sent(settings: Settings) -> None:
    async with AsyncClient(settings=settings) as client:
        with pytest.raises(errors.ContentEmptyError):
            await client.store(" ")
        with pytest.raises(errors.UnknownModeError):
            await client.search("x", mode="psychic")
    assert not settings.database.parent.exists()


@asynchronous
async def test_observer_is_told_of_each_request_in_the_context_that_made_it(settings: Settings) -> None:
    place: ContextVar[str] = ContextVar("place", default="")
    told: list[tuple[str, str, str]] = []

    def observe(asked: RequestOutcome) -> None:
        told.append((place.get(), asked.operation, asked.outcome))

    def script(message: Message) -> list[list[bytes]]:
        return [] if message.header.operation == "memory.delete" else store_by_content(message)

    async def store(where: str) -> None:
        place.set(where)
        await client.store(where)

    async with AsyncClient(settings=settings, on_answer=observe) as client:
        with Peer(settings, script):
            await asyncio.gather(asyncio.create_task(store("here")), asyncio.create_task(store("there")))
            waiting = asyncio.create_task(client.delete("i"))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
    assert sorted(told) == [
        ("", "memory.delete", "cancelled"),
        ("here", "memory.store", "ok"),
        ("there", "memory.store", "ok"),
    ]


@asynchronous
async def test_a_client_that_only_looks_on_says_so(settings: Settings) -> None:
    with Peer(settings) as peer:
        for observer in (True, False):
            async with AsyncClient(settings=settings, start=False, observer=observer) as client:
                await client.status()
            hello = await asyncio.to_thread(peer.other, Kind.HELLO)
            assert hello.header.detail.get("observer", False) is observer
