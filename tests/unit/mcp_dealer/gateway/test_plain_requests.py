"""Plain requests: what the SDK is not asked for is answered as it would be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp_types import INTERNAL_ERROR, PROTOCOL_VERSION_META_KEY

from mcp_dealer import lines
from mcp_dealer.features.features import Features
from mcp_dealer.gateway.plain_requests import STATELESS, PlainRequests
from mcp_dealer.sdk.server import MemoryServer
from memmux.relay import frames
from tests.unit.mcp_dealer.gateway.by_hand import ByHand, Meet
from tests.unit.mcp_dealer.stand_in import StandIn

pytestmark = pytest.mark.anyio
INTRODUCED = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
LISTS = ("ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list")
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The messages that were plain calls."""
    taken: list[dict[str, Any]] = []
    take = PlainRequests.take

    def noted(self: PlainRequests, message: Any) -> bool:
        if found := take(self, message):
            taken.append(message)
        return found

    monkeypatch.setattr(PlainRequests, "take", noted)
    return taken


def _line(method: str, request_id: object, **params: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": request_id})


async def _begin(relay: ByHand, version: str) -> None:
    about = {"name": "by-hand", "version": "1"}
    relay.line(1, _line("initialize", 1, protocolVersion=version, capabilities={}, clientInfo=about))
    relay.line(2, _line("tools/list", 2))
    for number in (1, 2):
        await relay.until(frames.ANSWER, number)


async def _answer(relay: ByHand, number: int, request_id: object, **params: object) -> dict[str, Any]:
    relay.line(number, _line("tools/call", request_id, **params))
    answer: dict[str, Any] = json.loads((await relay.until(frames.ANSWER, number)).payload)
    assert answer.pop("id") == request_id
    return answer


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "params",
    [
        {"name": "memory_get", "arguments": {"id": "0001"}},
        {"name": "memory_get", "arguments": {}},
        {"name": "memory_get", "arguments": {"id": "0001", "surprise": 1}},
        {"name": "memory_store", "arguments": {"content": "Ä\n😀 \u2028"}},
        {"name": "memory_store", "arguments": {"content": ""}},
        {"name": "memory_search", "arguments": {"query": "a", "limit": 0}},
        {"name": "memory_list"},
        {"name": "memory_health", "arguments": {}},
        {"name": "no_such_tool", "arguments": {}},
    ],
)
async def test_a_plain_call_is_answered_as_the_sdk_answers_it(
    meet: Meet, clients: list[StandIn], taken: list[dict[str, Any]], version: str, params: dict[str, object]
) -> None:
    del clients
    async with meet() as relay:
        await _begin(relay, version)
        by_sdk = await _answer(relay, 3, "a", **params, surprise=1)
        assert taken == []
        assert await _answer(relay, 4, "b", **params, _meta={"progressToken": 1}) == by_sdk
    assert bool(taken) == (version in VERSIONS[2:] and params["name"] != "no_such_tool")


@pytest.mark.parametrize(
    "params",
    [
        {"name": 1},
        {"name": "memory_get", "arguments": []},
        {"name": "memory_get", "_meta": 1},
        {"name": "memory_get", "_meta": {"progressToken": None}},
        {"name": "memory_get", "_meta": {"progressToken": 1.5}},
        {"name": "memory_get", "_meta": {"progressToken": [1]}},
        {"name": "memory_ingest", "arguments": {"path": "/nowhere"}},
        {"arguments": {}},
    ],
)
async def test_what_is_no_plain_call_is_for_the_sdk(
    meet: Meet, clients: list[StandIn], taken: list[dict[str, Any]], params: dict[str, object]
) -> None:
    del clients
    async with meet() as relay:
        await _begin(relay, VERSIONS[-1])
        await _answer(relay, 3, 3, **params)
    assert taken == []


@pytest.mark.parametrize("request_id", [3, "3", "three"])
async def test_a_crash_is_answered_and_tells_nothing(
    meet: Meet, clients: list[StandIn], monkeypatch: pytest.MonkeyPatch, request_id: object
) -> None:
    del clients

    async def crash(self: Features, name: str, arguments: object) -> None:
        del self, arguments
        raise RuntimeError(name)

    monkeypatch.setattr(Features, "answer", crash)
    async with meet() as relay:
        await _begin(relay, VERSIONS[-1])
        answer = await _answer(relay, 3, request_id, name="memory_get", arguments={"id": "0001"})
        assert answer["error"]["code"] == -32603
        assert "memory_get" not in str(answer)


