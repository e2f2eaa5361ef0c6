from __future__ import annotations

import shlex

import pytest

from memmux.hosts.catalogue import HOSTS
from memmux.hosts.entry import Entry, Kind, build, kind, parse, plain

LEGACY = [
    "memory server",
    "memory",
    "/home/ada/.local/bin/memory server --debug",
    "memory-server",
    "mcp-memory-server",
    "uv --directory /src/mcp-memory-service run memory",
    "uv --directory /src/mcp-memory-service run memory server",
    "/opt/homebrew/bin/uv run --directory /src/x --extra sqlite-vec memory server",
    "uv run --with mcp-memory-service memory server",
    "uv run --python 3.12 -m mcp_memory_service.server",
    "python -m mcp_memory_service.server",
    "/src/venv/bin/python3.12 -u -X utf8 -m mcp_memory_service.server",
    "python -m mcp_memory_service.cli.main server",
    "python /src/mcp-memory-service/scripts/server/run_memory_server.py",
    "uv run python /src/mcp-memory-service/src/mcp_memory_service/server.py",
    "uvx --from mcp-memory-service memory server",
    "uvx --from git+https://example.org/mcp-memory-service.git memory server",
    "uvx mcp-memory-service@latest",
    "uv tool run --from mcp-memory-service[sqlite] memory-server",
    "pipx run --spec mcp-memory-service==12.4.0 memory server",
    "pipx run mcp-memory-service",
    "env MCP_MEMORY_USE_ONNX=1 memory server",
    "bash -lc 'exec memory server'",
    "sh -c 'uv --directory /src/mcp-memory-service run memory'",
    "cmd /c memory.exe server",
    r"'C:\Users\Ada\mcp\Scripts\memory.exe' server",
    r"cmd.exe /C 'C:\src\venv\Scripts\python.exe' -m mcp_memory_service.server",
    r"python.exe 'C:\src\mcp-memory-service\scripts\run_memory_server.py'",
]
OURS = [
    "memmux mcp",
    "/home/ada/.venv/bin/memmux mcp",
    "/usr/bin/python3 -P -m memmux mcp",
    "uvx memmux mcp",
    "uvx --from 'memmux[model]' memmux mcp",
    "uv --directory /src/memmux run memmux mcp",
    r"'C:\Program Files\memmux\memmux.exe' mcp",
    "python -P -m memmux.cli.shadow_launcher memory server",
    "python -m mcp_dealer",
]
OTHERS = [
    "npx -y @modelcontextprotocol/server-memory",
    "memory dump",
    "memoryd server",
    "node /src/memory/server.js",
    "python server.py",
    "uv run server.py",
    "uv sync",
    "docker run -i mcp/memory",
    "bash -lc 'unclosed",
    "python",
    "env",
]


def _entry(line: str) -> Entry:
    command, *args = ["bash", "-lc", "'unclosed"] if "unclosed" in line else shlex.split(line)
    return Entry(command, tuple(args))


@pytest.mark.parametrize("line", LEGACY)
def test_every_way_to_start_mcp_memory_service_is_known(line: str) -> None:
    assert kind(_entry(line), lambda _: False) is Kind.MMS


@pytest.mark.parametrize("line", OURS)
def test_every_way_to_start_memmux_is_known(line: str) -> None:
    assert kind(_entry(line), lambda _: False) is Kind.MEMMUX


@pytest.mark.parametrize("line", OTHERS)
def test_other_servers_are_other_servers(line: str) -> None:
    assert kind(_entry(line), lambda _: True) is Kind.OTHER


def test_a_script_of_ours_is_ours_whatever_its_name() -> None:
    assert kind(Entry("/bin/memory", ("server",)), lambda command: command == "/bin/memory") is Kind.MEMMUX
    assert kind(Entry("/other/memory", ("server",)), lambda command: command == "/bin/memory") is Kind.MMS


@pytest.mark.parametrize("raw", [None, "memory server", [], {}, {"url": "http://x"}, {"command": 5}, {"command": " "}])
def test_what_starts_nothing_is_no_entry(raw: object) -> None:
    assert parse(raw) is None
    assert kind(parse(raw), lambda _: True) is Kind.OTHER


def test_an_entry_is_read_as_it_is_written() -> None:
    entry = Entry("/bin/memmux", ("mcp",), {"A": "b"})
    for client in HOSTS.values():
        assert parse(build(entry, client)) == entry
    assert list(build(entry, HOSTS["claude-code"])) == ["type", "command", "args", "env"]
    assert build(Entry("x"), HOSTS["cursor"]) == {"command": "x", "args": []}
    assert build(entry, HOSTS["opencode"]) == {
        "type": "local",
        "command": ["/bin/memmux", "mcp"],
        "environment": {"A": "b"},
    }


def test_odd_values_of_an_entry_are_read_as_text() -> None:
    assert parse({"command": "memory", "args": [1], "env": {"A": 5}}) == Entry("memory", ("1",), {"A": "5"})
    env = {"A": True, "B": None, "C": False, "D": 1.5, "E": ["x"], "F": "None"}
    said = {"A": "true", "C": "false", "D": "1.5", "E": '["x"]', "F": "None"}
    assert parse({"command": "memory", "args": [True, None], "env": env}) == Entry("memory", ("true",), said)
    assert parse({"command": "memory", "args": "server -v", "env": []}) == Entry("memory", ("server", "-v"), {})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        *((line, True) for line in OURS),
        ("env A=1 memmux mcp", True),
        ("bash -c 'memmux mcp | tee log'", False),
        ("sh -lc 'exec memmux mcp'", False),
        ("env A=1 sh -c 'memmux mcp'", False),
        ("memory server", False),
    ],
)
def test_an_entry_that_goes_through_a_shell_is_none_that_memmux_wrote(line: str, expected: bool) -> None:
    command, *args = shlex.split(line)
    assert plain(Entry(command, tuple(args))) is expected
