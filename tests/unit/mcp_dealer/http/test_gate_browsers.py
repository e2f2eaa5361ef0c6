"""What a browser gets: by the cookie of its owner, by a page of others, by a name of others."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from mcp_dealer.http.credentials import COOKIE_S, Credentials
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.trust.signing import Signer
from tests.unit.mcp_dealer.http.gate_world import HOST, OWN, Headers, World, bearer

pytestmark = pytest.mark.anyio


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
    assert (await world.ask(headers=[world.cookie(), same])).body == b"web admin"
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