async def test_before_the_client_is_known_the_sdk_is_asked(
    meet: Meet, clients: list[StandIn], taken: list[dict[str, Any]]
) -> None:
    about = {"name": "by-hand", "version": "1"}
    async with meet() as relay:
        relay.line(1, _line("initialize", 1, protocolVersion=VERSIONS[-1], capabilities={}, clientInfo=about))
        await relay.until(frames.ANSWER, 1)
        assert "result" in await _answer(relay, 2, 2, name="memory_get", arguments={"id": "0001"})
        assert taken == []
        assert "result" in await _answer(relay, 3, 3, name="memory_get", arguments={"id": "0001"})
        assert len(taken) == 1
    assert [client.name for client in clients] == ["by-hand"]


def _hello(version: str, **more: object) -> str:
    about = {"name": "by-hand", "version": "1"}
    return _line("initialize", 1, protocolVersion=version, capabilities={"roots": {}}, clientInfo=about, **more)


@pytest.fixture
def sdk_runs(monkeypatch: pytest.MonkeyPatch) -> list[MemoryServer]:
    """The servers of the SDK that sessions have begun to run."""
    runs: list[MemoryServer] = []
    serve = MemoryServer.serve

    async def noted(self: MemoryServer, *streams: Any) -> None:
        runs.append(self)
        await serve(self, *streams)

    monkeypatch.setattr(MemoryServer, "serve", noted)
    return runs


@pytest.mark.parametrize("version", VERSIONS[2:])
async def test_the_handshake_and_the_lists_are_answered_as_the_sdk_answers_them(
    meet: Meet, sdk_runs: list[MemoryServer], version: str
) -> None:
    heard: list[list[Any]] = []
    for more in ({}, {"surprise": 1}):  # which only the SDK takes
        async with meet() as relay:
            relay.line(1, _hello(version, **more))
            relay.line(2, INTRODUCED)
            for number, method in enumerate(LISTS, 3):
                relay.line(number, _line(method, number, **more))
            numbers = (1, *range(3, 3 + len(LISTS)))
            heard.append([json.loads((await relay.until(frames.ANSWER, number)).payload) for number in numbers])
        assert len(sdk_runs) == len(more)
    assert heard[0] == heard[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"protocolVersion": "2025-03-26"},
        {"protocolVersion": "2099-01-01"},
        {"capabilities": {"roots": {"listChanged": 1}}},
        {"capabilities": {"sampling": {"tools": 1}}},
        {"capabilities": {"of another time": {}}},
        {"clientInfo": {"name": "by-hand"}},
        {"clientInfo": {"name": "by-hand", "version": "1", "icons": []}},
        {"_meta": {}},
    ],
)
async def test_a_handshake_that_is_out_of_the_ordinary_is_for_the_sdk(
    meet: Meet, sdk_runs: list[MemoryServer], changed: dict[str, object]
) -> None:
    params = json.loads(_hello(VERSIONS[-1]))["params"] | changed
    async with meet() as relay:
        relay.line(1, _line("initialize", 1, **params))
        await relay.until(frames.ANSWER, 1)
    assert len(sdk_runs) == 1


async def test_the_sdk_begins_with_what_is_not_plain_and_knows_who_the_client_is(
    meet: Meet, clients: list[StandIn], sdk_runs: list[MemoryServer]
) -> None:
    async with meet() as relay:
        relay.line(1, _hello(VERSIONS[-1]))
        relay.line(2, INTRODUCED)
        relay.line(3, _line("tools/call", 3, name="memory_get", arguments={"id": "0001"}))
        relay.line(4, json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}}))
        await relay.until(frames.ANSWER, 3)
        await relay.until(frames.SETTLED, 4)
        assert sdk_runs == []
        relay.line(5, _line("resources/read", 5, uri="memory://stats"))
        assert "result" in json.loads((await relay.until(frames.ANSWER, 5)).payload)
        relay.line(6, _line("ping", 6))
        await relay.until(frames.ANSWER, 6)
        assert len(sdk_runs) == 1
        answered = [frame.number for frame in relay.heard if frame.kind == frames.ANSWER]
        assert sorted(answered) == [1, 3, 5, 6], "the handshake is not answered again"
        assert [frame.number for frame in relay.heard if frame.kind == frames.PIN] == [1, 2]
    assert [client.name for client in clients] == ["by-hand"]


async def test_a_second_handshake_is_for_the_sdk(meet: Meet, sdk_runs: list[MemoryServer]) -> None:
    async with meet() as relay:
        relay.line(1, _hello(VERSIONS[-1]))
        await relay.until(frames.ANSWER, 1)
        relay.line(2, _hello(VERSIONS[-1]))
        await relay.until(frames.ANSWER, 2)
    assert len(sdk_runs) == 1


def test_the_version_is_named_as_the_sdk_names_it() -> None:
    assert (PROTOCOL_VERSION_META_KEY, INTERNAL_ERROR) == (STATELESS, lines.INTERNAL_ERROR)
