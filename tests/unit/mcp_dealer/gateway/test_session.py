"""Sessions: every line is settled, by its answer or without, and what has been answered is not said again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp_types import METHOD_NOT_FOUND, ErrorData, JSONRPCError, JSONRPCMessage, JSONRPCResponse

from mcp_dealer.gateway.gateway import Gateway
from mcp_dealer.gateway.session import LINES, LISTENS
from mcp_dealer.gateway.streams import line_of
from memmux.errors import ERRORS
from memmux.relay import frames
from memmux.relay.frames import Frame, FrameReader
from tests.unit.mcp_dealer.gateway.by_hand import ByHand, Meet, hello, listen, said
from tests.unit.mcp_dealer.stand_in import StandIn

pytestmark = pytest.mark.anyio
RECORDED = Path(__file__).with_name("relay-0.1.0.frames")


INITIALIZE = said(
    "initialize", "i", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "by-hand", "version": "1"}
)
INITIALIZED = said("notifications/initialized")


def _call(request_id: object, tool: str, **arguments: object) -> str:
    return said("tools/call", request_id, name=tool, arguments=arguments)


async def _begin(relay: ByHand) -> None:
    relay.line(1, INITIALIZE)
    relay.line(2, INITIALIZED)
    await relay.until(frames.ANSWER, 1)
    await relay.until(frames.SETTLED, 2)


def _json(frame: Frame) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(frame.payload)
    return found


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (JSONRPCResponse(jsonrpc="2.0", id=1, result={"a": "Ä\n😀"}), {"result": {"a": "Ä\n😀"}}),
        (JSONRPCResponse(jsonrpc="2.0", id=1, result={"a\udcff": ["\ud83d"]}), {"result": {"a\ufffd": ["\ufffd"]}}),
        (
            JSONRPCError(jsonrpc="2.0", id=1, error=ErrorData(code=-1, message="\udcff\n")),
            {"error": {"code": -1, "message": "\ufffd\n"}},
        ),
    ],
)
def test_an_answer_is_a_line_whatever_it_holds(message: JSONRPCMessage, fields: dict[str, object]) -> None:
    line = line_of(message)
    assert "\n" not in line
    assert json.loads(line.encode()) == {"jsonrpc": "2.0", "id": 1, **fields}


async def test_the_hello_is_understood_and_the_handshake_is_kept_for_the_next_gateway(
    meet: Meet, clients: list[StandIn]
) -> None:
    async with meet() as relay:
        await relay.until(frames.SETTLED, 0)
        await _begin(relay)
        await relay.until(frames.PIN, 1)
        await relay.until(frames.PIN, 2)
        relay.line(3, _call(7, "memory_store", content="x"))
        assert _json(await relay.until(frames.ANSWER, 3))["id"] == 7
    assert [client.name for client in clients] == ["by-hand"]


async def test_a_handshake_that_is_refused_is_not_kept_for_the_next_gateway(meet: Meet) -> None:
    """As clients that know both eras send it, when the answer to the first request takes them too long."""
    about = {
        "protocolVersion": "2026-07-28",
        "clientInfo": {"name": "by-hand", "version": "1"},
        "clientCapabilities": {},
    }
    envelope = {f"io.modelcontextprotocol/{name}": value for name, value in about.items()}
    async with meet() as relay:
        relay.line(1, said("server/discover", 1, _meta=envelope))
        assert "result" in _json(await relay.until(frames.ANSWER, 1))
        relay.line(2, INITIALIZE)
        assert "error" in _json(await relay.until(frames.ANSWER, 2))
        assert frames.PIN not in {frame.kind for frame in relay.heard}


async def test_what_is_listened_to_waits_all_the_time_until_it_is_cancelled(meet: Meet, clients: list[StandIn]) -> None:
    del clients
    async with meet() as relay:
        relay.line(1, listen(1))
        assert (await relay.until(frames.PIN, 1)).at == 1
        await relay.until(frames.OUTPUT)
        relay.line(2, said("notifications/cancelled", requestId=1))
        assert (await relay.until(frames.PIN, 0)).payload == b"1"
        await relay.until(frames.SETTLED, 2)


@pytest.mark.slow
async def test_a_gateway_that_is_told_to_end_leaves_what_it_works_on_to_the_next_one(
    meet: Meet, gateway: Gateway, clients: list[StandIn]
) -> None:
    async with meet() as relay:
        await _begin(relay)
        for number in (3, 4):  # the first is answered by the SDK, which then knows the client
            relay.line(number, _call(number, "memory_get", id="0001"))
            await relay.until(frames.ANSWER, number)
        clients[0].wait()
        relay.line(5, _call(5, "memory_get", id="0001"))
        relay.line(6, _call(6, "memory_ingest", path="/nowhere"))
        await clients[0].waited(1)
        await gateway.aclose()
        while (frame := await relay.connection.frame()) is not None:
            relay.heard.append(frame)
        assert {5, 6}.isdisjoint(frame.number for frame in relay.heard)


async def test_a_relay_that_comes_after_all_were_sent_on_is_sent_on_too(meet: Meet, gateway: Gateway) -> None:
    gateway.move()
    async with meet() as relay:
        await relay.until(frames.GO, 0)


async def test_what_is_replayed_has_its_effect_and_no_answer(meet: Meet, clients: list[StandIn]) -> None:
    async with meet(offered=2) as relay:
        relay.line(1, INITIALIZE, replayed=True)
        relay.line(2, INITIALIZED, replayed=True)
        relay.line(3, _call(7, "memory_get", id="0001"))
        assert "result" in _json(await relay.until(frames.ANSWER, 3))
        assert {(frame.kind, frame.number) for frame in relay.heard} == {(frames.SETTLED, 0), (frames.ANSWER, 3)}
    assert [client.name for client in clients] == ["by-hand"]


async def test_lines_with_one_id_are_each_answered(meet: Meet, clients: list[StandIn]) -> None:
    del clients
    async with meet() as relay:
        await _begin(relay)
        for number in (3, 4, 5):
            relay.line(number, _call("same", "memory_get", id="0001"))
        for number in (3, 4, 5):
            assert _json(await relay.until(frames.ANSWER, number))["id"] == "same"


async def test_what_is_no_message_is_refused_and_what_wants_no_answer_is_settled(meet: Meet) -> None:
    async with meet() as relay:
        await _begin(relay)
        relay.line(3, "no JSON")
        relay.line(4, json.dumps({"jsonrpc": "2.0", "id": 9, "result": {}}))
        relay.line(5, said("notifications/whatever"))
        relay.line(6, "[1, " + said("ping", 1) + "," + said("ping", 2) + "]")
        assert _json(await relay.until(frames.ANSWER, 3))["error"]["code"] == -32700
        await relay.until(frames.SETTLED, 4)
        await relay.until(frames.SETTLED, 5)
        answers = [json.loads(line) for line in (await relay.until(frames.ANSWER, 6)).payload.splitlines()]
        assert sorted(str(answer["id"]) for answer in answers) == ["1", "2", "None"]


async def test_a_cancelled_call_is_settled_before_what_cancels_it(meet: Meet, clients: list[StandIn]) -> None:
    async with meet() as relay:
        await _begin(relay)
        relay.line(3, _call(3, "memory_get", id="0001"))
        await relay.until(frames.ANSWER, 3)
        clients[0].wait()
        relay.line(4, _call(4, "memory_get", id="0001"))
        relay.line(5, said("notifications/cancelled", requestId=4))
        await relay.until(frames.SETTLED, 5)
        kinds = [(frame.kind, frame.number) for frame in relay.heard]
        assert kinds.index((frames.SETTLED, 4)) < kinds.index((frames.SETTLED, 5))


@pytest.mark.parametrize("with_sdk", [False, True])
async def test_a_cancellation_with_an_id_is_a_request_that_is_answered(
    meet: Meet, clients: list[StandIn], with_sdk: bool
) -> None:
    async with meet() as relay:
        await _begin(relay)
        if with_sdk:
            relay.line(3, said("resources/read", 3, uri="nothing"))
            await relay.until(frames.ANSWER, 3)
        relay.line(4, _call(4, "memory_get", id="0001"))
        await relay.until(frames.ANSWER, 4)
        clients[0].wait()
        relay.line(5, _call(5, "memory_get", id="0001"))
        relay.line(6, said("notifications/cancelled", 6, requestId=5))
        answer = _json(await relay.until(frames.ANSWER, 6))
        assert (answer["id"], answer["error"]["code"]) == (6, METHOD_NOT_FOUND)
        assert not any(frame.number == 5 for frame in relay.heard)
        relay.line(7, said("notifications/cancelled", requestId=5))
        await relay.until(frames.SETTLED, 7)


async def test_a_relay_is_not_read_further_while_many_lines_are_unanswered(meet: Meet, clients: list[StandIn]) -> None:
    async with meet() as relay:
        await _begin(relay)
        relay.line(3, said("ping", 3))
        await relay.until(frames.ANSWER, 3)
        clients[0].wait()
        for number in range(4, 4 + LINES):
            relay.line(number, _call(number, "memory_get", id="0001"))
        relay.line(1000, said("ping", 1000))
        await clients[0].waited(LINES)
        assert not [frame for frame in relay.heard if frame.number == 1000]
        clients[0].go_on()
        await relay.until(frames.ANSWER, 1000)


async def test_requests_that_wait_all_the_time_leave_room_for_what_ends_them(
    meet: Meet, clients: list[StandIn]
) -> None:
    del clients
    async with meet() as relay:
        for number in range(1, 1 + LINES):
            relay.line(number, listen(number))
        refused = _json(await relay.until(frames.ANSWER, 1 + LISTENS))
        assert "overloaded" in refused["error"]["message"]
        relay.line(1000, said("notifications/cancelled", requestId=1))
        await relay.until(frames.SETTLED, 1000)
        relay.line(1001, listen(1001))
        await relay.until(frames.PIN, 1001)


async def test_when_the_input_ends_what_was_asked_is_answered_and_then_the_relay_may_exit(
    meet: Meet, clients: list[StandIn]
) -> None:
    async with meet() as relay:
        await _begin(relay)
        relay.line(3, _call(3, "memory_get", id="0001"))
        relay.send(Frame(frames.END, 0, b"input ended"))
        await relay.until(frames.EXIT)
        assert (frames.ANSWER, 3) in [(frame.kind, frame.number) for frame in relay.heard]
    assert clients[0].closed == 1


async def test_settings_that_are_wrong_are_told_and_the_relay_exits(meet: Meet) -> None:
    async with meet(hello(flag="--readers=none")) as relay:
        left = await relay.until(frames.EXIT, 1)
        assert b"setting_invalid" in left.payload


async def test_a_setting_of_another_version_is_no_mistake(meet: Meet) -> None:
    async with meet(hello(flag="--what-will-come=1", surprise="x")) as relay:
        await relay.until(frames.SETTLED, 0)


async def test_what_many_gateways_died_of_is_answered_with_an_error(meet: Meet) -> None:
    async with meet(hello(deaths="5"), offered=1) as relay:
        relay.line(1, _call(1, "memory_get", id="0001"))
        relay.line(2, INITIALIZE)
        assert "poisoned" in _json(await relay.until(frames.ANSWER, 1))["error"]["message"]
        assert "result" in _json(await relay.until(frames.ANSWER, 2))


async def test_an_error_of_the_cluster_is_an_answer(meet: Meet, clients: list[StandIn]) -> None:
    async with meet() as relay:
        await _begin(relay)
        relay.line(3, said("tools/list", 3))
        await relay.until(frames.ANSWER, 3)
        clients[0].error = ERRORS["cluster_start_failed"]()
        relay.line(4, _call(4, "memory_get", id="0001"))
        assert "cluster_start_failed" in str(_json(await relay.until(frames.ANSWER, 4)))


async def test_a_relay_of_version_0_1_0_is_served(meet: Meet) -> None:
    """What such a relay sent, byte for byte: relays are older than their gateways for as long as a host runs."""
    recorded = list(FrameReader().feed(RECORDED.read_bytes()))
    assert recorded[0].kind == frames.HELLO
    async with meet(recorded[0].payload, recorded[0].number) as relay:
        relay.send(*recorded[1:])
        await relay.until(frames.EXIT)
        asked = [frame for frame in recorded if frame.kind == frames.LINE and b'"id"' in frame.payload]
        for frame in asked:
            answer = _json(await relay.until(frames.ANSWER, frame.number))
            assert answer["id"] == json.loads(frame.payload)["id"]
            assert "result" in answer


async def test_an_answer_that_no_frame_could_hold_is_an_error(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    async with meet() as relay:
        await _begin(relay)
        monkeypatch.setattr(frames, "PAYLOAD_BYTES", 2000)
        relay.line(3, said("tools/list", "long"))
        found = _json(await relay.until(frames.ANSWER, 3))
        assert (found["id"], found["error"]["message"]) == (
            "long",
            "too_long: the answer is longer than 2000 bytes; ask for less at once",
        )
        relay.line(4, said("ping", "short"))
        assert _json(await relay.until(frames.ANSWER, 4)) == {"jsonrpc": "2.0", "id": "short", "result": {}}
