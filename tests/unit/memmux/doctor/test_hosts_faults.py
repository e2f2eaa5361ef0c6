"""Entries that read as if they started memmux, and do not: each is a warning that names the fault and the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memmux.doctor import hosts
from memmux.doctor.finding import Finding, Level
from memmux.hosts import install as plans
from memmux.hosts.catalogue import HOSTS
from memmux.hosts.config_file import Document
from memmux.hosts.entry import Entry
from memmux.hosts.machine import Machine
from tests.unit.memmux.hosts.home import apply


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A command that a client can start."""
    path = tmp_path / "bin" / "memmux"
    path.parent.mkdir()
    path.touch(mode=0o755)
    return str(path)


def _findings(machine: Machine, folder: Path) -> list[Finding]:
    return list(hosts.of_hosts(machine, folder, lambda _: False))


def _write(machine: Machine, name: str, value: object) -> Path:
    file = HOSTS[name].user_file(machine)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))
    return file


FAULTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "its arguments lack `mcp`"),
    ({"args": []}, "its arguments lack `mcp`"),
    ({"args": None}, "its arguments lack `mcp`"),
    ({"args": "mcp"}, 'its args are to be a list: ["mcp"]'),
    ({"args": {"0": "mcp"}}, "its args are to be a list"),
    ({"args": ["memmux", "mcp"]}, "it runs `memmux memmux`"),
    ({"args": ["serve"]}, "it runs `memmux serve`, which serves no client"),
    ({"args": ["mpc"]}, "it runs `memmux mpc`"),
    ({"args": ["mcp mcp"]}, "it runs `memmux mcp mcp`"),
    ({"args": ["mcp", "start"]}, "does not take start"),
    ({"args": ["--databse", "mcp"]}, "no option --databse"),
    ({"args": ["mcp", "--stdio"]}, "no option --stdio"),
    ({"args": ["mcp", "--database"]}, "--database has no value"),
    ({"args": ["mcp", 1]}, "not all texts"),
    ({"command": "{program} mcp"}, "its command holds arguments"),
    ({"command": "{program} mcp", "args": []}, "its command holds arguments"),
    ({"command": ["{program}", "mcp"]}, "takes a text, and the arguments in args"),
    ({"args": ["mcp"], "env": "MEMMUX_TOOLS=full"}, "its env is no object"),
    ({"args": ["mcp"], "env": {"MEMMUX_READERS": 2}}, "to be texts, in quotes: MEMMUX_READERS"),
    ({"args": ["mcp"], "environment": {"MEMMUX_READERS": "2"}}, "reads variables in env, and not in environment"),
    ({"args": ["mcp"], "type": "http"}, 'its type is to be "stdio"'),
)


@pytest.mark.parametrize(("raw", "said"), FAULTS)
def test_an_entry_that_starts_nothing_is_a_warning_and_an_installation_corrects_it(
    raw: dict[str, Any], said: str, program: str, machine: Machine, tmp_path: Path
) -> None:
    raw = json.loads(json.dumps({"command": program, **raw}).replace("{program}", program))
    file = _write(machine, "cursor", {"mcpServers": {"mem": raw}})
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.WARNING
    assert said in finding.text
    assert "not there any more" not in finding.text
    assert "`memmux install cursor --name mem`" in finding.text
    wanted = Entry(program, ("mcp",))
    apply(plans.install(Document.of(HOSTS["cursor"], file), wanted, lambda _: False, name="mem", replace=False))
    assert [each.level for each in _findings(machine, tmp_path)] == [Level.OK]


@pytest.mark.parametrize(
    "line",
    [
        {"command": "python", "args": "-P -m memmux mcp"},
        {"command": "python -P -m memmux mcp"},
        {"command": "uvx memmux mcp"},
        {"command": "memmux mcp"},
    ],
)
def test_a_line_in_one_text_is_known_as_memmux(line: dict[str, Any], machine: Machine, tmp_path: Path) -> None:
    _write(machine, "cursor", {"mcpServers": {"memory": line}})
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.WARNING
    assert "`memmux install cursor --name memory`" in finding.text


@pytest.mark.parametrize("raw", [{"args": ["mcp"]}, {"cmd": "/bin/memmux", "args": ["mcp"]}, "/bin/memmux mcp"])
def test_an_entry_without_a_command_is_a_warning(raw: object, machine: Machine, tmp_path: Path) -> None:
    _write(machine, "cursor", {"mcpServers": {"memmux": raw}})
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.WARNING
    assert "no command to start" in finding.text


def test_a_text_where_a_client_takes_one_list_is_a_warning(program: str, machine: Machine, tmp_path: Path) -> None:
    _write(machine, "opencode", {"mcp": {"memory": {"type": "local", "command": program, "args": ["mcp"]}}})
    (finding,) = _findings(machine, tmp_path)
    assert "to be one list" in finding.text


@pytest.mark.parametrize("name", [name for name, client in HOSTS.items() if client.format == "json"])
@pytest.mark.parametrize("path", [(), ("memory",), ("servers", "memory"), ("mcpServers", "memory"), ("some", "x", "y")])
def test_an_entry_where_its_client_does_not_look_is_a_warning(
    path: tuple[str, ...], name: str, program: str, machine: Machine, tmp_path: Path
) -> None:
    client = HOSTS[name]
    if path[:1] == (client.servers,) and len(path) == len(("servers", "name")):
        return  # it does look there
    value: object = {"command": [program, "mcp"]} if client.one_list else {"command": program, "args": ["mcp"]}
    for key in reversed(path):
        value = {key: value}
    _write(machine, name, value)
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.WARNING
    assert f"it reads {client.servers}" in finding.text
    assert f"`memmux install {name}`" in finding.text


@pytest.mark.parametrize(
    "args",
    [
        ["mcp"],
        ["--database", "/x.db", "mcp"],
        ["mcp", "--database=/x.db"],
        ["mcp", "--from", "/y.db"],
        ["--readers=1", "mcp"],
    ],
)
def test_an_entry_with_settings_is_well(args: list[str], program: str, machine: Machine, tmp_path: Path) -> None:
    _write(machine, "cursor", {"mcpServers": {"memory": {"command": program, "args": args, "type": "stdio"}}})
    assert [finding.level for finding in _findings(machine, tmp_path)] == [Level.OK]
