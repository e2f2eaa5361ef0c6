"""Who comes through the gate, and what the others are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from mcp_dealer.http import active
from mcp_dealer.http.clients import Clients
from mcp_dealer.http.credentials import COOKIE_S, Credentials
from mcp_dealer.http.gate import Gate, Message, Receive, Scope, Send
from mcp_dealer.http.tries import WITHIN_S, WRONG_MOST
from memmux.config.mms_variables import API_KEY
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs import log
from memmux.trust import keys, tokens
from memmux.trust.key import Key
from memmux.trust.signing import Signer
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from tests.bounds import BOUND_S

pytestmark = pytest.mark.anyio
Headers = Sequence[tuple[str, str]]
HOST = ("host", "127.0.0.1:8765")
OWN = ("origin", "http://127.0.0.1:8765")
THEIRS = "the-key-of-mcp-memory-service"


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        found = [value for known, value in self.headers if known == name]
        assert len(found) < 2
        return found[0] if found else None


@dataclass
class World:
    """A gate before an application that says who asks, and the clocks of both."""

    settings: Settings
    gate: Gate
    credentials: Credentials
    clock: list[float]
    wall: list[float]
    asked: list[Scope] = field(default_factory=list)

    def add(self, name: str, role: Role = Role.WRITE, expires: float | None = None) -> str:
        token = tokens.make()
        key = Key(grant=Grant(name=name, role=role), token=tokens.digest(token), created=1.0, expires=expires)
        keys.add(Places(self.settings), key)
        return token

    def cookie(self) -> tuple[str, str]:
        return "cookie", f"{self.credentials.cookie_name(secure=False)}={self.credentials.cookie()}"

    async def ask(
        self, path: str = "/api/memories", headers: Headers = (), method: str = "GET", **scope: Any
    ) -> Answer:
        given = headers if any(name == "host" for name, _ in headers) else (HOST, *headers)
        path, _, query = path.partition("?")
        answer = Answer()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            else:
                answer.body += message.get("body", b"")

        async def receive() -> Message:
            return {"type": "http.request"}

        whole: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given],
            "scheme": "http",
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 8765),
            **scope,
        }
        await self.gate(whole, receive, send)
        return answer


async def _application(scope: Scope, _: Receive, send: Send) -> None:
    caller = scope["state"]["caller"]
    body = b"nobody" if caller is None else f"{caller.name} {caller.grant.role} {caller.by_cookie}".encode()
    headers = [(b"content-type", b"text/plain"), (b"Server", b"x"), (b"Access-Control-Allow-Origin", b"*")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def world(settings: Settings) -> World:
    clients, clock, wall = Clients(settings, None), [0.0], [1000.0]
    credentials = Credentials(settings, {API_KEY: THEIRS}, lambda: wall[0])
    gate = Gate(_application, credentials, clients, hosts=("Memory.example",), clock=lambda: clock[0])
    return World(settings, gate, credentials, clock, wall)


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


async def test_a_token_comes_in_by_either_field(world: World) -> None:
    token = world.add("laptop")
    for header in (bearer(token), ("authorization", f"bearer  {token} "), ("x-api-key", token)):
        assert (await world.ask(headers=[header])).body == b"laptop write False"
    assert (await world.ask(headers=[bearer(token), ("x-api-key", token)])).status == 200


async def test_the_key_of_mcp_memory_service_may_write(world: World) -> None:
    assert (await world.ask(headers=[("x-api-key", THEIRS)])).body == b"api-key write False"


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


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8765",
        "127.0.0.1@evil.example",
        "127.0.0.1:8765, evil.example",
        "127.0.0.2",
        "10.0.0.5:8765",
        "[::2]",
        "",
        " ",
        "memory.example.evil",
        "xn--lclhost-hya",
    ],
)
async def test_a_request_by_a_name_of_others_is_misdirected_whatever_it_brings(world: World, host: str) -> None:
    token = world.add("laptop")
    for path in ("/api/memories", "/", "/api/health", "/login"):
        answer = await world.ask(path, [("host", host), bearer(token), world.cookie()])
        assert answer.status == 421, path


async def test_two_hosts_are_none(world: World) -> None:
    assert (await world.ask("/", [HOST, ("host", "localhost")])).status == 421


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8765", "memory.example", "localhost."]
)
async def test_its_own_names_are_known(world: World, host: str) -> None:
    assert (await world.ask("/", [("host", host)])).status == 200


async def test_the_address_that_was_reached_is_one_of_its_names(world: World) -> None:
    assert (await world.ask("/", [("host", "10.0.0.5:8765")], server=("10.0.0.5", 8765))).status == 200
    assert (await world.ask("/", [("host", "[fe80::1]")], server=("fe80::1", 8765))).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1:3000",
        "http://127.0.0.1",
        "http://localhost:8765",
        "https://127.0.0.1:8765",
        "http://127.0.0.1:8765.evil.example",
        "http://127.0.0.1:8765/",
        "file://",
    ],
)
async def test_a_page_of_another_origin_is_refused_whatever_it_brings(world: World, origin: str) -> None:
    token = world.add("laptop")
    for path in ("/api/memories", "/mcp", "/api/health"):
        for method in ("GET", "POST"):
            answer = await world.ask(path, [("origin", origin), bearer(token), world.cookie()], method)
            assert answer.status == 403
            assert orjson.loads(answer.body)["code"] == "origin_refused"
            assert answer.header("access-control-allow-origin") is None
    assert (await world.ask(headers=[OWN, ("origin", origin), bearer(token)])).status == 403


async def test_no_page_may_ask_beforehand(world: World) -> None:
    for headers in ([OWN, ("access-control-request-method", "POST")], [("access-control-request-method", "GET")]):
        assert (await world.ask(headers=headers, method="OPTIONS")).status == 403


async def test_the_cookie_is_the_owners(world: World) -> None:
    same = ("sec-fetch-site", "same-origin")
    assert (await world.ask(headers=[world.cookie(), same])).body == b"web admin True"
    assert (await world.ask(headers=[world.cookie(), same, OWN], method="POST")).status == 200
    assert (await world.ask(headers=[world.cookie(), ("sec-fetch-site", "none")])).status == 200


@pytest.mark.parametrize("site", ["same-site", "cross-site", "none, same-origin", "", "SAME-ORIGIN"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_page_of_another_port_gets_nothing_by_the_cookie(world: World, site: str, method: str) -> None:
    answer = await world.ask(headers=[world.cookie(), ("sec-fetch-site", site)], method=method)
    assert answer.status == 403


@pytest.mark.parametrize("headers", [[], [("sec-fetch-site", "none")]])
async def test_without_a_word_of_its_origin_the_cookie_changes_nothing(world: World, headers: Headers) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await world.ask(headers=[world.cookie(), *headers], method=method)).status == 403
    assert (await world.ask(headers=[world.cookie(), OWN], method="POST")).status == 200


async def test_two_cookies_are_none(world: World) -> None:
    name, value = world.cookie()
    same = ("sec-fetch-site", "same-origin")
    assert (await world.ask(headers=[(name, value), (name, value), same])).status == 401
    assert (await world.ask(headers=[(name, f"{value}; {value}"), same])).status == 401
    assert (await world.ask(headers=[(name, f"{value.replace('=', '=x')}; {value}"), same])).status == 401
    assert (await world.ask(headers=[(name, f"other=1; {value}"), same])).status == 200


async def test_a_wrong_token_is_not_made_good_by_a_cookie(world: World) -> None:
    same = ("sec-fetch-site", "same-origin")
    assert (await world.ask(headers=[world.cookie(), same, bearer("wrong")])).status == 401


async def test_a_cookie_ends_by_its_time_and_by_a_logout_everywhere(world: World) -> None:
    cookie, same = world.cookie(), ("sec-fetch-site", "same-origin")
    world.wall[0] += COOKIE_S - 1
    assert (await world.ask(headers=[cookie, same])).status == 200
    world.wall[0] += 1
    assert (await world.ask(headers=[cookie, same])).status == 401
    cookie = world.cookie()
    Signer(Places(world.settings)).renew()
    assert (await world.ask(headers=[cookie, same])).status == 401
    assert (await world.ask(headers=[world.cookie(), same])).status == 200


def test_clusters_of_one_host_have_cookies_of_different_names(settings: Settings, tmp_path: Any) -> None:
    other = Credentials(Settings(database=tmp_path / "other.db"), {})
    assert Credentials(settings, {}).cookie_name(secure=False) != other.cookie_name(secure=False)
    assert other.cookie_name(secure=True).startswith("__Host-")


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
    assert (await world.ask("/api/health", [bearer(world.add("laptop"))])).body == b"laptop write False"


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
    Places(world.settings).keys.chmod(0o644)
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
        gate = Gate(_application, credentials, clients, hosts=("memory.example",), behind_proxy=behind_proxy)
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
