"""Helpers for tests with real MCP clients: the server is the console script that hosts are told to run."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, TextContent

from memmux import Client as MemmuxClient
from memmux.config.loader import load
from memmux.errors import ClusterUnreachableError
from memmux.processes import alive
from tests.bounds import BOUND_S
from tests.conftest import shares

LATER = "2999-01-01"
MEMMUX = str(Path(sys.executable).with_name("memmux"))
HANDSHAKE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "by-hand", "version": "1"},
}


class RawServer:
    """A `memmux mcp` process, spoken to line by line; every line that it ever wrote to stdout is in `lines`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[bytes] = []
        self._answers: dict[int | str, dict[str, Any]] = {}

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every line as JSON; fails on one that is none."""
        return [json.loads(line) for line in self.lines]

    async def write(self, line: bytes) -> None:
        """Send one line as it is."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()

    async def send(self, method: str, params: Mapping[str, Any] | None = None, request_id: int | None = None) -> None:
        """Send a request, or a notification when it has no id."""
        message = {"jsonrpc": "2.0", "method": method, "params": dict(params or {})}
        await self.write(json.dumps(message if request_id is None else message | {"id": request_id}).encode())

    async def answer(self, request_id: int | str) -> dict[str, Any]:
        """Wait for the answer to a request."""
        assert self.process.stdout is not None
        while request_id not in self._answers:
            async with asyncio.timeout(BOUND_S):
                line = await self.process.stdout.readline()
            assert line, "the server ended"
            self.lines.append(line)
            message = json.loads(line)
            if isinstance(message.get("id"), int | str):
                self._answers[message["id"]] = message
        return self._answers[request_id]

    async def shake_hands(self) -> dict[str, Any]:
        """Say hello as a host does, with request id 0; return the answer."""
        await self.send("initialize", HANDSHAKE, 0)
        answer = await self.answer(0)
        await self.send("notifications/initialized")
        return answer

    async def call(self, request_id: int, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its result."""
        await self.send("tools/call", {"name": tool, "arguments": arguments}, request_id)
        result: dict[str, Any] = (await self.answer(request_id))["result"]
        return result

    async def leave(self) -> int:
        """Close its standard input, as a host does; return its exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        async with asyncio.timeout(BOUND_S):
            self.lines += (await self.process.stdout.read()).splitlines()
            return await self.process.wait()


@asynccontextmanager
async def raw_server(
    env: Mapping[str, str], cwd: Path | None = None, command: Sequence[str] = (MEMMUX, "mcp")
) -> AsyncIterator[RawServer]:
    """Start `memmux mcp` with exactly this environment; it is killed if the test fails."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=env, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe)
    server = RawServer(process)
    try:
        yield server
        if process.returncode is None:
            await server.leave()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Connect(Protocol):
    """Opens an SDK client of a `memmux mcp` of its own."""

    def __call__(
        self, mode: str = "auto", env: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Client]: ...


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tidy_env(settings_env: dict[str, str], request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment of a throwaway cluster; at the end it is stopped, and must leave no process behind."""
    if shares(request):
        request.getfixturevalue("tidy_shared_env")
    yield settings_env
    if not shares(request):
        _stopped_tidily(settings_env)


@pytest.fixture(scope="module")
def tidy_shared_env(shared_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a cluster that the tests of a module share; as of `tidy_env`, at their end."""
    yield shared_env
    _stopped_tidily(shared_env)


def _stopped_tidily(env: Mapping[str, str]) -> None:
    settings = load(environment=env)
    with MemmuxClient(settings=settings, start=False) as client, contextlib.suppress(ClusterUnreachableError):
        status = client.status()
        client.stop()
        left = [pid for pid in (status.pid, *(worker["pid"] for worker in status.workers)) if alive(pid)]
        assert left == [], "the cluster left processes behind"


@pytest.fixture
def emptied_env(tidy_shared_env: dict[str, str]) -> dict[str, str]:
    """The environment of the cluster that the tests of a module share, from which every memory has been purged."""
    with MemmuxClient(settings=load(environment=tidy_shared_env), name="emptier") as client:
        names = [namespace.name for namespace in client.namespaces().namespaces]
        client.forget(before=LATER, namespace=None)
        for name in names:
            assert client.purge(before=LATER, namespace=name).remaining == 0
    return tidy_shared_env


@pytest.fixture
def connect(tidy_env: dict[str, str], tmp_path: Path) -> Connect:
    """Open an SDK client over stdio; what the server says on stderr goes to a file and must be no traceback."""
    return _connect_to(tidy_env, tmp_path)


@pytest.fixture
def join(emptied_env: dict[str, str], tmp_path: Path) -> Connect:
    """The same as `connect`, of the cluster that the tests of a module share."""
    return _connect_to(emptied_env, tmp_path)


def _connect_to(usual: Mapping[str, str], tmp_path: Path) -> Connect:
    numbers = itertools.count(1)

    @asynccontextmanager
    async def connect(mode: str = "auto", env: Mapping[str, str] | None = None) -> AsyncIterator[Client]:
        server = StdioServerParameters(command=MEMMUX, args=["mcp"], env={**(env or usual)}, cwd=tmp_path)
        stderr = tmp_path / f"stderr-{next(numbers)}"
        with stderr.open("w") as errors:
            async with Client(stdio_client(server, errlog=errors), mode=mode, read_timeout_seconds=BOUND_S) as client:
                yield client
        assert "Traceback" not in stderr.read_text()

    return connect


def structured(result: CallToolResult) -> dict[str, Any]:
    """The structured content of a call that succeeded."""
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def refusal(result: CallToolResult) -> str:
    """The text of a call that was refused."""
    assert result.is_error, result.structured_content
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def ready(client: Client) -> dict[str, Any]:
    """Wait until the embedder is there and every memory has its vector; return the health."""
    async with asyncio.timeout(BOUND_S):
        while True:
            health = structured(await client.call_tool("memory_health", {}))
            if "model" in health and health["pending"] == 0:
                return health
