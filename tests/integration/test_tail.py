"""`memmux tail` beside real clusters, and beside files that grow, turn over and go."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs.files import LogFile, is_rotated
from tests import commands
from tests.commands import MEMMUX
from tests.integration.helpers import BOUND_S, complete, status_until
from tests.integration.mcp_by_hand import McpByHand

SCRIPT = Path(__file__).with_name("client_process.py")

BUSY = {  # warnings of a machine that is busy
    *("router_stood_still", "request_slow", "stage_slow", "request_requeued", "health_check_failed"),
    *("worker_stalled", "worker_lost", "worker_not_forked", "fork_server_lost", "fork_server_stalled"),
    "slot_backed_off",
}

Tail = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def tail(settings_env: dict[str, str]) -> Tail:
    """Run `memmux tail --json` to its end and return the lines."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        ended = commands.run(["tail", *arguments, "--json"], settings_env)
        assert (ended.returncode, ended.stderr) == (0, b"")
        return [json.loads(line) for line in ended.stdout.splitlines()]

    return run


@contextmanager
def _following(env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `memmux tail -f` with these arguments."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*MEMMUX, "tail", "-f", *arguments], env=env, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def _next(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline().rstrip(b"\n")


def test_one_request_is_shown_through_every_process_in_order_while_eight_clients_work(
    settings_env: dict[str, str], settings: Settings, tail: Tail
) -> None:
    settings_env["MEMMUX_SLOW_MS"] = "0"  # or a busy machine adds lines
    command = [sys.executable, "-P", str(SCRIPT)]
    with McpByHand(settings_env) as mcp:
        mcp.call("memory_health")  # so the cluster is there
        with Client(settings=settings, name="waiting") as client:
            status_until(client, complete)  # a store passes the embedder then
        others = [
            subprocess.Popen([*command, f"client-{number}", "60"], env=settings_env, stdout=subprocess.DEVNULL)
            for number in range(7)
        ]
        for number in range(10):
            assert not mcp.call("memory_store", content=f"The lamp of room {number} is broken.").get("isError")
        assert [other.wait(BOUND_S) for other in others] == [0] * 7
    called = tail("--event", "tool_called", "--where", "tool=memory_store", "--lines", "all")
    assert len(called) == 10
    for call in called:
        (request_id,) = call["request_ids"]
        until = time.monotonic() + BOUND_S
        while len(lines := tail("--request", request_id)) < 6:  # some are written after the answer
            assert time.monotonic() < until
        assert [line["kind"] for line in lines] == ["embed", "read", "write", "router", "mcp", "mcp"]
        assert [line["event"] for line in lines] == [
            *["stage_finished"] * 3,
            "request_finished",
            "request_answered",
            "tool_called",
        ]
        assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)
        assert {line.get("request_id", request_id) for line in lines} == {request_id}
        assert {line["outcome"] for line in lines} == {"ok"}
        assert {line["client"] for line in lines} == {"by-hand"}
        assert all(line["queue_ms"] >= 0 <= line["work_ms"] for line in lines[:5])
    assert [line["event"] for line in tail("--request", called[0]["call_id"])] == ["request_answered", "tool_called"]
    clients = {line["client"] for line in tail("--event", "request_finished", "--lines", "all")}
    assert {f"client-{number}" for number in range(7)} <= clients


def test_tool_that_makes_several_requests_names_them_all(settings_env: dict[str, str], tail: Tail) -> None:
    with McpByHand(settings_env) as mcp:
        mcp.call("memory_cleanup")
        mcp.call("memory_get", id="nothing-has-this-id")
    listed, got = tail("--event", "tool_called")
    assert (listed["outcome"], got["outcome"]) == ("ok", "not_found")
    assert listed["requests"] == len(listed["request_ids"]) >= 2
    answered = tail("--event", "request_answered", "--where", f"call_id={listed['call_id']}")
    assert {line["request_id"] for line in answered} == set(listed["request_ids"])
    assert "memory.list" in {line["operation"] for line in answered}


def test_slow_request_says_where_its_time_went_and_how_it_was_searched(
    settings_env: dict[str, str], tail: Tail
) -> None:
    settings_env["MEMMUX_SLOW_MS"] = "1"
    with Client(settings=load(environment=settings_env), name="waiting") as client:
        status_until(client, complete)
        commands.run(("store", "The door is green."), settings_env).check_returncode()
        slow_search = ["tail", "--event", "request_slow", "--where", "operation=memory.search", "--json"]
        until = time.monotonic() + BOUND_S
        while not (found := commands.run(slow_search, settings_env).stdout):
            assert time.monotonic() < until
            commands.run(("search", "what is green", "--json"), settings_env).check_returncode()
    slow = json.loads(found.splitlines()[0])
    assert slow["route"] == ["embed", "read"]
    assert list(slow["stages"]) in (["embed", "read"], ["read"])  # by whether the readers had the model already
    assert slow["total_ms"] >= max(1, slow["work_ms"])
    for line in tail("--request", slow["request_id"]):
        if (line["event"], line.get("stage")) == ("stage_slow", "read"):
            assert (line["mode"], line["candidates"], line["index"]) == ("hybrid", 1, "ExactIndex")
    assert slow["level"] == "warning"


