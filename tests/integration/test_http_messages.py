"""MCP over HTTP: what a body says is judged as a line over stdio is, so that nothing is taken and left undone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.integration.http_guest import STATELESS, Guest, token_of, until_served
from tests.ports import free_port

NO_IDS: tuple[object, ...] = (None, 1.5, True, [1], {"a": 1})


@pytest.fixture
def guest(settings_env: dict[str, str]) -> Guest:
    port = free_port()
    settings_env["MEMMUX_HTTP"] = f"127.0.0.1:{port}"
    until_served(settings_env)
    guest = Guest(port, token_of(settings_env, "laptop"))
    guest.initialize()
    return guest


def _store(request_id: object, content: object) -> dict[str, object]:
    params = {"name": "memory_store", "arguments": {"content": content}}
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}


def _error(body: bytes) -> tuple[int, Any]:
    """The code and the id of an error; its message is in words of ours."""
    said = json.loads(body)
    assert said["error"]["message"].startswith("this is no message: ")
    return said["error"]["code"], said["id"]


def test_what_is_no_request_is_refused_with_its_id_and_never_taken_as_a_notification(
    guest: Guest, settings_env: dict[str, str]
) -> None:
    for headers in ({"Mcp_Session_Id": guest.session}, {"Mcp_Protocol_Version": STATELESS}):
        for request_id in NO_IDS:
            status, _, body = guest.ask("POST", "/mcp", _store(request_id, "never"), **headers)
            assert (status, *_error(body)) == (400, -32600, request_id if request_id == 1.5 else None)
        request = {"jsonrpc": "2.0", "id": 7, "method": "ping", "params": []}
        status, _, body = guest.ask("POST", "/mcp", request, **headers)
        assert (status, *_error(body)) == (400, -32600, 7)
        status, _, body = guest.ask("POST", "/mcp", [_store(1, "never"), _store(2, "never")], **headers)
        assert (status, *_error(body)) == (400, -32600, None)
    with Client(settings=load(environment=settings_env)) as memory:
        assert memory.list().total == 0


def test_an_id_that_is_whole_and_half_of_an_emoji_are_taken_as_over_stdio(guest: Guest) -> None:
    status, _, body = guest.ask("POST", "/mcp", _store(3.0, "cut in \ud83d two"), Mcp_Session_Id=guest.session)
    data = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: {")]
    answer = json.loads(data[-1])
    assert (status, answer["id"], type(answer["id"])) == (200, 3, int)
    assert answer["result"]["structuredContent"]["status"] == "created"
    assert guest.tool("memory_list")["memories"][0]["content"] == "cut in \ufffd two"


def test_what_is_no_post_has_no_body_to_be_judged(guest: Guest) -> None:
    assert guest.ask("DELETE", "/mcp", Mcp_Protocol_Version=STATELESS)[0] == 405
    assert guest.ask("GET", "/mcp", Mcp_Protocol_Version=STATELESS)[0] == 405
