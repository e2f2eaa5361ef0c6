"""The server's standard streams, spoken to by hand: stdout is JSON-RPC alone, and the server leaves when told."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.paths import Places
from tests.acceptance.conftest import BOUND_S, raw_server

pytestmark = pytest.mark.anyio

# A relay that waits a moment for a cluster, where others wait for half a minute, and a moment for the answers once its
# input has ended, where others wait for more than one.
_MAIN = "from memmux import __main__; from memmux.relay import relay, way; "
IMPATIENT = (sys.executable, "-P", "-c", f"{_MAIN}way.PATIENCE_S = relay.LEAVE_S = 0.5; __main__.main()", "mcp")


@contextmanager
def _nobody_can_start(env: dict[str, str]) -> Iterator[None]:
    """Hold the lock that a client takes to start a cluster."""
    lock = Places(load(environment=env)).spawn_lock
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


async def test_every_line_on_stdout_is_json_rpc(tidy_env: dict[str, str]) -> None:
    async with raw_server({**tidy_env, "MEMMUX_LOG_LEVEL": "debug"}) as server:
        await server.shake_hands()
        await server.send("tools/list", request_id=1)
        stored = await server.call(2, "memory_store", content="Standard output is for the protocol.")
        await server.call(3, "memory_search", query="protocol")
        refused = [
            await server.call(4, "memory_get", id="no-such-memory"),
            await server.call(5, "memory_store", content=""),
            await server.call(6, "memory_store", wrong=1),
            await server.call(7, "memory_forget"),
        ]
        await server.write(b"this is no JSON")
        await server.write(b'{"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": 5}}')
        await server.write(b'{"jsonrpc": "2.0", "id": 9, "method": "no/such/method"}')
        assert "error" in await server.answer(8)
        assert "error" in await server.answer(9)
        deleted = await server.call(10, "memory_delete", id=stored["structuredContent"]["id"])
        assert await server.leave() == 0
    assert not stored.get("isError")
    assert all(result["isError"] for result in refused)
    assert not deleted.get("isError")
    assert len(server.messages) >= 11
    assert all(message["jsonrpc"] == "2.0" for message in server.messages)


async def test_the_handshake_is_answered_while_the_cluster_can_not_start(tidy_env: dict[str, str]) -> None:
    async with raw_server(tidy_env, command=IMPATIENT) as server:
        with _nobody_can_start(tidy_env):
            assert (await server.shake_hands())["result"]["serverInfo"]["name"] == "memmux"
            await server.send("tools/call", {"name": "memory_health", "arguments": {}}, 1)
            await server.send("tools/list", request_id=2)
            assert len((await server.answer(2))["result"]["tools"]) == 7
            assert 1 not in {message.get("id") for message in server.messages}
        health = (await server.answer(1))["result"]
        assert not health.get("isError"), health


async def test_a_client_that_leaves_while_the_cluster_can_not_start_is_not_held(tidy_env: dict[str, str]) -> None:
    with _nobody_can_start(tidy_env):
        async with raw_server({**tidy_env, "MEMMUX_START_TIMEOUT_S": "600"}, command=IMPATIENT) as server:
            await server.shake_hands()
            await server.send("tools/call", {"name": "memory_health", "arguments": {}}, 1)
            await server.send("ping", request_id=2)
            await server.answer(2)
            assert await server.leave() == 1  # with a line that was not answered


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_server_while_its_input_is_open(tidy_env: dict[str, str], sent: signal.Signals) -> None:
    async with raw_server(tidy_env) as server:
        await server.shake_hands()
        await server.call(1, "memory_health")
        server.process.send_signal(sent)
        assert server.process.stderr is not None
        async with asyncio.timeout(BOUND_S):
            _, stderr = await asyncio.gather(server.process.wait(), server.process.stderr.read())
        assert server.process.returncode == 0
        assert b"Traceback" not in stderr


async def test_the_cluster_knows_the_client_by_the_name_it_said(tidy_env: dict[str, str]) -> None:
    def names() -> set[str]:
        with Client(settings=load(environment=tidy_env), name="test", start=False) as client:
            return {known["name"] for known in client.status().clients}

    async with raw_server(tidy_env) as server:
        await server.shake_hands()
        await server.call(1, "memory_health")
        assert await asyncio.to_thread(names) == {"by-hand", "test"}


HOSTILE = (
    "workers/__init__.py",
    "router.py",
    "memmux.py",
    "mcp_dealer.py",
    "bench.py",
    "mcp.py",
    "apsw.py",
    "orjson.py",
)


async def test_nothing_of_a_hostile_working_directory_is_imported(tidy_env: dict[str, str], tmp_path: Path) -> None:
    hostile, markers = tmp_path / "hostile", tmp_path / "markers"
    markers.mkdir()
    for name in HOSTILE:
        path = hostile / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"open({str(markers / path.stem)!r}, 'w').close()\nraise SystemExit('imported {name}')\n")
    env = {name: value for name, value in tidy_env.items() if name.startswith("MEMMUX_")}
    env |= {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    async with raw_server(env, cwd=hostile) as server:
        await server.shake_hands()
        await server.call(1, "memory_store", content="Safe and sound.")
        found = await server.call(2, "memory_search", query="sound")
        assert found["structuredContent"]["hits"][0]["content"] == "Safe and sound."
    assert list(markers.iterdir()) == []
    assert sorted(str(path.relative_to(hostile)) for path in hostile.rglob("*.py")) == sorted(HOSTILE)
