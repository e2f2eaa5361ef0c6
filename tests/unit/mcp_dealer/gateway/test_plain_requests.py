"""Plain calls: what the SDK is not asked for is answered as it would be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_dealer.features import Features
from mcp_dealer.gateway.plain_requests import PlainRequests
from memmux.relay import frames
from tests.unit.mcp_dealer.gateway.by_hand import ByHand, Meet
from tests.unit.mcp_dealer.stand_in import StandIn

pytestmark = pytest.mark.anyio
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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


async def test_a_crash_is_answered_and_tells_nothing(
    meet: Meet, clients: list[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    del clients

    async def crash(self: Features, name: str, arguments: object) -> None:
        del self, arguments
        raise RuntimeError(name)

    monkeypatch.setattr(Features, "answer", crash)
    async with meet() as relay:
        await _begin(relay, VERSIONS[-1])
        answer = await _answer(relay, 3, 3, name="memory_get", arguments={"id": "0001"})
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
