"""HTTP while gateways and routers come and go: nothing is refused, and no session is forgotten."""

from __future__ import annotations

import json
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.wire.answers import Status
from tests.bounds import BOUND_S
from tests.import_path import python_path
from tests.integration.helpers import gone, status_until
from tests.integration.http_guest import Guest, Pestering, served, token_of, until_served
from tests.integration.machines import memmux
from tests.ports import free_port

TIMES = 5
CUT = {"ConnectionResetError", "RemoteDisconnected", "IncompleteRead", "BrokenPipeError", "BadStatusLine"}


@pytest.fixture
def http_env(settings_env: dict[str, str]) -> dict[str, str]:
    settings_env["MEMMUX_HTTP"] = f"127.0.0.1:{free_port()}"
    return settings_env


@pytest.fixture
def guest(http_env: dict[str, str]) -> Guest:
    token = token_of(http_env, "guest")
    status = until_served(http_env)
    return Guest(int(status.http.rpartition(":")[2]), token)


@pytest.fixture
def settings(http_env: dict[str, str]) -> Settings:
    return load(environment=http_env)


def _keeping(guest: Guest, kept: list[HTTPConnection]) -> Callable[[], int]:
    """What asks over one connection for as long as that is kept.

    A server may close one on which nothing is asked for a while (RFC 9112, 9.3.1): over one that was used before a
    client asks once more, as this one does where it stood still for longer than the server waits.
    """

    def ask() -> int:
        used = bool(kept)
        if not used:
            kept.append(HTTPConnection("127.0.0.1", guest.port, timeout=BOUND_S))
        try:
            status, headers, _ = guest.ask("GET", "/api/health/detailed", over=kept[0])
        except (OSError, HTTPException) as error:
            kept.pop().close()
            if used and isinstance(error, ConnectionError):
                return ask()
            raise
        if headers.get("connection") == "close":
            kept.pop().close()
        return status

    return ask


def _in_session(guest: Guest) -> Callable[[], int]:
    """What calls a tool in a session that was begun before."""
    guest.initialize()

    def call() -> int:
        answer = guest.tool("memory_health")
        return answer if isinstance(answer, int) else 200

    return call


@contextmanager
def _pestering(guest: Guest) -> Iterator[Pestering]:
    def anew() -> int:
        return guest.ask("GET", "/api/health/detailed")[0]

    kept: list[HTTPConnection] = []
    with Pestering([anew, anew, _keeping(guest, kept), _in_session(guest)]) as pestering:
        yield pestering
    for connection in kept:
        connection.close()


def _another(before: int) -> Callable[[Status], bool]:
    return lambda status: served(status) and status.gateway is not None and status.gateway["pid"] != before


def _gateway(status: Status) -> int:
    assert status.gateway is not None
    return int(status.gateway["pid"])


def _stored(client: Client) -> int:
    """How many changes there were; that a memory had its vector later is none of them."""
    return len(client.changes(after=0).changes)


def test_upgrades_lose_no_request_over_http(http_env: dict[str, str], settings: Settings, guest: Guest) -> None:
    with _pestering(guest) as pestering:
        for _ in range(TIMES):
            with Client(settings=settings, name="test") as client:
                before = _gateway(status_until(client, served))
            ended = memmux(http_env, "restart", "--json")
            assert ended.returncode == 0, ended.stderr
            with Client(settings=settings, name="test") as client:
                status_until(client, _another(before))
            gone([before])
    assert not pestering.broken, pestering
    assert set(pestering.answers) == {200}
    assert pestering.answers[200] > TIMES


