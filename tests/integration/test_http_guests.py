"""Guests over HTTP who want too much, or leave without a word: the relays beside them are served as ever."""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.wire.answers import Status
from tests import certificate
from tests.bounds import BOUND_S
from tests.integration.helpers import status_until
from tests.integration.http_guest import ACCEPT, Guest, served, token_of, until_served
from tests.integration.machines import memmux
from tests.integration.relay_host import RelayHost
from tests.ports import free_port

MANY = 1000
LIMIT = 2048  # of descriptors, for the cluster


@pytest.fixture
def http_env(settings_env: dict[str, str]) -> dict[str, str]:
    settings_env["MEMMUX_HTTP"] = f"127.0.0.1:{free_port()}"
    return settings_env


@pytest.fixture
def settings(http_env: dict[str, str]) -> Settings:
    return load(environment=http_env)


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """This process may open as many files as it needs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < LIMIT:
        pytest.skip("this process may open too few files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], LIMIT), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _figures(status: Status) -> dict[str, int]:
    return dict((status.gateway or {}).get("http") or {})


def _port(env: dict[str, str]) -> int:
    return int(env["MEMMUX_HTTP"].rpartition(":")[2])


@pytest.mark.usefixtures("many_descriptors")
def test_a_thousand_connections_are_refused_politely_and_relays_are_served_as_ever(
    http_env: dict[str, str], settings: Settings
) -> None:
    token = token_of(http_env, "guest")
    limited = [sys.executable, "-P", "-c", _LIMITED, str(LIMIT), "store", "Before the strangers."]
    subprocess.run(limited, env=http_env, check=True, stdout=subprocess.DEVNULL)  # it starts the cluster
    with Client(settings=settings, name="test", start=False) as client, ExitStack() as open_ones:
        status_until(client, served)
        guests = []
        for _ in range(MANY):
            guest = socket.create_connection(("127.0.0.1", _port(http_env)), timeout=BOUND_S)
            guests.append(open_ones.enter_context(guest))
        status = status_until(client, lambda status: _figures(status).get("refused", 0) > 0)
        assert _figures(status)["connections"] <= LIMIT // 4
        assert _somebody_hears(guests, b"HTTP/1.1 503")
        with RelayHost(http_env, "host") as host:
            host.call(1, "memory_store", content="Said while strangers held every connection.")
            assert not host.result(1).get("isError")
        open_ones.close()
        status_until(client, lambda status: _figures(status)["connections"] == 0)
        assert Guest(_port(http_env), token).ask("GET", "/api/health/detailed")[0] == 200


def _somebody_hears(guests: Iterable[socket.socket], beginning: bytes) -> bool:
    """Return whether somebody is told what begins so; who was cut in between, or told anything else, is passed over."""
    with selectors.DefaultSelector() as waiting:
        for guest in guests:
            waiting.register(guest, selectors.EVENT_READ)
        while ready := waiting.select(BOUND_S):
            for key, _ in ready:
                guest = waiting.unregister(key.fileobj).fileobj  # type: ignore[assignment]  # as they were registered
                with suppress(ConnectionResetError):
                    if guest.recv(len(beginning)) == beginning:
                        return True
    return False


_LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
sys.argv = ["memmux", *sys.argv[2:]]
runpy.run_module("memmux", run_name="__main__", alter_sys=True)
"""


def test_a_stream_whose_client_vanishes_is_forgotten(http_env: dict[str, str], settings: Settings) -> None:
    guest = Guest(_port(http_env), token_of(http_env, "guest"))
    until_served(http_env)
    guest.initialize()
    with Client(settings=settings, name="test", start=False) as client:
        with guest.connected() as connection:
            headers = {"Authorization": f"Bearer {guest.token}", "Accept": ACCEPT, "Mcp-Session-Id": guest.session}
            connection.request("GET", "/mcp", headers=headers)
            assert connection.getresponse().status == 200
            status_until(client, lambda status: _figures(status).get("streams") == 1)
            assert connection.sock is not None
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        status_until(client, lambda status: _figures(status)["streams"] == 0)
        assert isinstance(guest.tool("memory_health"), dict), "its session goes on"


def test_no_session_is_one_that_was_ended_or_is_somebody_elses(http_env: dict[str, str]) -> None:
    mine, other = (Guest(_port(http_env), token_of(http_env, name)) for name in ("mine", "other"))
    until_served(http_env)
    mine.initialize()
    other.session = mine.session
    assert other.tool("memory_health") == 404
    forged = Guest(mine.port, mine.token, session=mine.session[:-2] + "AA")
    assert forged.tool("memory_health") == 404
    assert isinstance(mine.tool("memory_health"), dict)
    assert mine.ask("DELETE", "/mcp", Mcp_Session_Id=mine.session)[0] == 200
    assert mine.tool("memory_health") == 404
    assert Guest(mine.port, mine.token).tool("memory_health") == 400


