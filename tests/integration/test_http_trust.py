"""Who may ask over HTTP: through real sockets, with real clusters."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import orjson
import pytest

from memmux import Client
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import KeyRefusedError
from memmux.trust import keys, logins, tokens
from memmux.trust.key import Key
from memmux.trust.signing import Signer
from memmux.wire.grants import Grant
from memmux.wire.operations import OPERATIONS
from memmux.wire.roles import Role
from tests.bounds import BOUND_S, pause
from tests.commands import run, text
from tests.integration import reach
from tests.integration.gated import Answer, Asking, Gated, gated
from tests.integration.helpers import status_until
from tests.integration.machines import revoke_all
from tests.integration.reach import SECRET, Place

THEIRS = "the-key-of-mcp-memory-service"
STATUS = orjson.dumps({"operation": "cluster.status", "body": {}})
NewToken = Callable[..., str]


@pytest.fixture
def settings_env(shared_env: dict[str, str]) -> dict[str, str]:
    """The environment of the one cluster of these tests, whose keys are revoked after each of them."""
    return shared_env


@pytest.fixture
def server(settings: Settings) -> Iterator[Client]:
    with Client(settings=settings, name="local") as client:
        client.status()
        yield client


@pytest.fixture
def http(server: Client, settings: Settings) -> Iterator[Gated]:
    del server
    with gated(settings, {"MCP_API_KEY": THEIRS}) as served:
        yield served


@pytest.fixture
def token(settings: Settings, settings_env: dict[str, str]) -> Iterator[NewToken]:
    """Make a key that is good until the end of the test, and return its token."""

    def make(name: str, role: str = "write", *namespaces: str, expires: float | None = None, **bounds: int) -> str:
        made = tokens.make()
        grant = Grant(name=name, role=Role(role), namespaces=namespaces or None, **bounds)  # type: ignore[arg-type]
        keys.add(Places(settings), Key(grant=grant, token=tokens.digest(made), created=1.0, expires=expires))
        return made

    yield make
    revoke_all(settings_env)


@pytest.fixture
def place(server: Client) -> Place:
    furnished = Place.furnish(server, "theirs", SECRET)
    status_until(server, lambda status: status.pending == 0 and status.model is not None)
    return furnished


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def everything(place: Place) -> list[reach.Asked]:
    tables = (reach.reads, reach.writes, reach.removals, reach.by_number)
    return [*(asked for table in tables for asked in table(place)), *reach.everything(), ("cluster.status", {})]


def opened(http: Gated, settings: Settings) -> dict[str, str]:
    """Return the cookie that a one-time URL gives."""
    url = logins.new_url(settings, http.url)
    answer = http.ask(url.removeprefix(http.url))
    assert (answer.status, answer.header("location")) == (303, "/")
    return {"Cookie": str(answer.header("set-cookie")).partition(";")[0], "Sec-Fetch-Site": "same-origin"}


def until_only(server: Client, *names: str) -> None:
    """Return once the cluster has these clients, and none of an earlier test; the goodbye of one may still be read."""
    status_until(server, lambda status: sorted(client["name"] for client in status.clients) == sorted(names))


@pytest.mark.parametrize("role", ["read", "write", "admin"])
def test_a_token_for_another_namespace_tries_every_operation_and_learns_and_changes_nothing(
    server: Client, http: Gated, token: NewToken, place: Place, role: str
) -> None:
    before = reach.contents(server, "theirs")
    asking = Asking(http, token("ada", role, "own"))
    tried = 0
    for (operation, body), outcome in reach.outcomes(asking, everything(place)):  # type: ignore[arg-type]  # as a client
        learned = outcome.text if outcome.code == "ok" else ""
        assert place.kept not in learned, (operation, body, outcome)
        assert SECRET not in learned, (operation, body, outcome)
        tried += 1
    assert tried == len(everything(place))
    assert reach.contents(server, "theirs") == before


def test_a_token_that_reads_tries_every_operation_and_changes_nothing(
    server: Client, http: Gated, token: NewToken, place: Place
) -> None:
    before = reach.contents(server, "theirs")
    for (operation, body), outcome in reach.outcomes(Asking(http, token("ci", "read")), everything(place)):  # type: ignore[arg-type]  # as above
        if OPERATIONS[operation].needs == "read" and not OPERATIONS[operation].internal:
            assert outcome.code in ("ok", "not_found"), (operation, body, outcome)
        else:
            assert outcome.code in ("not_allowed", "unknown_operation"), (operation, body, outcome)
    assert reach.contents(server, "theirs") == before


def test_each_key_has_its_name_in_the_status_and_in_the_change_log(
    server: Client, http: Gated, settings: Settings, token: NewToken
) -> None:
    store = orjson.dumps({"operation": "memory.store", "body": {"content": "The kettle is from 1931."}})
    stored = http.ask("/api/ask", bearer(token("ada")), "POST", store).json()
    assert http.ask("/api/ask", {"X-API-Key": THEIRS}, "POST", STATUS).status == 200
    assert http.ask("/api/ask", opened(http, settings), "POST", STATUS).json()["database"] == str(settings.database)
    until_only(server, "local", "ada/http", "api-key/http", "web/http")
    assert [change.client for change in server.history(stored["id"])] == ["ada/http"]


def test_no_wrong_revoked_and_expired_tokens_are_told_the_same(
    http: Gated, settings: Settings, token: NewToken
) -> None:
    expired, revoked = token("late", expires=2.0), token("gone")
    keys.revoke(Places(settings), "gone", 3.0)
    tried: list[dict[str, str]] = [{}, bearer(tokens.make()), bearer(expired), bearer(revoked), {"X-API-Key": "x"}]
    answers = [http.ask("/api/ask", headers, "POST", STATUS) for headers in tried]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert {answer.header("www-authenticate") for answer in answers} == {"Bearer"}
    assert {answer.header("content-type") for answer in answers} == {"application/problem+json"}


def test_a_request_whose_key_is_revoked_ends_at_once_and_nobody_elses(
    server: Client, http: Gated, settings_env: dict[str, str], token: NewToken
) -> None:
    ada, bo = token("ada"), token("bo")
    assert http.ask("/api/ask", bearer(ada), "POST", STATUS).status == 200
    assert http.ask("/api/ask", bearer(bo), "POST", STATUS).status == 200
    until_only(server, "local", "ada/http", "bo/http")
    with http.streaming(ada) as answer:
        revoked = text(run(["key", "revoke", "ada", "--json"], settings_env))
        assert orjson.loads(revoked.stdout) == {"name": "ada", "revoked": True, "running": True}
        # The router knows when the command returns; so does the gate. The command's own session may still be there.
        assert {client["name"] for client in server.status().clients} - {"cli"} == {"local", "bo/http"}
        assert http.ask("/api/ask", bearer(ada), "POST", STATUS).status == 401
        assert http.ask("/api/ask", bearer(bo), "POST", STATUS).status == 200
        answer.read()  # to the end of the connection, which is cut


def test_a_client_of_this_machine_whose_key_expires_is_heard_until_then(
    server: Client, settings: Settings, token: NewToken
) -> None:
    token("soon", expires=time.time() + BOUND_S)
    with Named(settings, "soon") as client:
        assert client.status().clients[0]["name"] == "soon/named"
        places, expires = Places(settings), time.time() + 2.0  # longer than the router takes to look at the keys anew
        known = keys.read(places)
        sooner = tuple(replace(key, expires=expires) if key is known.named("soon") else key for key in known.all)
        keys._keep(places, sooner, known.serial + 1)
        until = time.monotonic() + BOUND_S
        while True:
            try:
                client.status()
            except KeyRefusedError as error:
                assert "expired on" in error.message  # noqa: PT017 - when it comes is not known
                assert time.time() >= expires
                break
            assert time.monotonic() < until
            pause()
    until_only(server, "local")


class Named(Client):
    """A client of this machine that names a key."""

    def __init__(self, settings: Settings, key: str) -> None:
        super().__init__(settings=settings, name="named")
        self._session._hello = {**self._session._hello, "key": key}


def test_a_key_that_is_not_known_is_refused_to_a_client_of_this_machine(server: Client, settings: Settings) -> None:
    del server
    with Named(settings, "nobody") as client, pytest.raises(KeyRefusedError, match="'nobody' is unknown"):
        client.status()


def test_the_bounds_of_a_key_hold_for_all_of_its_requests(http: Gated, token: NewToken) -> None:
    ada = token("ada", "write", "bounded", memories=1)
    store = [
        orjson.dumps({"operation": "memory.store", "body": {"content": content, "namespace": "bounded"}})
        for content in ("first", "second")
    ]
    assert http.ask("/api/ask", bearer(ada), "POST", store[0]).status == 200
    assert http.ask("/api/ask", bearer(ada), "POST", store[1]).json()["code"] == "quota_exceeded"


def test_a_login_url_opens_the_page_once(http: Gated, settings: Settings) -> None:
    url = logins.new_url(settings, http.url).removeprefix(http.url)
    first, second = http.ask(url), http.ask(url)
    assert first.status == 303
    said = str(first.header("set-cookie"))
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(said.split("; "))
    assert Places(settings).digest in said.partition("=")[0]
    assert second.status == 403
    assert b"memmux web" in second.body
    assert second.header("set-cookie") is None
    assert http.ask(url, method="HEAD").status == 403


def test_a_login_url_that_was_used_leads_whoever_is_logged_in_to_the_page(http: Gated, settings: Settings) -> None:
    cookie = opened(http, settings)
    for path in ("/login?code=used", "/login"):
        again = http.ask(path, cookie)
        assert (again.status, again.header("location"), again.header("set-cookie")) == (303, "/", None)
    name = cookie["Cookie"].partition("=")[0]
    refused = http.ask("/login?code=used", {"Cookie": f"{name}=forged"})
    assert refused.status == 403
    assert "default-src 'self'" in str(refused.header("content-security-policy"))
    assert refused.header("cache-control") == "no-store"


def test_to_look_at_a_login_url_does_not_use_it(http: Gated, settings: Settings) -> None:
    url = logins.new_url(settings, http.url).removeprefix(http.url)
    assert http.ask(url, method="HEAD").status == 403
    assert http.ask(url, {"Host": "evil.example"}).status == 421
    assert http.ask(url, {"Origin": "http://evil.example"}).status == 403
    assert http.ask(url).status == 303


def test_a_page_of_another_local_port_does_nothing_with_the_cookie(
    server: Client, http: Gated, settings: Settings
) -> None:
    cookie = opened(http, settings)
    delete = orjson.dumps({"operation": "memory.store", "body": {"content": "forged"}})
    for said in (
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ):
        assert http.ask("/api/ask", {**cookie, **said}, "POST", delete).status == 403
        assert http.ask("/api/stream", {**cookie, **said}).status == 403
    assert http.ask("/api/ask", {"Cookie": cookie["Cookie"]}, "POST", delete).status == 403
    assert "forged" not in [memory.content for memory in server.list(limit=1000)]


def test_a_name_that_leads_here_for_a_moment_gets_nothing(http: Gated, settings: Settings, token: NewToken) -> None:
    cookie, ada = opened(http, settings), token("ada")
    for host in ("evil.example", f"evil.example:{http.port}", "127.0.0.1.nip.example"):
        for headers in (cookie, bearer(ada), {}):
            assert http.ask("/api/ask", {**headers, "Host": host}, "POST", STATUS).status == 421
            assert http.ask("/", {**headers, "Host": host}).status == 421


def _smuggled(ada: str) -> list[bytes]:
    own, other = ada.encode(), tokens.make().encode()
    return [
        b"Authorization: Bearer " + own + b"\r\nAuthorization: Bearer " + other,
        b"Authorization: Bearer " + other + b"\r\nauthorization: Bearer " + own,
        b"X-API-Key: " + own + b"\r\nX-API-Key: " + own,
        b"Authorization: Bearer " + own + b"\r\nX-API-Key: " + other,
        b"Authorization: Bearer " + own + b"\xff",
        b"Authorization: Bearer\xc2\xa0" + own,
        b"Authorization : Bearer " + own,
        b" Authorization: Bearer " + own,
        b"X: y\nAuthorization: Bearer",
        b"Cookie: a=b\r\nCookie: c=d",
    ]


def test_no_header_that_is_smuggled_in_lets_anybody_in(http: Gated, token: NewToken) -> None:
    for header in _smuggled(token("ada")):
        answer = http.raw(
            b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + header + b"\r\n\r\n"
        )
        status = re.match(rb"HTTP/1\.1 (\d+)", answer)
        assert status is not None, header
        assert status[1] in (b"400", b"401"), (header, answer)
    for hosts in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
        answer = http.raw(b"GET / HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
        assert re.match(rb"HTTP/1\.1 (400|421)", answer), answer


def test_a_logout_forgets_the_browsers_cookie_and_one_everywhere_ends_all(http: Gated, settings: Settings) -> None:
    cookie = opened(http, settings)
    left: Answer = http.ask("/logout", {**cookie, "Origin": http.url}, "POST")
    assert left.status == 204
    assert "Max-Age=0" in str(left.header("set-cookie"))
    assert http.ask("/logout", method="POST").status == 401
    assert http.ask("/api/ask", cookie, "POST", STATUS).status == 200  # a copy; all of them end so:
    Signer(Places(settings)).renew()
    assert http.ask("/api/ask", cookie, "POST", STATUS).status == 401


def test_health_without_a_token_is_open_and_nothing_else_is(http: Gated) -> None:
    assert http.ask("/api/health").body == b"open"
    assert http.ask("/api/stream").status == 401
    assert http.ask("/api/nothing").status == 401