def test_works_when_the_cluster_is_gone_and_goes_on_with_the_next_one(
    settings_env: dict[str, str], settings: Settings, tail: Tail
) -> None:
    with _following(settings_env, "--json", "--event", "cluster_started", "--event", "cluster_stopped") as process:
        for _ in range(2):
            with Client(settings=settings) as client:
                client.store("once more")
                client.stop()
        seen = [json.loads(_next(process)) for _ in range(4)]
    assert [line["event"] for line in seen] == ["cluster_started", "cluster_stopped"] * 2
    assert len({line["pid"] for line in seen}) == 2
    shown = tail("--event", "cluster_started", "--event", "cluster_stopped")
    assert [line["event"] for line in shown] == ["cluster_started", "cluster_stopped"] * 2
    warned = tail("--since", "1h", "--where", f"pid={seen[0]['pid']}", "--level", "warning")
    assert [line for line in warned if line["event"] not in BUSY] == []


def test_lines_are_plain_and_aligned_in_a_pipe_and_coloured_on_a_terminal(
    settings_env: dict[str, str], settings: Settings
) -> None:
    sink = LogFile(Places(settings).logs, "router", 1 << 20)
    sink.msg(_line(1, name="a\x1b[2Jb"))
    sink.close()
    piped = commands.run(["tail"], settings_env)
    assert piped.stdout.count(b"\n") == 1
    assert b"\x1b" not in piped.stdout
    ours, theirs = pty.openpty()
    subprocess.run([*MEMMUX, "tail"], env=settings_env, stdout=theirs, timeout=BOUND_S, check=True)
    os.close(theirs)
    shown = os.read(ours, 4096)
    os.close(ours)
    assert b"\x1b[32m" in shown
    assert b"\x1b[2J" not in shown


def test_nothing_logged_yet_is_said(settings_env: dict[str, str]) -> None:
    ended = commands.run(["tail"], settings_env)
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert b"logged" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), b"time_not_understood"),
        (("--where", "nonsense"), b"argument_invalid"),
        (("--lines", "many"), b"argument_invalid"),
        (("--level", "loud"), b"argument_invalid"),
    ],
)
def test_what_is_not_understood_is_refused(
    settings_env: dict[str, str], arguments: tuple[str, ...], said: bytes
) -> None:
    ended = commands.run(["tail", *arguments], settings_env)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert said in ended.stderr


def test_reader_that_goes_away_ends_it_quietly_though_nothing_more_is_logged(
    settings_env: dict[str, str], settings: Settings
) -> None:
    sink = LogFile(Places(settings).logs, "router", 1 << 20)
    sink.msg(_line(1))
    with _following(settings_env, "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(_next(process))["number"] == 1
        process.stdout.close()
        assert process.wait(BOUND_S) == 0
        assert process.stderr.read() == b""
    sink.close()


def test_reader_that_has_seen_enough_is_no_failure(settings_env: dict[str, str], settings: Settings) -> None:
    sink = LogFile(Places(settings).logs, "router", 64 << 20)
    for number in range(20_000):
        sink.msg(_line(number))
    sink.close()
    command = [*MEMMUX, "tail", "--lines", "all"]
    with subprocess.Popen(command, env=settings_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(BOUND_S) == 0
        assert process.stderr.read() == b""


def test_interrupt_ends_it_without_a_word(settings_env: dict[str, str], settings: Settings) -> None:
    sink = LogFile(Places(settings).logs, "router", 1 << 20)
    sink.msg(_line(1))
    sink.close()
    with _following(settings_env) as process:
        assert process.stderr is not None
        assert _next(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(BOUND_S) == 130
        assert process.stderr.read().strip() == b""


def test_hundred_thousand_lines_are_followed_through_dozens_of_rotations(
    settings_env: dict[str, str], settings: Settings
) -> None:
    folder = Places(settings).logs
    total_bytes = 32 * 320 << 10  # all of them fit
    with _following(settings_env, "--json", "--lines", "all") as process:
        writers = [threading.Thread(target=_write, args=(folder, name, total_bytes)) for name in ("router", "mcp")]
        for writer in writers:
            writer.start()
        seen = [json.loads(_next(process)) for _ in range(2 * LINES)]
        for writer in writers:
            writer.join(BOUND_S)
    for name in ("router", "mcp"):
        assert [line["number"] for line in seen if line["process"] == name] == list(range(LINES))
    assert sum(is_rotated(path.name) for path in folder.iterdir()) >= 24


def test_follower_that_keeps_up_loses_nothing_while_old_files_are_removed(
    settings_env: dict[str, str], settings: Settings
) -> None:
    folder = Places(settings).logs
    sink = LogFile(folder, "router", 1 << 20)
    burst, seen = 2_000, 0
    with _following(settings_env, "--json", "--lines", "all") as process:
        for first in range(0, 100_000, burst):
            for number in range(first, first + burst):
                sink.msg(_line(number))
            for number in range(first, first + burst):
                assert json.loads(_next(process))["number"] == number
                seen += 1
    sink.close()
    assert seen == 100_000
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1 << 20


LINES = 50_000  # of each of two writers


def _write(folder: Path, name: str, total_bytes: int) -> None:
    sink = LogFile(folder, name, total_bytes)
    for number in range(LINES):
        sink.msg(_line(number, process=name))
    sink.close()


def _line(number: int, **fields: object) -> bytes:
    now = time.time_ns() // 1000
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**6))
    line = {"timestamp": f"{at}.{now % 10**6:06d}Z", "level": "info", "number": number, **fields}
    return json.dumps(line, separators=(",", ":")).encode()
