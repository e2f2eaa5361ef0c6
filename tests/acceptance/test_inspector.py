"""The MCP inspector of the npm registry, as its command line: a client that shares no code with the SDK."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import MEMMUX
from tests.bounds import BOUND_S

INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"  # pinned: what the test says must not depend on the day
TOOL_ERROR = 5  # the inspector's exit code for a result that is a tool error


@pytest.fixture(scope="module")
def inspector() -> list[str]:
    """The command of the inspector; skips where there is no node, or the package can't be had."""
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is not installed")
    command = [npx, "--yes", INSPECTOR, "--cli"]
    try:
        tried = subprocess.run(
            [*command, "--help"], capture_output=True, text=True, timeout=BOUND_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{INSPECTOR} could not be fetched within {BOUND_S:g} s")
    if tried.returncode:
        pytest.skip(f"{INSPECTOR} does not run here: {tried.stderr.strip()[-300:]}")
    return command


class Inspector:
    """Calls one method of the server, each time with a server of its own."""

    def __init__(self, command: list[str], env: dict[str, str], config: Path) -> None:
        self._command = [*command, "--config", str(config), "--server", "memmux"]
        self._env = env
        given = {name: value for name, value in env.items() if name.startswith("MEMMUX_")}
        server = {"command": MEMMUX, "args": ["mcp"], "env": given}
        config.write_text(json.dumps({"mcpServers": {"memmux": server}}))

    def __call__(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        command = [*self._command, *arguments]
        ended = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=BOUND_S, check=False)
        assert ended.returncode == code, ended.stderr[-2000:]
        result: dict[str, Any] = json.loads(ended.stdout)
        return result

    def call(self, tool: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        pairs = [part for argument in arguments for part in ("--tool-arg", argument)]
        return self("--method", "tools/call", "--tool-name", tool, *pairs, code=code)


def test_the_inspector_lists_stores_finds_and_is_refused(
    inspector: list[str], tidy_env: dict[str, str], tmp_path: Path
) -> None:
    inspect = Inspector(inspector, {**os.environ, **tidy_env}, tmp_path / "inspector.json")
    tools = inspect("--method", "tools/list")["tools"]
    assert "memory_store" in {tool["name"] for tool in tools}
    stored = inspect.call("memory_store", "content=The kettle is from 1931.", 'tags=["kitchen"]')["structuredContent"]
    found = inspect.call("memory_search", "query=kettle", "limit=3")["structuredContent"]
    assert [hit["id"] for hit in found["hits"]] == [stored["id"]]
    assert found["hits"][0]["tags"] == ["kitchen"]
    refused = inspect.call("memory_get", "id=no-such-memory", code=TOOL_ERROR)
    assert refused["content"][0]["text"].startswith("not_found: ")
