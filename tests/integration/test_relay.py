"""Relays and their gateway: what hosts send is answered once, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from memmux import Client
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.wire.answers import Status
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import gone, lines_of, settled, status_until
from tests.integration.relay_host import COMMAND, RelayHost

CALLS = 24
HOSTS, UPGRADES = 4, 2
CROWD = 200  # hosts at once


def _status(settings: Settings) -> Status:
    with Client(settings=settings, name="test") as client:
        return client.status()


def _gateway(settings: Settings, other_than: int = 0) -> int:
    """The pid of the gateway, once there is one, and not `other_than`, which may have ended already."""
    with Client(settings=settings, name="test") as client:
        status = status_until(
            client, lambda status: bool(status.gateway and status.gateway["pid"] not in (None, 0, other_than))
        )
    assert status.gateway is not None
    return int(status.gateway["pid"])


def _until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + BOUND_S
    while not true():
        assert time.monotonic() < until
        pause()


def _stored_once(settings: Settings, contents: list[str]) -> None:
    with Client(settings=settings, name="test") as client:
        _until(lambda: client.list(limit=1).total >= len(contents))  # a relay leaves before all of it is done
        assert sorted(memory.content for memory in client.list(limit=1000)) == sorted(contents)
        changes = client.changes(after=0, limit=1000).changes
        assert len(changes) == len(contents), "something was stored twice"


@pytest.mark.shared
def test_hosts_share_one_gateway_and_each_has_a_session_that_names_it(
    settings_env: dict[str, str], settings: Settings
) -> None:
    _status(settings)  # by which the cluster is there: a relay that waits long for one has a gateway of its own
    with RelayHost(settings_env, "one") as one, RelayHost(settings_env, "two") as two:
        for host in (one, two):
            host.call(1, "memory_health")
            host.result(1)
        status = _status(settings)
        known = {client["name"]: client for client in status.clients}
        assert status.gateway is not None
        for name, host in (("one", one), ("two", two)):
            assert known[name]["pid"] == status.gateway["pid"]
            assert known[name]["relay_pid"] == host.process.pid
            assert known[name]["host_pid"] == os.getpid()
            assert known[name]["relay_version"] == status.version
    _until(lambda: [client["name"] for client in _status(settings).clients] == ["test"])


@pytest.mark.shared
def test_a_gateway_that_is_killed_with_calls_in_flight_loses_none_and_doubles_none(
    settings_env: dict[str, str], settings: Settings
) -> None:
    contents = [f"What was said as number {number}" for number in range(CALLS)]
    with RelayHost(settings_env) as host:
        host.call(500, "memory_health")
        host.result(500)
        killed = 0
        for number, content in enumerate(contents):
            if number % 8 == 4:
                for before in range(number - 6):  # no two die of the same line: the relay would have its own
                    host.result(before)
                killed = _gateway(settings, other_than=killed)
            host.call(number, "memory_store", content=content)
            if number % 8 == 4:
                os.kill(killed, signal.SIGKILL)
        for number in range(CALLS):
            host.result(number)
        assert all(len(answers) == 1 for answers in host.answers.values())
    _stored_once(settings, contents)


@pytest.mark.shared
def test_a_router_that_is_killed_with_calls_in_flight_loses_none_and_doubles_none(
    settings_env: dict[str, str], settings: Settings
) -> None:
    contents = [f"What was said as number {number}" for number in range(CALLS)]
    with RelayHost(settings_env) as host:
        host.call(500, "memory_health")
        host.result(500)
        for number, content in enumerate(contents):
            host.call(number, "memory_store", content=content)
            if number == CALLS // 2:
                os.kill(_status(settings).pid, signal.SIGKILL)
        for number in range(CALLS):
            host.result(number)
        assert all(len(answers) == 1 for answers in host.answers.values())
    _stored_once(settings, contents)


@pytest.mark.shared
def test_a_relay_that_is_killed_leaves_no_session(settings_env: dict[str, str], settings: Settings) -> None:
    with RelayHost(settings_env, "victim") as host:
        host.call(1, "memory_health")
        host.result(1)
        assert "victim" in {client["name"] for client in _status(settings).clients}
        host.process.kill()
        _until(lambda: "victim" not in {client["name"] for client in _status(settings).clients})


@pytest.mark.shared
def test_calls_in_flight_when_the_input_ends_are_answered(settings_env: dict[str, str]) -> None:
    with RelayHost(settings_env) as host:
        for number in range(CALLS):
            host.call(number, "memory_store", content=f"number {number}")
        host.close_input()
        assert host.process.wait(BOUND_S) == 0
    assert sorted(number for number in host.answers if number < CALLS) == list(range(CALLS))
    assert all("result" in answers[0] for answers in host.answers.values())


@pytest.mark.shared
def test_an_id_that_is_used_twice_is_answered_twice(settings_env: dict[str, str]) -> None:
    with RelayHost(settings_env) as host:
        for content in ("one", "two"):
            host.call(1, "memory_store", content=content)
        _until(lambda: len(host.answers.get(1, ())) == 2)
        hashes = {answer["result"]["structuredContent"]["content_hash"] for answer in host.answers[1]}
        assert len(hashes) == 2


def test_a_gateway_that_is_stopped_is_replaced(settings_env: dict[str, str], settings: Settings) -> None:
    with RelayHost({**settings_env, "MEMMUX_STALL_S": "6"}) as host:
        host.call(1, "memory_health")
        host.result(1)
        stopped = _gateway(settings)
        os.kill(stopped, signal.SIGSTOP)
        host.call(2, "memory_store", content="Said to one that is stopped.")
        host.result(2)
        gone([stopped])
    _stored_once(settings, ["Said to one that is stopped."])


@pytest.mark.shared
def test_a_cancelled_call_is_not_worked_on_again_by_the_next_gateway(
    settings_env: dict[str, str], settings: Settings
) -> None:
    with RelayHost(settings_env) as host:
        host.call(1, "memory_health")
        host.result(1)
        host.call(2, "memory_search", query="anything")
        host.send("notifications/cancelled", {"requestId": 2})
        host.call(3, "memory_health")
        host.result(3)
        os.kill(_gateway(settings), signal.SIGKILL)
        host.call(4, "memory_health")
        host.result(4)
        assert len(host.answers.get(2, ())) <= 1


@pytest.mark.shared
def test_a_line_of_sixteen_megabytes_is_refused_and_the_next_one_is_answered(settings_env: dict[str, str]) -> None:
    with RelayHost(settings_env) as host:
        host.call(1, "memory_store", content="x" * (16 << 20))
        assert "content_too_long" in str(host.answer(1))[:500]
        host.call(2, "memory_health")
        host.result(2)


@pytest.mark.shared
def test_a_date_is_a_day_where_the_host_is(settings_env: dict[str, str], settings: Settings) -> None:
    with Client(settings=settings, name="test") as client:
        client.store("Of the evening before, in America.", created_at="2026-11-23T02:00Z")
    for zone, count in (("UTC", 1), ("America/New_York", 0), ("Asia/Tokyo", 1)):
        with RelayHost({**settings_env, "TZ": zone}) as host:
            host.call(1, "memory_list", after="2026-11-23")
            assert len(host.result(1)["memories"]) == count, zone
            host.call(2, "memory_delete", after="2026-11-23", before="2026-11-24", dry_run=True)
            assert host.result(2)["count"] == count, zone


@pytest.mark.shared
def test_each_host_has_its_own_tools_and_namespace(settings_env: dict[str, str], settings: Settings) -> None:
    full = {**settings_env, "MEMMUX_TOOLS": "full", "MEMMUX_NAMESPACE": "other"}
    _status(settings)  # the cluster is there
    with RelayHost(settings_env) as core, RelayHost(full) as other:
        for host in (core, other):
            host.send("tools/list", number=1)
        counts = [len(host.answer(1)["result"]["tools"]) for host in (core, other)]
        assert counts[0] < counts[1]
        core.call(2, "memory_store", content="Mine.")
        other.call(2, "memory_store", content="Yours.")
        core.result(2), other.result(2)
        core.call(3, "memory_list")
        other.call(3, "memory_list")
        assert [hit["content"] for hit in core.result(3)["memories"]] == ["Mine."]
        assert [hit["content"] for hit in other.result(3)["memories"]] == ["Yours."]
        assert _gateway(settings)
        assert {client["pid"] for client in _status(settings).clients} == {_gateway(settings), os.getpid()}


def test_without_a_gateway_a_process_serves_its_own_host(settings_env: dict[str, str], settings: Settings) -> None:
    with RelayHost({**settings_env, "MEMMUX_GATEWAY": "0"}) as host:
        host.call(1, "memory_health")
        host.result(1)
        status = _status(settings)
        assert status.gateway is None
        assert host.process.pid in {client["pid"] for client in status.clients}


def test_many_hosts_at_once_are_all_served_by_one_gateway_and_leave_nothing(
    settings_env: dict[str, str], settings: Settings
) -> None:
    _status(settings)  # the cluster is there
    with ExitStack() as stack:
        hosts = [stack.enter_context(RelayHost(settings_env, f"host {number}", begin=False)) for number in range(CROWD)]
        for host in hosts:
            host.begin()
            host.call(1, "memory_health")
        for host in hosts:
            host.result(1)
        sessions = [client for client in _status(settings).clients if client["name"] != "test"]
        assert {client["name"] for client in sessions} == {f"host {number}" for number in range(CROWD)}
        assert {client["pid"] for client in sessions} == {_gateway(settings)}
        for host in hosts:
            host.close_input()
    _until(lambda: [client["name"] for client in _status(settings).clients] == ["test"])


@pytest.mark.shared
def test_an_idle_host_does_not_start_a_cluster_that_was_stopped(
    settings_env: dict[str, str], settings: Settings
) -> None:
    with RelayHost(settings_env) as host:
        host.call(1, "memory_health")
        host.result(1)
        router = _status(settings).pid
        with Client(settings=settings, name="test", start=False) as client:
            client.stop()
        gone([router])
        host.call(2, "memory_health")
        host.result(2)
        assert _status(settings).pid != router


@pytest.mark.parametrize("wrong", [{"MEMMUX_READERS": "none"}, {"MEMMUX_NO_SUCH": "1", "MEMMUX_TOOLS": "most"}])
def test_wrong_settings_are_told_on_standard_error_alone(settings_env: dict[str, str], wrong: dict[str, str]) -> None:
    ended = subprocess.run(
        COMMAND,
        env={**settings_env, **wrong},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=BOUND_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert b"setting_invalid" in ended.stderr


def test_hosts_notice_nothing_of_upgrades_under_load(settings_env: dict[str, str], settings: Settings) -> None:
    contents = [f"What was said as number {number}" for number in range(4 * CALLS)]
    with ExitStack() as stack:
        hosts = [stack.enter_context(RelayHost(settings_env, f"host {number}")) for number in range(HOSTS)]
        for host in hosts:
            host.call(500, "memory_health")
        for host in hosts:
            host.result(500)
        served = [(_status(settings).pid, _gateway(settings))]
        done = 0
        for _ in range(UPGRADES):
            restart = subprocess.Popen(
                [*COMMAND[:-1], "restart"], env=settings_env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            with restart:
                for _ in range(len(contents) // UPGRADES):
                    hosts[done % HOSTS].call(done, "memory_store", content=contents[done])
                    done += 1
                    if done > CALLS:
                        hosts[(done - 1 - CALLS) % HOSTS].result(done - 1 - CALLS)
                _, said = restart.communicate(timeout=BOUND_S)
                assert restart.returncode == 0, said
            served.append((_status(settings).pid, _gateway(settings)))
        for number in range(done):
            hosts[number % HOSTS].result(number)
        for host in hosts:
            host.call(501, "memory_health")
            host.result(501)
            assert all(len(answers) == 1 for answers in host.answers.values())
        assert len({router for router, _ in served}) == len({gateway for _, gateway in served}) == UPGRADES + 1
        logs = Places(settings).logs.glob("router*.jsonl")
        events = [(line["event"], line["pid"]) for log in logs for line in lines_of(log)]
        assert "gateway_lost" not in {event for event, _ in events}
        for router, _ in served[1:]:
            assert ("database_taken_over", router) in events
        gone([pid for pids in served[:-1] for pid in pids])
    _stored_once(settings, contents)


def test_one_assistant_waits_for_what_another_one_stores(settings_env: dict[str, str]) -> None:
    with RelayHost(settings_env, "one") as one, RelayHost(settings_env, "two") as two:
        for host in (one, two):
            host.call(1, "memory_health")
            host.result(1)
        one.call(2, "memory_wait", timeout_s=0)
        began = one.result(2)
        assert began["changes"] == []
        one.call(4, "memory_wait", after_seq=0, timeout_s=0, namespace="nope")
        assert one.result(4)["notes"] == ["no such namespace 'nope'; there is none yet"]
        asked = {"after_seq": began["next"], "tags": ["news"], "timeout_s": 60}
        one.call(3, "memory_wait", **asked)
        two.call(2, "memory_store", content="Nothing new.")
        two.call(3, "memory_store", content="The office moves to Ghent.", tags=["news"])
        stored = two.result(3)
        if not (changes := one.result(3)["changes"]):  # the minute was over before it was stored
            one.call(5, "memory_wait", **asked)
            changes = one.result(5)["changes"]
        (change,) = changes
        assert change["id"] == stored["id"]
        assert change["client"] == "two"


@pytest.mark.shared
def test_a_host_that_has_subscribed_is_told_of_changes_also_by_the_next_gateway(
    settings_env: dict[str, str], settings: Settings
) -> None:
    def told(host: RelayHost) -> int:
        return sum(b"notifications/resources/updated" in line for line in host.lines)

    with RelayHost(settings_env, "one") as one, RelayHost(settings_env, "two") as two:
        with Client(settings=settings, name="test") as client:
            status_until(client, settled)  # a vector that is made later is a change of its own
        one.send("resources/subscribe", {"uri": "memory://changes"}, number=1)
        assert one.answer(1)["result"] == {}
        two.call(1, "memory_store", content="First.")
        _until(lambda: told(one) >= 1)
        os.kill(one.process.pid, signal.SIGSTOP)  # so that the next gateway hears of it only after the change
        before = told(one)
        os.kill(_gateway(settings), signal.SIGKILL)
        two.call(2, "memory_store", content="Second.")
        two.result(2)
        os.kill(one.process.pid, signal.SIGCONT)
        _until(lambda: told(one) > before)
        before = told(one)
        two.call(3, "memory_store", content="Third.")
        two.result(3)
        _until(lambda: told(one) > before)
        one.send("resources/unsubscribe", {"uri": "memory://changes"}, number=2)
        assert one.answer(2)["result"] == {}


@pytest.mark.shared
@pytest.mark.parametrize("part", ["relay", "router"])
def test_calls_through_a_part_that_is_stopped_for_a_while_are_answered_once_it_goes_on(
    settings_env: dict[str, str], settings: Settings, part: str
) -> None:
    contents = [f"What was said as number {number}" for number in range(CALLS)]
    with RelayHost(settings_env) as host:
        host.call(500, "memory_health")
        host.result(500)
        pid = host.process.pid if part == "relay" else _status(settings).pid
        os.kill(pid, signal.SIGSTOP)
        try:
            for number, content in enumerate(contents):
                host.call(number, "memory_store", content=content)
        finally:
            os.kill(pid, signal.SIGCONT)
        for number in range(CALLS):
            host.result(number)
        assert all(len(answers) == 1 for answers in host.answers.values())
    _stored_once(settings, contents)


@pytest.mark.parametrize("gateway", ["1", "0"])
def test_whoever_starts_it_by_hand_is_told_what_it_is(gateway: str, settings_env: dict[str, str]) -> None:
    ours, theirs = os.openpty()
    env = {**settings_env, "MEMMUX_GATEWAY": gateway}
    with subprocess.Popen(COMMAND, env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        os.close(theirs)
        assert started.stderr is not None
        assert b"`memmux install CLIENT`" in started.stderr.readline()
        os.close(ours)  # the terminal goes
        out, _ = started.communicate(timeout=BOUND_S)
    assert out == b""


@pytest.mark.shared
def test_a_line_longer_than_a_frame_is_refused_and_the_next_one_is_answered(settings_env: dict[str, str]) -> None:
    with RelayHost(settings_env) as host:
        host.call(1, "memory_store", content="x" * (65 << 20))
        assert host.answer(1)["error"]["code"] == -32600
        host.call(2, "memory_health")
        host.result(2)


@pytest.mark.shared
def test_what_was_asked_is_done_once_though_the_host_closes_its_output_at_once(
    settings_env: dict[str, str], settings: Settings
) -> None:
    contents = [f"What was said as number {number}" for number in range(CALLS)]
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "one", "version": "1"}}
    lines: list[dict[str, object]] = [
        {"id": 500, "method": "initialize", "params": client},
        {"method": "notifications/initialized"},
    ]
    for number, content in enumerate(contents):
        asked = {"name": "memory_store", "arguments": {"content": content}}
        lines.append({"id": number, "method": "tools/call", "params": asked})
    said = [json.dumps({"jsonrpc": "2.0", **line}).encode() + b"\n" for line in lines]
    with subprocess.Popen(
        COMMAND, env=settings_env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        assert host.stderr is not None
        host.stdin.write(said[0])
        host.stdin.flush()
        assert b'"result"' in host.stdout.readline()
        os.kill(host.pid, signal.SIGSTOP)  # so that it finds both at once
        host.stdin.write(b"".join(said[1:]))
        host.stdin.flush()
        host.stdout.close()
        os.kill(host.pid, signal.SIGCONT)
        assert host.wait(BOUND_S) == 1
        assert b"standard output was closed before every line was answered" in host.stderr.read()
    _stored_once(settings, contents)


def test_a_relay_without_an_input_leaves_at_once(settings_env: dict[str, str]) -> None:
    closed = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *COMMAND]
    assert subprocess.run(closed, env=settings_env, capture_output=True, timeout=BOUND_S, check=True).stdout == b""
