"""Lines that spoil a conversation elsewhere: each is answered, and the server goes on serving."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.conftest import RawServer, raw_server

pytestmark = [pytest.mark.anyio, pytest.mark.shared]

PING = b'{"jsonrpc": "2.0", "id": %d, "method": "ping"}'
DEEP = b"[" * 5000 + b"]" * 5000
REFUSED: list[tuple[bytes, int, Any]] = [
    (b"this is no JSON", -32700, None),
    (b"\xff\xfe\x00", -32700, None),
    (b'{"jsonrpc": "2.0", "id": 700, "method": "ping",}', -32700, 700),
    (b"[]", -32600, None),
    (b"5", -32600, None),
    (b'{"id": 701}', -32600, 701),
    (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, None),
    (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None),
    (b'{"jsonrpc": "2.0", "id": 7.5, "method": "ping"}', -32600, 7.5),
    (b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}', -32600, None),
    (b'{"jsonrpc": "2.0", "id": 702, "method": "ping", "params": {"a": ' + DEEP + b"}}", -32600, 702),
    (DEEP, -32600, None),
]
SERVED: list[tuple[bytes, Any]] = [
    (b"\xef\xbb\xbf" + PING % 800, 800),
    (b'{"jsonrpc": "2.0", "id": 801.0, "method": "ping"}', 801),
    (b'{"jsonrpc": "2.0", "id": "\\ud83d", "method": "ping"}', "\ufffd"),
    (b'{"jsonrpc": "2.0", "id": "a\xff", "method": "ping"}', "a\ufffd"),
    (b'{"jsonrpc": "2.0", "id": 802, "method": "\\ud83d"}', 802),
    (b'{"jsonrpc": "2.0", "id": 803, "method": "ping", "params": {"\\ud83d": NaN}}', 803),
    (b"[" + PING % 804 + b", 5, " + PING % 805 + b"]", 805),
]


async def _said_to(server: RawServer, line: bytes, number: int) -> list[dict[str, Any]]:
    """What the server says to a line, before it answers the ping that follows."""
    before = len(server.lines)
    await server.write(line)
    await server.write(PING % number)
    assert (await server.answer(number))["result"] == {}
    return server.messages[before:-1]


async def test_what_is_no_message_is_refused_and_the_next_one_answered(tidy_env: dict[str, str]) -> None:
    async with raw_server(tidy_env) as server:
        await server.shake_hands()
        for number, (line, code, request_id) in enumerate(REFUSED, 1000):
            (answer,) = await _said_to(server, line, number)
            assert (answer["error"]["code"], answer["id"]) == (code, request_id), line[:80]
        assert await server.leave() == 0


async def test_what_can_be_mended_is_answered(tidy_env: dict[str, str]) -> None:
    async with raw_server(tidy_env) as server:
        await server.shake_hands()
        for line, request_id in SERVED:
            await server.write(line)
            assert (await server.answer(request_id))["id"] == request_id


async def test_half_an_emoji_is_stored_found_and_answered(tidy_env: dict[str, str]) -> None:
    call = b'{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": {"name": "%s", "arguments": %s}}'
    async with raw_server(tidy_env) as server:
        await server.shake_hands()
        stored = b'{"content": "cut inside \\ud83d", "tags": ["\\ude00"], "metadata": {"\\ud83d": "\\ud83d\\ude00"}}'
        await server.write(call % (1, b"memory_store", stored))
        assert not (await server.answer(1))["result"].get("isError")
        await server.write(call % (2, b"memory_search", b'{"query": "inside \\ud83d", "mode": "exact"}'))
        (hit,) = (await server.answer(2))["result"]["structuredContent"]["hits"]
        assert (hit["content"], hit["tags"]) == ("cut inside \ufffd", ["\ufffd"])
        assert hit["metadata"] == {"\ufffd": "😀"}