def test_oauth_is_not_advertised(http_env: dict[str, str]) -> None:
    guest = Guest(_port(http_env), token_of(http_env, "guest"))
    until_served(http_env)
    for path in ("oauth-protected-resource", "oauth-protected-resource/mcp", "oauth-authorization-server"):
        for token in (guest.token, "wrong"):
            assert Guest(guest.port, token).ask("GET", f"/.well-known/{path}")[0] == 404
    status, headers, _ = Guest(guest.port, "wrong").ask("POST", "/mcp", {})
    assert (status, headers["www-authenticate"]) == (401, "Bearer")


def test_over_tls_it_is_spoken_as_over_none(http_env: dict[str, str], tmp_path: Path) -> None:
    pem = certificate.make(tmp_path)
    http_env |= {"MEMMUX_TLS_CERT": str(pem), "MEMMUX_TLS_KEY": str(pem)}
    token = token_of(http_env, "guest")
    assert until_served(http_env).http == f"https://{http_env['MEMMUX_HTTP']}"
    trusted = ssl.create_default_context(cafile=str(pem))
    connection = HTTPSConnection("localhost", _port(http_env), timeout=BOUND_S, context=trusted)
    connection.request("GET", "/api/health/detailed", headers={"Authorization": f"Bearer {token}"})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("wrong", ["missing", "another's", "expired"])
def test_a_certificate_that_is_no_good_any_more_stops_nothing_but_http_until_it_is_replaced(
    http_env: dict[str, str], settings: Settings, tmp_path: Path, wrong: str
) -> None:
    pem, bad = certificate.make(tmp_path), certificate.make_expired(tmp_path)
    cert, key = tmp_path / "served.pem", tmp_path / "served.key"
    cert.write_bytes(pem.read_bytes())
    key.write_bytes(pem.read_bytes())
    http_env |= {"MEMMUX_TLS_CERT": str(cert), "MEMMUX_TLS_KEY": str(key)}
    gateway = until_served(http_env).gateway
    assert gateway is not None
    if wrong == "missing":
        key.unlink()
    else:
        key.write_bytes(bad.read_bytes())
    if wrong == "expired":
        cert.write_bytes(bad.read_bytes())
    os.kill(gateway["pid"], signal.SIGKILL)
    with Client(settings=settings, name="test", start=False) as client:
        status = status_until(client, lambda status: "http_unavailable" in status.degraded)
        assert status.http == ""
        assert (status.gateway or {})["state"] == "ready"
        assert str(cert if wrong == "expired" else key) in _told(status)
        assert status.over_http().startswith("not served: ")
        with RelayHost(http_env, "host") as host:
            host.call(1, "memory_store", content="Said while nobody could come over HTTP.")
            assert not host.result(1).get("isError")
        with socket.create_connection(("127.0.0.1", _port(http_env)), timeout=BOUND_S) as guest:
            assert not _rest_of(guest), "who comes is turned away and does not hang"
        told = memmux(http_env, "web", "--no-open", "--json")
        assert told.returncode != 0
        assert _told(status) in json.loads(told.stderr)["error"]["message"]
        cert.write_bytes(pem.read_bytes())
        key.write_bytes(pem.read_bytes())
        status = status_until(client, lambda status: served(status) and "http_unavailable" not in status.degraded)
        assert status.http.startswith("https://")


def test_who_asks_over_http_is_shown_by_application_and_address(http_env: dict[str, str], settings: Settings) -> None:
    token = token_of(http_env, "laptop")
    until_served(http_env)
    guest = Guest(_port(http_env), token)
    for agent in ("curl/8.5.0", "hooks/1.0 (node)"):
        assert guest.ask("GET", "/api/health/detailed", User_Agent=agent)[0] == 200
    guest.initialize()
    assert isinstance(guest.tool("memory_health"), dict)
    with Client(settings=settings, name="test", start=False) as client:
        shown = {(one["name"], one["process"]) for one in map(Status.of_host, client.status().clients)}
    assert {
        ("laptop/http", "curl/8.5.0 at 127.0.0.1"),
        ("laptop/http", "hooks/1.0 at 127.0.0.1"),
        ("laptop/by-hand", "by-hand 1 at 127.0.0.1"),
        ("test", str(os.getpid())),
    } <= shown
    assert "curl/8.5.0 at 127.0.0.1" in memmux(http_env, "status").stdout


