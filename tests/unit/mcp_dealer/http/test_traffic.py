"""What all requests over HTTP have in common: their size, their line in the log, and how they end with the process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send

from mcp_dealer.http import traffic
from mcp_dealer.http.traffic import Traffic
from tests.bounds import BOUND_S, PAUSE_S

pytestmark = pytest.mark.anyio


class Asked:
    """One request, and what was answered."""

    def __init__(self, method: str = "GET", path: str = "/", *parts: bytes, **headers: str) -> None:
        self.scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"secret=1",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
            "state": {},
        }
        self._parts = list(parts) or [b""]
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if not self._parts:
            await asyncio.get_running_loop().create_future()
        part = self._parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self._parts)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


async def read(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole body and answer; as Starlette, fail where the client is gone."""
    del scope
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"read"})


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without an end."""
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b": here\n\n", "more_body": True})
    await asyncio.get_running_loop().create_future()


async def _ask(of: Traffic, asked: Asked) -> Asked:
    async with asyncio.timeout(BOUND_S):
        await of(asked.scope, asked.receive, asked.send)
    return asked


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(BOUND_S):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(PAUSE_S)


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    asked = await _ask(Traffic(read), Asked("POST", "/api/memories", content_length=str(traffic.BODY_BYTES + 1)))
    assert (asked.status, json.loads(asked.body)["code"]) == (413, "message_too_large")


async def test_a_body_that_turns_out_too_large_is_cut() -> None:
    part = b"x" * (traffic.BODY_BYTES // 2 + 1)
    of = Traffic(read)
    asked = await _ask(of, Asked("POST", "/mcp", part, part, b"more"))
    assert (asked.status, json.loads(asked.body)["code"]) == (413, "message_too_large")
    assert len(asked.sent) == 2
    assert of.refused == 1


async def test_an_upload_may_be_as_large_as_who_reads_it_lets_it_be() -> None:
    part = b"x" * (traffic.BODY_BYTES // 2 + 1)
    assert (await _ask(Traffic(read), Asked("POST", "/api/import", part, part))).status == 200


async def test_the_log_says_who_asked_for_what_and_no_word_of_what_was_said() -> None:
    asked = Asked("POST", "/api/search", b'{"query": "my secret"}', authorization="Bearer mmx_secret")
    with structlog.testing.capture_logs() as logged:
        await _ask(Traffic(read), asked)
    (line,) = logged
    assert line.pop("ms") >= 0
    assert line == {
        "event": "http_answered",
        "log_level": "info",
        "method": "POST",
        "path": "/api/search",
        "status": 200,
        "key": None,
        "request_ids": [],
    }


async def test_what_fails_is_told_as_a_problem_and_logged_as_a_crash() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise ZeroDivisionError

    with structlog.testing.capture_logs() as logged:
        asked = await _ask(Traffic(fail), Asked())
    assert (asked.status, json.loads(asked.body)["code"]) == (500, "internal")
    assert [line["event"] for line in logged] == ["http_failed", "http_answered"]


@pytest.mark.parametrize(
    ("method", "more"), [("GET", {}), ("POST", {"mcp_method": "subscriptions/listen"})], ids=["get", "listen"]
)
async def test_streams_end_in_good_order_when_the_process_leaves(method: str, more: dict[str, Any]) -> None:
    of, asked = Traffic(stream), Asked(method, "/mcp", **more)
    answering = asyncio.create_task(_ask(of, asked))
    await _until(lambda: of.streams)
    of.leave()
    await answering
    assert asked.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert of.streams == 0


async def test_a_stream_that_answers_a_call_is_not_cut() -> None:
    of, asked = Traffic(stream), Asked("POST", "/mcp")
    answering = asyncio.create_task(_ask(of, asked))
    await _until(lambda: len(asked.sent) == 2)
    of.leave()
    await asyncio.sleep(PAUSE_S)
    assert not answering.done()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering


async def test_answers_close_their_connections_once_the_process_leaves() -> None:
    of = Traffic(read)
    assert b"connection" not in (await _ask(of, Asked())).headers
    of.leave()
    assert (await _ask(of, Asked())).headers[b"connection"] == b"close"


@pytest.mark.parametrize("spelt", ["mmx_Ab-c_d", "x-mmx_Ab-c_d", "mmx%5FAb-c_d"])
async def test_a_token_in_a_path_is_not_in_the_log(spelt: str) -> None:
    with structlog.testing.capture_logs() as lines:
        await _ask(Traffic(read), Asked("GET", f"/api/memories/{spelt}/history"))
    (line,) = lines
    assert "Ab-c_d" not in str(line)
    assert line["path"].startswith("/api/memories/")
    assert line["path"].endswith("mmx_…/history")
