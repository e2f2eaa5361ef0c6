"""The Claude Code hooks of mcp-memory-service, Node scripts of its source distribution, unchanged, before REST."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mcp_dealer.http.rest import routes
from memmux.config.loader import load
from tests.bounds import BOUND_S
from tests.http_app import Served, serve

RELEASE = "mcp-memory-service==12.4.0"
NODE = shutil.which("node")
PATIENT = f"""
    const http = require("node:http"), request = http.request;
    http.request = (asked, ...more) => request({{ ...asked, timeout: {BOUND_S * 1000:.0f} }}, ...more);
"""  # the hooks give up after some seconds
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


@pytest.fixture(scope="session")
def hooks(pytestconfig: pytest.Config) -> Path:
    """The folder of the hooks, which is fetched once, and kept between runs."""
    kept = Path(pytestconfig.cache.mkdir("mms-hooks")).resolve()
    found = kept / "claude-hooks"
    if not found.exists():
        with tempfile.TemporaryDirectory(dir=kept) as folder:  # another run may fetch them at the same time
            _fetch(Path(folder), found)
    return found


def _fetch(folder: Path, found: Path) -> None:
    fetch = ["download", "--quiet", "--no-deps", "--no-binary", RELEASE.partition("=")[0], "--dest", str(folder)]
    try:
        subprocess.run([sys.executable, "-m", "pip", *fetch, RELEASE], check=True, capture_output=True, timeout=BOUND_S)
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"the source distribution of {RELEASE} can't be had from PyPI")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (unpacked,) = folder.glob("*/claude-hooks")
    with suppress(OSError):  # the other one was first
        unpacked.rename(found)


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str]) -> Iterator[Served]:
    """REST before the cluster of this module."""
    with serve(load(environment=shared_env), routes) as served:
        served.get("/api/status")  # the cluster has started: the hooks wait for three seconds
        yield served


class _Host:
    """A home and a project of somebody who has set the hooks up by their README."""

    def __init__(self, hooks: Path, home: Path, server: Served) -> None:
        self.hooks, self.home = hooks, home
        self.project = home / "harbour"
        self.project.mkdir()
        (home / ".claude" / "hooks").mkdir(parents=True)
        config = json.loads((hooks / "config.template.json").read_text())
        service = config["memoryService"]
        service["protocol"] = "http"
        service["http"] |= {"endpoint": server.url, "apiKey": "a-key"}
        (home / ".claude" / "hooks" / "config.json").write_text(json.dumps(config))
        (home / "patient.js").write_text(PATIENT)
        self.command = [str(NODE), "--require", str(home / "patient.js")]

    def run(self, script: str, given: object) -> str:
        """Run a script as Claude Code does; return what it printed."""
        ended = subprocess.run(
            [*self.command, str(self.hooks / script)],
            input=json.dumps(given),
            env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout + ended.stderr

    def call(self, expression: str) -> Any:
        """Return what an expression over the hooks' own client gives."""
        script = f"""
            const {{ MemoryClient }} = require({json.dumps(str(self.hooks / "utilities" / "memory-client.js"))});
            const config = require({json.dumps(str(self.home / ".claude" / "hooks" / "config.json"))});
            (async () => {{
                const client = new MemoryClient(config.memoryService);
                await client.connect();
                console.log("=>" + JSON.stringify(await ({expression})));
                await client.disconnect();
            }})();
        """
        asked = [*self.command, "-e", script]
        ended = subprocess.run(asked, capture_output=True, text=True, timeout=BOUND_S, check=False)
        (said,) = [line for line in ended.stdout.splitlines() if line.startswith("=>")] or [ended.stderr]
        return json.loads(said.removeprefix("=>"))


@pytest.fixture
def host(hooks: Path, tmp_path: Path, server: Served) -> _Host:
    """Somebody with the hooks."""
    return _Host(hooks, tmp_path, server)


def test_their_client_stores_and_finds(host: _Host, server: Served) -> None:
    stored = host.call('client.storeMemory("the harbour is deep", { tags: ["harbour"] })')
    assert stored["success"] is True
    assert server.get(f"/api/memories/{stored['contentHash']}").json["tags"] == ["harbour"]
    (found,) = host.call('client.queryMemories("harbour deep", 1)')
    assert (found["content"], found["content_hash"]) == ("the harbour is deep", stored["contentHash"])
    assert 0 <= found["similarity_score"] <= 1
    times = host.call('client.queryMemoriesByTime("today", 5, "harbour deep")')
    assert stored["contentHash"] in [one["content_hash"] for one in times]
    health = host.call("client.getHealthStatus()")
    assert health["data"]["storage"]["status"] == "connected"
    assert health["data"]["statistics"]["total_memories"] >= 1


def test_what_is_captured_automatically_is_there(host: _Host, server: Served) -> None:
    said = "We decided to use the blue crane instead of the red one because it lifts more. " * 8
    lines = [
        {"type": "user", "message": {"role": "user", "content": "#remember which crane shall we use?"}},
        {"type": "assistant", "message": {"role": "assistant", "content": [{"type": "text", "text": said}]}},
    ]
    transcript = host.home / "transcript.jsonl"
    transcript.write_text("\n".join(map(json.dumps, lines)))
    host.run("core/auto-capture-hook.js", {"transcript_path": str(transcript), "cwd": str(host.project)})
    found = server.post("/api/search", {"query": "which crane lifts more", "n_results": 1}).json["results"]
    assert "blue crane" in found[0]["memory"]["content"]


def test_a_session_begins_with_what_is_known_of_the_project(host: _Host, server: Served) -> None:
    text = "harbour: the decision is to dredge the harbour in spring, as the architecture of the quay allows it"
    server.post("/api/memories", {"content": text, "tags": ["harbour", "decision"], "memory_type": "decision"})
    given = {"cwd": str(host.project), "session_id": "s", "source": "startup"}
    until = time.monotonic() + BOUND_S
    while "dredge the harbour" not in (said := host.run("core/session-start.js", given)):  # it waits for two seconds
        assert time.monotonic() < until, said


def test_a_session_ends_with_what_was_decided(host: _Host, server: Served) -> None:
    said = "We decided to paint the lighthouse white. I learned that the key insight is: salt eats red paint. " * 3
    lines = [
        {"type": "user", "message": {"role": "user", "content": "how shall we paint the lighthouse? " * 5}},
        {"type": "assistant", "message": {"role": "assistant", "content": [{"type": "text", "text": said}]}},
    ]
    transcript = host.home / "session.jsonl"
    transcript.write_text("\n".join(map(json.dumps, lines)))
    given = {"transcript_path": str(transcript), "cwd": str(host.project), "session_id": "s", "reason": "exit"}
    host.run("core/session-end.js", given)
    tagged = server.post("/api/search/by-tag", {"tags": ["session-consolidation"]}).json
    assert any("lighthouse" in one["memory"]["content"] for one in tagged["results"])
