"""The blocking client, against a scripted ROUTER over a real socket."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest

import memmux.client.connection
from memmux import Client, errors
from memmux.client import back_off, silence
from memmux.client.calls import RequestOutcome
from memmux.cluster import endpoint
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, OverloadedError, UnknownSessionError
from memmux.wire.protocol import Header, Kind, Message, encode
from tests.unit.memmux.client.answers import ANSWERS, answer_all
from tests.unit.memmux.client.peer import BOUND_S, Peer, Script, error, result

pytestmark = pytest.mark.usefixtures("patient")


def refused_once(failure: MemmuxError) -> Script:
    refusals = [failure]

    def script(message: Message) -> Iterable[list[bytes]]:
        return [error(message, refusals.pop())] if refusals else answer_all(message)

    return script


@pytest.mark.parametrize("failure", [OverloadedError(retry_after_ms=1), UnknownSessionError()])
def test_refused_write_is_sent_again_with_its_id_and_key(settings: Settings, failure: MemmuxError) -> None:
    with Peer(settings, refused_once(failure)) as peer, Client(settings=settings, start=False) as client:
        assert client.store("c").id == "i"
        first, second = peer.request().header, peer.request().header
    assert (first.id, first.key) == (second.id, second.key)


def test_observer_is_told_of_each_request_that_has_ended(settings: Settings) -> None:
    def script(message: Message) -> list[list[bytes]]:
        if message.header.operation == "memory.delete":
            return [error(message, errors.NotFoundError())]
        return [result(message, ANSWERS[message.header.operation])]

    told: list[RequestOutcome] = []
    with Peer(settings, script), Client(settings=settings, on_answer=told.append) as client:
        client.get("i")
        with pytest.raises(errors.NotFoundError):
            client.delete("i")
    with Client(settings=settings, on_answer=told.append, start=False) as client, pytest.raises(MemmuxError):
        client.get("i")
    assert [(asked.operation, asked.outcome) for asked in told] == [
        ("memory.get", "ok"),
        ("memory.delete", "not_found"),
        ("memory.get", "cluster_unreachable"),
    ]
    assert len({asked.id for asked in told}) == 3
    assert all(asked.total_ms >= 0 for asked in told)


def test_error_of_the_cluster_is_raised_as_its_class(settings: Settings) -> None:
    def script(message: Message) -> list[list[bytes]]:
        detail = errors.NotFoundError("no such memory").to_json()
        return [encode(Header(kind=Kind.ERROR, id=message.header.id, degraded=("log_large",), detail=detail))]

    with (
        Peer(settings, script),
        Client(settings=settings, start=False) as client,
        pytest.raises(errors.NotFoundError, match="no such memory") as raised,
    ):
        client.get("i")
    assert raised.value.degraded == ("log_large",)


def test_answer_that_can_not_be_read_is_an_error_of_ours(settings: Settings) -> None:
    def script(message: Message) -> list[list[bytes]]:
        return [result(message, {"surprise": 1})]

    with (
        Peer(settings, script),
        Client(settings=settings, start=False) as client,
        pytest.raises(errors.MalformedMessageError, match=r"memory\.store"),
    ):
        client.store("c")


def test_time_that_is_over_ends_the_call_and_the_client_goes_on(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        client.status()
        peer.deaf.set()
        began = time.monotonic()
        with pytest.raises(errors.DeadlineExceededError):
            client.status(timeout_s=0.2)
        assert time.monotonic() - began < BOUND_S
        peer.deaf.clear()
        assert client.status(timeout_s=BOUND_S).state == "serving"


def test_router_that_falls_silent_is_left_for_the_one_that_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Peer(settings, answer_all) as silent, Peer(settings, answer_all) as successor:
        silent.announce()
        with Client(settings=settings, start=False) as client:
            client.status()
            silent.request()
            silent.deaf.set()
            successor.announce()
            monkeypatch.setattr(silence, "QUIET_S", 0.05)
            monkeypatch.setattr(silence, "PONG_S", 0.05)
            assert client.store("c").id == "i"
            assert silent.request().header.key == successor.request().header.key


def test_router_that_died_is_left_for_its_successor(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "QUIET_S", 1000.0)  # so that its death is seen, not its silence
    dead: set[int] = set()
    alive = endpoint.alive
    monkeypatch.setattr(endpoint, "alive", lambda pid: pid not in dead and alive(pid))
    with Peer(settings, answer_all) as first, Peer(settings, answer_all) as second:
        first.announce(os.getppid())  # a process that lives, until this test says otherwise
        with Client(settings=settings, start=False) as client:
            client.status()
            first.deaf.set()
            dead.add(os.getppid())
            second.announce()
            assert client.store("c").id == "i"
            assert second.request().header.operation == "memory.store"


def test_router_that_drains_is_left_for_its_successor_while_it_lives(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_off, "BACK_OFF_S", 1000.0)  # so that the request is not sent again for another reason
    with Peer(settings, answer_all) as first, Peer(settings, answer_all) as second:
        first.announce(os.getppid())
        with Client(settings=settings, start=False) as client:
            client.status()
            first.request()

            def drain(message: Message) -> list[list[bytes]]:
                second.announce()
                return [error(message, errors.DrainingError())]

            first.script = drain
            assert client.store("c").id == "i"
            assert first.request().header.key == second.request().header.key


def test_client_without_a_cluster_that_may_not_start_one_fails_at_once(settings: Settings) -> None:
    with Client(settings=settings, start=False) as client:
        for call in (client.status, client.stop):
            with pytest.raises(errors.ClusterUnreachableError, match="memmux serve"):
                call()
    assert not settings.database.parent.exists()


def test_stop_without_a_cluster_has_nothing_to_do(settings: Settings) -> None:
    with Client(settings=settings) as client:
        client.stop()
    assert not settings.database.parent.exists()


def test_stop_returns_when_the_router_is_gone(settings: Settings) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as router:

        def script(message: Message) -> list[list[bytes]]:
            if message.header.operation == "cluster.stop":
                router.communicate(b"\n", timeout=BOUND_S)
            return answer_all(message)

        with Peer(settings, script) as peer, Client(settings=settings, start=False) as client:
            peer.announce(router.pid)
            client.stop()
            assert router.wait(BOUND_S) == 0
            with pytest.raises(errors.ClusterUnreachableError):
                client.status()


def test_goodbye_is_said_on_close_and_when_the_client_is_collected(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer:
        with Client(settings=settings, start=False) as client:
            client.status()
        peer.other(Kind.GOODBYE)
        forgotten = Client(settings=settings, start=False)
        forgotten.status()
        del forgotten
        gc.collect()
        peer.other(Kind.GOODBYE)


def test_closed_client_says_so(settings: Settings) -> None:
    client = Client(settings=settings, start=False)
    client.close()
    client.close()
    with pytest.raises(errors.ClusterError, match="closed"):
        client.status()


def test_interrupted_call_is_cancelled(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        client.status()
        peer.request()
        receive = memmux.client.connection.Connection.receive

        def interrupted(connection: memmux.client.connection.Connection, timeout_s: float) -> list[bytes] | None:
            del connection, timeout_s
            raise KeyboardInterrupt

        monkeypatch.setattr(memmux.client.connection.Connection, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.store("c")
        monkeypatch.setattr(memmux.client.connection.Connection, "receive", receive)
        assert peer.other(Kind.CANCEL).header.id == peer.request().header.id
        assert client.store("c").id == "i"


def test_threads_share_a_client(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        threads = [threading.Thread(target=client.store, args=(f"text {number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND_S)
        stored = {orjson.loads(peer.request().body)["content"] for _ in threads}
    assert stored == {f"text {number}" for number in range(8)}


@pytest.mark.filterwarnings("ignore:.*multi-threaded")  # of Python 3.12 and later
def test_forked_process_has_a_connection_and_a_session_of_its_own(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        client.status()
        instance = peer.other(Kind.HELLO).header.detail["instance"]
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if client.store("from the child").id == "i" else 2
                client.close()
            finally:
                os._exit(code)
        hello = peer.other(Kind.HELLO).header.detail
        assert hello["pid"] == child
        assert hello["instance"] != instance
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.store("from the parent").id == "i"


@pytest.mark.filterwarnings("ignore:.*multi-threaded")  # of Python 3.12 and later
def test_forked_process_has_begun_anew_before_its_threads_can_call(settings: Settings) -> None:
    client = Client(settings=settings, start=False)
    session, lock = client._session, client._lock
    with lock:  # as another thread of the parent has it
        child = os.fork()
        if child == 0:
            os._exit(client._session is session or client._lock.locked())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client._session is session


def test_name_that_a_header_can_not_hold_is_refused(settings: Settings) -> None:
    for name in ("", "x" * 129, "a\nb", "\ud800"):
        with pytest.raises(errors.ArgumentInvalidError, match="name"):
            Client(settings=settings, name=name)


def test_two_names_of_one_database_reach_one_cluster(settings: Settings, short_tmp: Path) -> None:
    (short_tmp / "real").mkdir()
    (short_tmp / "link").symlink_to(short_tmp / "real")
    one, other = (Client(short_tmp / folder / "m.db", settings=settings) for folder in ("real", "link"))
    assert Places(one.settings).endpoint == Places(other.settings).endpoint


def test_endpoint_file_of_a_dead_process_is_not_used(settings: Settings) -> None:
    settings.database.parent.mkdir()
    endpoint.write(Places(settings), endpoint.Endpoint("ipc:///nowhere", 2**22 + 1, "0", 1))
    with Client(settings=settings, start=False) as client, pytest.raises(errors.ClusterUnreachableError):
        client.status()