@pytest.mark.spawned
def test_a_request_that_takes_longer_than_a_hand_over_may_is_answered_by_the_successor(
    http_env: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the first cluster knows the fault, which makes a search endless.
    token = token_of(http_env, "guest")
    monkeypatch.setenv("PYTHONPATH", python_path(Path(__file__).parents[1] / "faults"))
    guest = Guest(int(until_served(http_env).http.rpartition(":")[2]), token)
    with ThreadPoolExecutor(1) as pool, Client(settings=settings, name="test") as client:
        searching = pool.submit(guest.ask, "POST", "/api/search", {"query": "fault:slow text"})
        status_until(client, lambda status: any(one["in_flight"] for one in status.workers))
        ended = memmux(http_env, "restart", "--json")
        assert ended.returncode == 0, ended.stderr
        assert searching.result(BOUND_S)[0] == 200


def test_gateways_that_are_killed_refuse_no_connection_and_forget_no_session(settings: Settings, guest: Guest) -> None:
    with _pestering(guest) as pestering, Client(settings=settings, name="test") as client:
        for _ in range(TIMES):
            before = _gateway(status_until(client, served))
            os.kill(before, signal.SIGKILL)
            status_until(client, _another(before))
            assert guest.ask("GET", "/api/health")[0] == 200
    assert set(pestering.broken) <= CUT, "who asks again is answered"
    assert set(pestering.answers) <= {200, 503}
    assert pestering.answers[200] > TIMES


def test_a_write_that_is_sent_again_after_a_kill_is_applied_once(settings: Settings, guest: Guest) -> None:
    guest.initialize()
    first = guest.tool("memory_store", 77, content="What is sent twice is kept once.")
    with Client(settings=settings, name="test") as client:
        before = _gateway(status_until(client, served))
        os.kill(before, signal.SIGKILL)
        status_until(client, _another(before))
        again = guest.tool("memory_store", 77, content="What is sent twice is kept once.")
        assert again["id"] == first["id"]
        assert again["status"] == first["status"] == "created"
        assert _stored(client) == 1
        other = guest.tool("memory_store", 77, content="Another one under the same number.")
        assert other["id"] != first["id"]


def test_without_sessions_a_write_is_known_by_its_key_or_by_an_id_that_nobody_else_has(
    settings: Settings, guest: Guest
) -> None:
    content = "What is sent twice without a session is kept once."
    ids = (5, str(uuid.uuid4()))
    with Client(settings=settings, name="test") as client:
        keyed = guest.tool_alone("memory_store", 4, "retry-1", content=content)
        by_id = guest.tool_alone("memory_store", ids[1], content=f"{content} By its id.")
        before = _gateway(status_until(client, served))
        os.kill(before, signal.SIGKILL)
        status_until(client, _another(before))
        again = guest.tool_alone("memory_store", 9, "retry-1", content=content)
        assert (again["id"], again["status"]) == (keyed["id"], "created")
        again = guest.tool_alone("memory_store", ids[1], content=f"{content} By its id.")
        assert (again["id"], again["status"]) == (by_id["id"], "created")
        assert _stored(client) == 2
        # A number is used by every client anew: what it says counts, and not the answer to somebody else.
        counted = guest.tool_alone("memory_store", ids[0], content=f"{content} By its number.")
        client.delete(counted["id"])
        assert guest.tool_alone("memory_store", ids[0], content=f"{content} By its number.")["id"] != counted["id"]


def test_a_key_of_a_write_without_a_session_is_the_callers_own_and_means_one_write(
    http_env: dict[str, str], guest: Guest
) -> None:
    other = Guest(guest.port, token_of(http_env, "other"))
    first = guest.tool_alone("memory_store", 1, "mine", content="The first of mine.")
    assert other.tool_alone("memory_store", 1, "mine", content="The first of the other.")["id"] != first["id"]
    assert guest.tool_alone("memory_store", 1, "k" * 300, content="Too long a key.") == 422


def test_an_upload_of_a_gateway_that_is_killed_leaves_no_file(http_env: dict[str, str], tmp_path: Path) -> None:
    http_env["TMPDIR"] = str(tmp_path)
    token = token_of(http_env, "guest")
    assert memmux(http_env, "store", "The cluster has the environment of who starts it.").returncode == 0
    status = until_served(http_env)
    at = "127.0.0.1", int(status.http.rpartition(":")[2])
    head = f"POST /api/ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {token}\r\nContent-Length: 9000000\r\n\r\n"
    with Client(settings=load(environment=http_env), name="test", start=False) as client, ExitStack() as senders:
        sender: socket.socket | None = None

        def uploading(_: Status) -> bool:
            nonlocal sender
            try:
                if sender is None:
                    sender = senders.enter_context(socket.create_connection(at, BOUND_S))
                    sender.sendall(head.encode() + b"some words " * 200_000)
                sender.sendall(b"some words " * 100)
            except ConnectionError:  # nothing came for longer than the gateway waits, as we stood still
                sender = None
            return any(tmp_path.glob("memmux-upload-*/file"))

        status_until(client, uploading)
        os.kill(_gateway(status), signal.SIGKILL)
        status_until(client, _another(_gateway(status)))
        assert not list(tmp_path.glob("memmux-upload-*"))


def test_an_upload_that_a_planned_restart_ends_is_told(http_env: dict[str, str], guest: Guest) -> None:
    entity = '{{"type": "entity", "name": "Thing {0}", "entityType": "thing", "observations": ["It is number {0}"]}}'
    lines = "\n".join(entity.format(number) for number in range(200_000))
    with guest.connected() as connection:
        about = {"Authorization": f"Bearer {token_of(http_env, 'bringer', '--role', 'admin')}"}
        connection.request("POST", "/api/import", lines.encode(), about)
        answer = connection.getresponse()
        assert answer.status == 200
        assert memmux(http_env, "restart").returncode == 0
        last = json.loads(answer.read().splitlines()[-1])
    assert last["error"]["code"] == "draining"
