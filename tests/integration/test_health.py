"""Health of a real cluster: a database that can't be written is said everywhere, until it can be again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from mcp import Client as McpClient
from mcp.client.stdio import StdioServerParameters, stdio_client

from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.wire.answers import Status
from tests import commands
from tests.bounds import BOUND_S
from tests.integration.helpers import log_lines, status_until


@pytest.fixture
def settings_env(settings_env: dict[str, str]) -> dict[str, str]:
    """A cluster with a health check often."""
    return {**settings_env, "MEMMUX_HEALTH_CHECK_S": "0.5"}


@pytest.fixture
def settings(settings_env: dict[str, str]) -> Settings:
    return load(environment=settings_env)


def _states(status: Status) -> tuple[str, str]:
    return status.health["read"]["state"], status.health["write"]["state"]


def _memmux(env: dict[str, str], *arguments: str) -> str:
    """Return what a command printed that must end well."""
    ended = commands.run(arguments, env)
    ended.check_returncode()
    return ended.stdout.decode()


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """Keep everybody else from writing, as another program may."""
    connection = apsw.Connection(str(database))
    connection.set_busy_timeout(int(1000 * BOUND_S))  # the writer may be in the middle of a transaction
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@pytest.mark.anyio
async def test_a_database_that_can_not_be_written_is_said_by_every_tool_until_it_can_be(
    client: Client, settings: Settings, settings_env: dict[str, str]
) -> None:
    stored = client.store("to be read all the while")
    status_until(client, lambda status: _states(status) == ("ok", "ok"))
    server = StdioServerParameters(command=sys.executable, args=["-P", "-m", "memmux", "mcp"], env=settings_env)
    async with McpClient(stdio_client(server)) as tools:
        with _locked(settings.database):
            status_until(client, lambda status: _states(status) == ("ok", "failing"))
            for name, arguments in (
                ("memory_search", {"query": "read"}),
                ("memory_search", {"query": "read", "mode": "exact"}),
                ("memory_get", {"id": stored.id}),
                ("memory_list", {}),
                ("memory_health", {}),
            ):
                answer = (await tools.call_tool(name, arguments)).structured_content
                assert answer is not None
                assert "write_unhealthy" in answer["degraded"], name
            assert answer["read"].startswith("ok, seen ")
            assert answer["write"].startswith("failing: ")
            assert " at write, " in answer["write"]
            assert answer["state"] == "degraded"
        status_until(client, lambda status: _states(status) == ("ok", "ok"))
        health = (await tools.call_tool("memory_health", {})).structured_content
        assert health is not None
        assert "write_unhealthy" not in health["degraded"]
    log_lines(settings, "health_check_recovered")
    told = log_lines(settings, "health_check_failed", "health_check_recovered")
    assert (told[0]["event"], told[-1]["event"]) == ("health_check_failed", "health_check_recovered")
    assert "write     ok, seen" in _memmux(settings_env, "status")
    _memmux(settings_env, "check", "--deep")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