def test_a_renewed_certificate_is_served_by_the_same_gateway_and_one_that_is_no_good_is_said(
    http_env: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    first, served_pem = certificate.make(tmp_path), tmp_path / "served.pem"
    served_pem.write_bytes(first.read_bytes())
    http_env |= {"MEMMUX_TLS_CERT": str(served_pem), "MEMMUX_TLS_KEY": str(served_pem)}
    before = until_served(http_env)
    assert _shown(http_env) in first.read_text()
    (tmp_path / "renewed").mkdir()
    renewed = certificate.make(tmp_path / "renewed")
    with Client(settings=settings, name="test", start=False) as client:
        served_pem.write_text("cut off")
        status = status_until(client, lambda status: "certificate_renewal_due" in status.degraded)
        assert str(served_pem) in status.over_http()
        assert _shown(http_env) in first.read_text()
        served_pem.write_bytes(renewed.read_bytes())
        status = status_until(client, lambda status: "certificate_renewal_due" not in status.degraded)
        assert _shown(http_env) in renewed.read_text()
        assert (status.gateway or {})["pid"] == (before.gateway or {})["pid"]


def _shown(env: dict[str, str]) -> str:
    return ssl.get_server_certificate(("127.0.0.1", _port(env))).strip()


def _told(status: Status) -> str:
    return str(dict((status.gateway or {}).get("http") or {}).get("error", ""))


def _rest_of(guest: socket.socket) -> bytes:
    """What is said until the connection is closed, or cut."""
    with suppress(ConnectionResetError):
        return guest.recv(1)
    return b""


@pytest.mark.parametrize(
    ("more", "code", "remedy"),
    [
        ({"MEMMUX_HTTP": "0.0.0.0:0"}, "setting_invalid", "--behind-proxy"),
        ({"MEMMUX_TLS_CERT": "/nowhere.pem"}, "setting_invalid", "belong together"),
    ],
)
def test_what_would_not_be_safe_does_not_start(
    http_env: dict[str, str], more: dict[str, str], code: str, remedy: str
) -> None:
    ended = memmux({**http_env, **more}, "store", "anything", "--json")
    assert ended.returncode != 0
    assert code in ended.stderr
    assert remedy in ended.stderr


def test_a_port_that_is_taken_stops_nothing_else_and_is_served_once_it_is_free(
    http_env: dict[str, str], settings: Settings
) -> None:
    with Client(settings=settings, name="test") as client:
        with socket.create_server(("127.0.0.1", _port(http_env))):
            status_until(client, lambda status: "http_unavailable" in status.degraded)
            assert client.store("All the same.").id
            assert client.status().http == ""
            told = memmux(http_env, "web", "--no-open", "--json")
            assert told.returncode != 0
            assert json.loads(told.stderr)["error"]["code"] == "address_unavailable"
        status = status_until(client, lambda status: served(status) and "http_unavailable" not in status.degraded)
        assert status.http == f"http://{http_env['MEMMUX_HTTP']}"


def test_the_page_opens_by_a_url_that_works_once_of_a_cluster_that_served_no_http_before(
    http_env: dict[str, str],
) -> None:
    without = {name: value for name, value in http_env.items() if name != "MEMMUX_HTTP"}
    assert memmux(without, "store", "Before there was a page.").returncode == 0
    with Client(settings=load(environment=without), name="test", start=False) as client:
        before = client.status()
        told = memmux(without, "web", "--no-open", "--json", "--http", http_env["MEMMUX_HTTP"])
        assert told.returncode == 0, told.stderr
        opened = json.loads(told.stdout)
        assert opened["http"] == f"http://{http_env['MEMMUX_HTTP']}"
        after = client.status()
        assert after.pid != before.pid
        assert after.memories == 1
        kept = {name: value for name, value in before.settings.items() if name not in ("http", "idle_exit_s")}
        assert kept.items() <= after.settings.items()
    guest = Guest(_port(http_env), "")
    path = opened["url"].removeprefix(opened["http"])
    status, headers, _ = guest.ask("GET", path)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"].partition(";")[0]
    assert guest.ask("GET", path)[0] == 403
    with guest.connected() as browser:
        same = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
        for place in ("/", "/api/memories", "/api/status"):
            browser.request("GET", place, headers=same)
            answer = browser.getresponse()
            assert answer.status == 200, (place, answer.read())
            answer.read()
