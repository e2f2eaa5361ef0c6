"""Two parts between a host and its memory are struck at once, under load: every call of others is answered, once."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mcp_dealer.gateway.gateway import DEATHS
from memmux import Client
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.relay.way import ALONE
from memmux.wire.answers import Status
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import gone, status_until
from tests.integration.relay_host import HANDSHAKE, RelayHost

CALLS = 24
KILL, STOP = signal.SIGKILL, signal.SIGSTOP


@pytest.mark.parametrize(
    "struck",
    [
        {"gateway": KILL, "router": KILL},
        {"gateway": STOP, "router": KILL},
        {"gateway": KILL, "router": STOP},
        {"gateway": STOP, "router": STOP},
        {"relay": KILL, "gateway": KILL},
        {"relay": STOP, "gateway": KILL},
        {"relay": KILL, "gateway": STOP},
        {"relay": KILL, "router": KILL},
        {"relay": STOP, "router": KILL},
    ],
    ids=lambda struck: "-".join(f"{part}_{number.name}" for part, number in struck.items()),
)
def test_two_parts_that_are_struck_at_once_lose_no_call_and_double_none(
    settings_env: dict[str, str], settings: Settings, struck: dict[str, signal.Signals]
) -> None:
    settings_env["MEMMUX_STALL_S"] = "6"  # for which nobody is silent who is only late
    contents = [f"What was said as number {number}" for number in range(CALLS)]
    with RelayHost(settings_env, "victim") as victim, RelayHost(settings_env, "other") as other:
        for host in (victim, other):
            host.call(500, "memory_health")
            host.result(500)
        with Client(settings=settings, name="test", start=False) as client:
            status = status_until(client, lambda status: bool(status.gateway and status.gateway["pid"]))
        assert status.gateway is not None
        pids = {"router": status.pid, "gateway": int(status.gateway["pid"]), "relay": victim.process.pid}
        held = []
        for number, content in enumerate(contents):
            other.call(number, "memory_store", content=content)
            if number == CALLS // 3:
                victim.call(1, "memory_search", query="anything")
                for part, how in struck.items():
                    os.kill(pids[part], how)
                    held += [pids[part]] if how is STOP and part != "gateway" else []
        for pid in held:
            os.kill(pid, signal.SIGCONT)
        for number in range(CALLS):
            other.result(number)
        assert all(len(answers) == 1 for answers in other.answers.values())
        if struck.get("relay") is KILL:
            _until_left(settings, "victim")
        else:
            victim.answer(1)
        gone([pids["gateway"]] if "gateway" in struck else [])
    with Client(settings=settings, name="test", start=False) as client:
        assert sorted(memory.content for memory in client.list(limit=1000)) == sorted(contents)
        changes = client.changes(after=0, limit=1000).changes
        assert len(changes) == len(contents), "something was stored twice"


def test_a_start_whose_search_is_killed_is_made_by_the_next_one(
    settings_env: dict[str, str], settings: Settings
) -> None:
    lock = Places(settings).spawn_lock
    lock.parent.mkdir(mode=0o700)
    with RelayHost(settings_env, begin=False) as host:
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # so that the search has no end before it is killed
            host.begin()
            host.call(1, "memory_store", content="stored after all")
            until = time.monotonic() + BOUND_S
            while not (searches := _children(host.process.pid, "memmux.cli.launch")):
                assert time.monotonic() < until
                pause()
            os.kill(searches[0], KILL)
        host.answer(HANDSHAKE)
        assert host.result(1)["status"] == "created"


IGNORING = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_host_that_ignores_the_end_of_children_is_served(settings_env: dict[str, str]) -> None:
    """What a process ignores is ignored by those that it starts, and then the system keeps no exit code."""
    with RelayHost(settings_env, by=(sys.executable, "-c", IGNORING)) as host:
        host.call(1, "memory_store", content="stored after all")
        assert host.result(1)["status"] == "created"


def _children(pid: int, named: str) -> list[int]:
    """The children of a process whose command line has a word."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):  # it has ended
            found += [int(child)] if named in Path(f"/proc/{child}/cmdline").read_text() else []
    return found


def test_a_host_whose_request_kills_gateways_is_served_alone_until_it_is_told_and_others_keep_theirs(
    settings_env: dict[str, str], settings: Settings
) -> None:
    with RelayHost(settings_env, "poisoner") as poisoner, RelayHost(settings_env, "other") as other:
        for host in (poisoner, other):
            host.call(500, "memory_health")
            host.result(500)
        # What kills a gateway at once can't be had: whichever works on this is killed.
        poisoner.call(1, "memory_wait", timeout_s=60)
        killed: list[int] = []
        shared: list[int] = []  # that serve the other one, after each
        until = time.monotonic() + BOUND_S
        with Client(settings=settings, name="test", start=False) as client:
            while 1 not in poisoner.answers:  # of a gateway that was killed late no death counts before its own
                assert time.monotonic() < until
                serving = _serving(client.status(), "poisoner")
                if serving in (0, *killed):
                    pause()
                    continue
                killed.append(serving)
                os.kill(serving, signal.SIGKILL)
                until = time.monotonic() + BOUND_S
                other.call(len(killed), "memory_health")
                other.result(len(killed))
                status = status_until(client, lambda status: _serving(status, "other") not in (0, *killed))
                shared.append(_serving(status, "other"))
        assert len(killed) >= DEATHS
        alone = shared[ALONE - DEATHS - 1 :]
        assert len(set(alone)) == 1, "others lost their gateway though the host had one of its own"
        assert "poisoned" in poisoner.answer(1)["error"]["message"]
        poisoner.call(2, "memory_health")
        poisoner.result(2)


def _serving(status: Status, name: str) -> int:
    """The process that serves a host, 0 if none does."""
    return next((int(client["pid"]) for client in status.clients if client["name"] == name), 0)


def _until_left(settings: Settings, name: str) -> None:
    """Wait until no session of that name is left."""
    until = time.monotonic() + BOUND_S
    with Client(settings=settings, name="test") as client:
        while name in {session["name"] for session in client.status().clients}:
            assert time.monotonic() < until
            pause()
