"""Real hosts, from the npm registry, in a throwaway home and without an account: each lists the server as connected."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import MEMMUX
from tests.bounds import BOUND_S, pause

pytestmark = pytest.mark.slow
# Pinned: what the tests say must not depend on the day.
HOSTS = {
    "claude": "@anthropic-ai/claude-code@2.1.197",
    "gemini": "@google/gemini-cli@0.61.0",
    "opencode": "opencode-ai@1.18.33",
}


@pytest.fixture(scope="module")
def programs(pytestconfig: pytest.Config) -> Path:
    """The folder of the hosts' commands, installed once; skips where there is no npm, or the packages can't be had."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = Path(pytestconfig.cache.mkdir("hosts")).resolve()
    programs = folder / "node_modules" / ".bin"
    if any(not (programs / name).exists() for name in HOSTS):
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *HOSTS.values()]
        try:
            made = subprocess.run(
                command, capture_output=True, text=True, timeout=3 * BOUND_S, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            pytest.skip("the hosts could not be fetched in time")
        if made.returncode:
            pytest.skip(f"the hosts can't be installed here: {made.stderr.strip()[-300:]}")
    return programs


def _configuration(name: str, env: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Where a host's configuration is in the home, and what it says."""
    given = {variable: value for variable, value in env.items() if variable.startswith("MEMMUX_")}
    server = {"command": MEMMUX, "args": ["mcp"], "env": given}
    match name:
        case "claude":
            return ".claude.json", {"mcpServers": {"memmux": {"type": "stdio", **server}}}
        case "gemini":
            return ".gemini/settings.json", {
                "mcpServers": {"memmux": server},
                "security": {"folderTrust": {"enabled": False}},
            }
        case _:
            local = {"type": "local", "enabled": True, "command": [MEMMUX, "mcp"], "environment": given}
            return ".config/opencode/opencode.json", {"mcp": {"memmux": local}}


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_lists_the_server_as_connected(
    name: str, programs: Path, tidy_env: dict[str, str], tmp_path: Path
) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    project.mkdir()
    where, content = _configuration(name, tidy_env)
    (home / where).parent.mkdir(parents=True)
    (home / where).write_text(json.dumps(content))
    env = {**os.environ, **tidy_env, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    # Started once before, as by a host that has been there: those that give a server five seconds mean a running one.
    subprocess.run([MEMMUX, "mcp"], env=tidy_env, input=_hello(), check=True, capture_output=True, timeout=BOUND_S)
    until = time.monotonic() + BOUND_S
    while "disconnected" in (said := _listed(programs / name, env, project)) and time.monotonic() < until:
        pause()  # five seconds may be too few for a host and a server that share a processor with a hundred others
    assert "memmux" in said
    assert "connected" in said
    assert "disconnected" not in said


def _listed(program: Path, env: dict[str, str], project: Path) -> str:
    """Return what a host says of its servers, in lower case."""
    listed = subprocess.run(
        [program, "mcp", "list"],
        env=env,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return (listed.stdout + listed.stderr).lower()


def _hello() -> bytes:
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "first", "version": "1"}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}).encode() + b"\n"
