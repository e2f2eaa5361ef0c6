"""The events of streams: what is sent again, what is kept no more, and what is said of a process that is gone."""

from __future__ import annotations

import pytest
from mcp.server.streamable_http import EventMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCResponse

from mcp_dealer.http.mcp_events import STANDALONE, Events, SessionEvents, stream_of

pytestmark = pytest.mark.anyio


def _note(text: str) -> JSONRPCNotification:
    return JSONRPCNotification(jsonrpc="2.0", method="notifications/message", params={"data": text})


async def _after(events: SessionEvents, event_id: str) -> tuple[str | None, list[JSONRPCMessage]]:
    sent: list[JSONRPCMessage] = []

    async def send(event: EventMessage) -> None:
        sent.append(event.message)

    return await events.replay_events_after(event_id, send), sent


async def test_what_came_after_an_event_of_the_same_stream_is_sent_again_and_the_stream_goes_on() -> None:
    events = SessionEvents(Events())
    first = await events.store_event("7", None)
    await events.store_event("8", _note("of another request"))
    second = await events.store_event("7", _note("half"))
    assert await _after(events, first) == ("7", [_note("half")])
    assert await _after(events, second) == ("7", [])
    answer = JSONRPCResponse(jsonrpc="2.0", id=7, result={"done": True})
    await events.store_event("7", answer)
    assert await _after(events, first) == (None, [_note("half"), answer]), "an answered request has no more"
    assert stream_of(first) == "7"


async def test_a_session_keeps_so_much_and_no_more() -> None:
    events = SessionEvents(Events(), most=10_000)
    first = await events.store_event(STANDALONE, _note("x"))
    for _ in range(100):
        await events.store_event(STANDALONE, _note("y" * 1000))
    stream, sent = await _after(events, first)
    assert stream == STANDALONE
    assert 0 < len(sent) < 10


async def test_all_sessions_together_keep_so_much_and_no_more() -> None:
    common = Events(most=50_000)
    sessions = [SessionEvents(common, most=40_000) for _ in range(10)]
    for session in sessions:
        for _ in range(20):
            await session.store_event(STANDALONE, _note("z" * 1000))
    assert common.size <= 50_000
    for session in sessions:
        session.close()
    await sessions[0].store_event(STANDALONE, None)
    assert common.size < 1000


@pytest.mark.parametrize(("stream", "request_id"), [("7", 7), ("seven", "seven")])
async def test_a_request_of_a_process_that_is_gone_is_answered_with_an_error(
    stream: str, request_id: int | str
) -> None:
    lost = await SessionEvents(Events()).store_event(stream, None)
    ended, sent = await _after(SessionEvents(Events()), lost)
    (error,) = sent
    assert isinstance(error, JSONRPCError)
    assert (ended, error.id) == (None, request_id)
    assert error.error.message.startswith("interrupted: ")


@pytest.mark.parametrize("restored_in", ["this process", "another"])
async def test_the_stream_of_no_request_goes_on_where_its_session_was_restored(restored_in: str) -> None:
    events = Events()
    session = SessionEvents(events)
    for _ in range(3):
        lost = await session.store_event(STANDALONE, _note("heard"))
    session.close()
    another = SessionEvents(events if restored_in == "this process" else Events())
    assert await _after(another, lost) == (STANDALONE, [])
    kept = await another.store_event(STANDALONE, _note("before the client was back"))
    assert await _after(another, lost) == (STANDALONE, [_note("before the client was back")])
    ids: list[str | None] = []

    async def send(event: EventMessage) -> None:
        ids.append(event.event_id)

    await another.replay_events_after(lost, send)
    assert ids == [kept], "who comes back again names it, and is not sent it twice"


@pytest.mark.parametrize("event_id", ["", ".", "a.b", "a.b.c", "a.1."])
async def test_what_is_no_id_of_an_event_is_of_no_stream(event_id: str) -> None:
    assert await _after(SessionEvents(Events()), event_id) == (None, [])
