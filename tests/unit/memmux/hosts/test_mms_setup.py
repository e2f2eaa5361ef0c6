"""What of a set-up of mcp-memory-service has no counterpart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memmux.hosts import mms_setup
from memmux.hosts.machine import Machine


@pytest.mark.parametrize(
    ("env", "named", "said"),
    [
        ({"MCP_SSE_HOST": "127.0.0.1"}, "MCP_SSE_HOST", "MEMMUX_HTTP"),
        ({"MCP_OAUTH_ENABLED": "1"}, "MCP_OAUTH_ENABLED", "HTTP API"),
        ({"MCP_MEMORY_STORAGE_BACKEND": "cloudflare"}, "cloudflare", "memmux import"),
        ({"MCP_MEMORY_STORAGE_BACKEND": "Hybrid"}, "hybrid", "Cloudflare"),
        ({"MCP_MEMORY_STORAGE_BACKEND": "milvus"}, "milvus", "memmux import"),
        ({"CLOUDFLARE_API_TOKEN": "secret-of-theirs"}, "CLOUDFLARE_API_TOKEN", "Cloudflare"),
        ({"MCP_CONSOLIDATION_ENABLED": "on"}, "MCP_CONSOLIDATION_ENABLED", "on a schedule"),
        ({"MCP_SCHEDULE_DAILY": "02:00"}, "MCP_SCHEDULE_DAILY", "on a schedule"),
        ({"MCP_QUALITY_SYSTEM_ENABLED": "yes"}, "MCP_QUALITY_SYSTEM_ENABLED", "score"),
        ({"MCP_EXTERNAL_EMBEDDING_URL": "http://x"}, "MCP_EXTERNAL_EMBEDDING_URL", "this machine"),
    ],
)
def test_a_variable_without_counterpart_is_one_sentence(env: dict[str, str], named: str, said: str) -> None:
    (sentence,) = mms_setup.of_variables(env)
    assert named in sentence
    assert said in sentence
    assert "secret-of-theirs" not in sentence


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"MCP_OAUTH_ENABLED": "false", "MCP_CONSOLIDATION_ENABLED": "0"},
        {"MCP_HTTP_ENABLED": "true", "MCP_HTTP_PORT": "8000", "MCP_API_KEY": "secret-of-theirs"},
        {"MCP_MEMORY_STORAGE_BACKEND": "sqlite_vec", "MCP_MEMORY_SQLITE_PATH": "/x", "MCP_API_KEY": ""},
        {"MCP_TIMEOUT": "5"},
    ],
)
def test_what_has_a_counterpart_or_is_off_needs_no_word(env: dict[str, str]) -> None:
    assert mms_setup.of_variables(env) == []


def test_several_variables_for_one_thing_are_one_sentence() -> None:
    (sentence,) = mms_setup.of_variables({"MCP_OAUTH_ENABLED": "1", "MCP_SSE_PORT": "8765"})
    assert "MCP_OAUTH_ENABLED, MCP_SSE_PORT" in sentence


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hooks/config.json", '{"memoryService": {"http": {"endpoint": "http://127.0.0.1:8000"}}}'),
        ("hooks/core/session-start.js", "fetch('http://localhost:8000/api/memories')"),
        ("hooks/utilities/mcp-client.js", "// part of mcp-memory-service"),
        (
            "settings.json",
            json.dumps(
                {
                    "hooks": {
                        "Stop": [{"hooks": [{"type": "command", "command": "curl -d @- localhost:8000/api/search"}]}]
                    }
                }
            ),
        ),
        (
            "settings.local.json",
            json.dumps(
                {"hooks": {"SessionStart": [{"hooks": [{"command": "node /x/mcp-memory-service/claude-hooks/a.js"}]}]}}
            ),
        ),
    ],
)
@pytest.mark.parametrize("moved", [False, True])
def test_hooks_that_call_its_http_are_named(
    name: str, text: str, machine: Machine, tmp_path: Path, *, moved: bool
) -> None:
    folder = tmp_path / "moved" if moved else machine.home / ".claude"
    if moved:
        machine = Machine(machine.home, machine.platform, {"CLAUDE_CONFIG_DIR": str(folder)})
    _write(folder / name, text)
    (sentence,) = mms_setup.of_hooks(machine)
    assert str(folder / name) in sentence
    assert "over HTTP" in sentence


def test_hooks_of_others_are_left_out(machine: Machine) -> None:
    folder = machine.home / ".claude"
    assert mms_setup.of_hooks(machine) == []
    _write(folder / "hooks" / "notify.sh", "notify-send done")
    _write(folder / "settings.json", json.dumps({"note": "mcp-memory-service", "hooks": {"Stop": []}}))
    _write(folder / "settings.local.json", "{ [")
    (folder / "hooks" / "binary").write_bytes(b"\xff\x00" * 10)
    assert mms_setup.of_hooks(machine) == []


def test_many_hooks_are_one_sentence(machine: Machine) -> None:
    for number in range(9):
        _write(machine.home / ".claude" / "hooks" / f"{number}.js", "mcp-memory-service")
    (sentence,) = mms_setup.of_hooks(machine)
    assert "0.js" in sentence
    assert "6 more" in sentence
