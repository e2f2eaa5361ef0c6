"""Who comes through the gate, and what the others are told."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from structlog.testing import capture_logs

from mcp_dealer.http import active
from mcp_dealer.http.clients import Clients
from mcp_dealer.http.credentials import Credentials
from mcp_dealer.http.gate import Gate, Message, Receive, Scope, Send
from mcp_dealer.http.tries import WITHIN_S, WRONG_MOST
from memmux.config.mms_variables import API_KEY
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs import log
from memmux.trust import keys, tokens
from tests.bounds import BOUND_S
from tests.key_files import opened_to_others
from tests.unit.mcp_dealer.http.gate_world import THEIRS, Headers, World, application, bearer

pytestmark = pytest.mark.anyio


async def test_a_token_comes_in_by_either_field(world: World) -> None:
    token = world.add("laptop")
    for header in (bearer(token), ("authorization", f"bearer  {token} "), ("x-api-key", token)):
        assert (await world.ask(headers=[header])).body == b"laptop write"
    assert (await world.ask(headers=[bearer(token), ("x-api-key", token)])).status == 200


async def test_the_key_of_mcp_memory_service_may_write(world: World) -> None:
    assert (await world.ask(headers=[("x-api-key", THEIRS)])).body == b"api-key write"


def test_a_key_of_theirs_that_can_be_guessed_is_none(settings: Settings) -> None:
    credentials = Credentials(settings, {API_KEY: "fifteen-letters"})
    assert credentials.of_token("fifteen-letters").grant is None
    assert credentials.of_token("").grant is None
    assert Credentials(settings, {}).of_token("").grant is None


async def test_whoever_has_no_valid_token_is_told_the_same(world: World) -> None:
    revoked, expired = world.add("gone"), world.add("late", expires=999.0)
    keys.revoke(Places(world.settings), "gone", 5.0)
    tried: list[Headers] = [
        [],
        [bearer(tokens.make())],
        [bearer(revoked)],
        [bearer(expired)],
        [bearer("")],
        [("authorization", "Basic bWU6bWU=")],
        [("authorization", "")],
        [("x-api-key", "")],
        [("x-api-key", "\xe9" * 40)],
        [bearer("x" * 100_000)],
        [("cookie", "memmux=x")],
    ]
    answers = [await world.ask(headers=headers) for headers in tried]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert len({tuple(answer.headers) for answer in answers}) == 1
    assert answers[0].header("www-authenticate") == "Bearer"
    assert answers[0].header("content-type") == "application/problem+json"
    told = orjson.loads(answers[0].body)
    assert (told["status"], told["code"]) == (401, "key_refused")


async def test_why_it_was_is_in_the_log_once_a_minute_and_no_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.add("gone")
    keys.revoke(Places(world.settings), "gone", 5.0)
    monkeypatch.setattr(log, "_logger", None)
    with capture_logs() as events:
        for _ in range(3):
            await world.ask(headers=[bearer(token)])
        world.clock[0] = 61.0
        await world.ask(headers=[bearer(token)])
    refused = [event for event in events if event["event"] == "http_refused"]
    assert [(event["reason"], event["key"], event["address"]) for event in refused] == [
        ("revoked", "gone", "127.0.0.1")
    ] * 2
    assert token not in str(events)


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer {}"), ("authorization", "Bearer {}")],
        [("authorization", "Bearer {}"), ("Authorization", "Bearer other")],
        [("x-api-key", "{}"), ("x-api-key", "{}")],
        [("authorization", "Bearer {}"), ("x-api-key", "other")],
        [("authorization", "Bearer other, Bearer {}")],
        [("authorization", "Bearer {}\xe9")],
        [("authorization", "{}")],
        [("proxy-authorization", "Bearer {}")],
    ],
)
async def test_a_token_that_is_smuggled_in_is_none(world: World, headers: Headers) -> None:
    token = world.add("laptop")
    sent = [(name, value.replace("{}", token)) for name, value in headers]
    assert (await world.ask(headers=sent)).status == 401


@pytest.mark.parametrize("name", ["api_key", "token", "access_token", "API_KEY", "api%5Fkey"])
async def test_a_token_in_the_url_is_refused_also_beside_a_valid_one(world: World, name: str) -> None:
    token = world.add("laptop")
    assert (await world.ask(f"/api/memories?{name}={token}")).status == 401
    assert (await world.ask(f"/api/memories?{name}={token}", [bearer(token)])).status == 401


@pytest.mark.parametrize(
    "place",
    [
        "/api/memories/{}",
        "/{}/api/memories",
        "/api/memories?x={}",
        "/api/memories?{}",
        "/api/memories?tag=a&note=key%3D{}",
        "/api/health?x={}",
        "/static/{}",
        "/?{}",
    ],
)
async def test_a_token_anywhere_in_a_url_is_refused_whatever_it_is_called(world: World, place: str) -> None:
    token = world.add("laptop")
    for spelt in (token, token.replace("_", "%5F"), token.replace("_", "%255f"), tokens.PREFIX + "x"):
        answer = await world.ask(place.format(spelt), [bearer(token)])
        assert (answer.status, token.encode() in answer.body) == (401, False), spelt
    assert not world.asked


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/login?code=x", "/.well-known/oauth-protected-resource"])
async def test_what_holds_no_memory_is_open(world: World, path: str) -> None:
    assert (await world.ask(path)).body == b"nobody"
    assert (await world.ask(path, method="POST")).status == 401


@pytest.mark.parametrize(
    "path",
    ["/static/../api/memories", "/static/..\\api", "/staticx", "/api/health/detailed", "//", "/API/health", "/mcp"],
)
async def test_nothing_else_is(world: World, path: str) -> None:
    assert (await world.ask(path)).status == 401


async def test_health_says_more_to_who_may_know(world: World) -> None:
    assert (await world.ask("/api/health")).body == b"nobody"
    assert (await world.ask("/api/health", [bearer("wrong")])).body == b"nobody"
    assert (await world.ask("/api/health", [world.cookie(), ("sec-fetch-site", "same-site")])).body == b"nobody"
    assert (await world.ask("/api/health", [bearer(world.add("laptop"))])).body == b"laptop write"


async def test_every_answer_has_the_headers_of_all_and_none_that_opens_it(world: World) -> None:
    for headers in ([], [bearer(world.add("laptop"))], [("host", "evil.example")]):
        answer = await world.ask(headers=headers)
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("cache-control") == "no-store"
        assert "default-src 'none'" in str(answer.header("content-security-policy"))
        assert answer.header("server") is None
        assert answer.header("access-control-allow-origin") is None


async def test_who_is_wrong_too_often_waits_and_who_was_right_does_not(world: World) -> None:
    known, new = world.add("laptop"), world.add("desk")
    assert (await world.ask(headers=[bearer(known)])).status == 200
    for _ in range(WRONG_MOST):
        assert (await world.ask(headers=[bearer(tokens.make())])).status == 401
    for token in (tokens.make(), new):
        answer = await world.ask(headers=[bearer(token)])
        assert (answer.status, answer.header("retry-after")) == (429, "60")
    assert (await world.ask(headers=[bearer(known)])).status == 200
    assert (await world.ask(headers=[bearer(new)], client=("10.0.0.9", 1))).status == 200
    world.clock[0] += WITHIN_S
    assert (await world.ask(headers=[bearer(new)])).status == 200


async def test_nobody_has_a_key_while_the_file_can_not_be_believed(world: World) -> None:
    token = world.add("laptop")
    assert (await world.ask(headers=[bearer(token)])).status == 200
    opened_to_others(Places(world.settings).keys)
    assert (await world.ask(headers=[bearer(token)])).status == 401
    Places(world.settings).keys.chmod(0o600)
    assert (await world.ask(headers=[bearer(token)])).status == 200


async def test_what_a_proxy_says_counts_only_where_there_is_one(settings: Settings) -> None:
    forwarded = [
        ("x-forwarded-host", "memory.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "6.6.6.6, 10.0.0.9"),
        ("origin", "https://memory.example"),
    ]
    clients = Clients(settings, None)
    for behind_proxy, status in ((False, 403), (True, 200)):
        credentials = Credentials(settings, {})
        gate = Gate(application, credentials, clients, hosts=("memory.example",), behind_proxy=behind_proxy)
        world = World(settings, gate, credentials, [], [])
        assert (await world.ask("/", forwarded)).status == status
    await clients.aclose()


async def test_a_websocket_is_closed(world: World) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await world.gate({"type": "websocket", "headers": [], "path": "/mcp"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize("began", [True, False])
async def test_a_stream_ends_once_its_key_is_revoked(
    world: World, monkeypatch: pytest.MonkeyPatch, *, began: bool
) -> None:
    monkeypatch.setattr(active, "LOOK_S", 0.001)
    streaming = asyncio.Event()

    async def stream(_: Scope, __: Receive, send: Send) -> None:
        if began:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        streaming.set()
        await asyncio.Event().wait()

    world.gate._application = stream
    asking = asyncio.create_task(world.ask("/api/events", [bearer(world.add("laptop"))]))
    async with asyncio.timeout(BOUND_S):
        await streaming.wait()
        keys.revoke(Places(world.settings), "laptop", 5.0)
        answer = await asking
    assert answer.status == (200 if began else 401)


async def test_a_request_that_is_cancelled_by_others_is_cancelled(world: World) -> None:
    streaming = asyncio.Event()

    async def stream(_: Scope, __: Receive, ___: Send) -> None:
        streaming.set()
        await asyncio.Event().wait()

    world.gate._application = stream
    asking = asyncio.create_task(world.ask("/api/events", [bearer(world.add("laptop"))]))
    async with asyncio.timeout(BOUND_S):
        await streaming.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_a_browser_that_nobody_signed_in_gets_a_page_and_a_program_a_problem(world: World) -> None:
    answer = await world.ask("/nothing", [("accept", "text/html,*/*;q=0.8")])
    assert (answer.status, answer.header("content-type")) == (401, "text/html; charset=utf-8")
    assert b"memmux web" in answer.body
    answer = await world.ask("/nothing", [("accept", "*/*")])
    assert (answer.status, orjson.loads(answer.body)["code"]) == (401, "key_refused")
