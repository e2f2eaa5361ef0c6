from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from memmux.doctor import hosts
from memmux.doctor.finding import Finding, Level
from memmux.hosts.catalogue import HOSTS, Host
from memmux.hosts.entry import Entry, build
from memmux.hosts.machine import Machine


def _findings(machine: Machine, folder: Path) -> list[Finding]:
    return list(hosts.of_hosts(machine, folder, lambda _: False))


def _write(file: Path, client: Host, command: str, *args: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".toml":
        text = f"[{client.servers}.memory]\ncommand = {json.dumps(command)}\nargs = {json.dumps(args)}\n"
    else:
        entry = build(Entry(command, args), client)
        text = json.dumps({client.servers: {"memory": entry, "docs": {"command": "npx"}}})
    file.write_text(text)


def test_that_no_client_is_set_up_is_said_with_the_way_to_do_it(machine: Machine, tmp_path: Path) -> None:
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.OK
    assert "memmux install CLIENT" in finding.text
    assert all(name in finding.text for name in HOSTS)


def test_a_client_that_runs_memmux_is_named_with_its_file_and_command(
    client: Host, machine: Machine, tmp_path: Path
) -> None:
    file = client.user_file(machine)
    _write(file, client, sys.executable, "-P", "-m", "memmux", "mcp")
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.OK
    assert finding.text == f"{client.label}: memory in {file} runs `{sys.executable} -P -m memmux mcp`"


def test_a_client_that_runs_mcp_memory_service_is_a_warning_with_the_remedy(
    client: Host, machine: Machine, tmp_path: Path
) -> None:
    _write(client.user_file(machine), client, "uv", "--directory", "/src/x", "run", "memory")
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.WARNING
    assert f"`memmux install {client.name} --replace`" in finding.text


@pytest.mark.parametrize(("command", "why"), [("/gone/bin/memmux", "not there any more"), ("memmux", "")])
def test_a_command_that_a_client_can_not_find_is_a_warning(
    command: str, why: str, client: Host, machine: Machine, tmp_path: Path
) -> None:
    _write(client.user_file(machine), client, command, "mcp")
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.WARNING
    assert why in finding.text
    assert f"`memmux install {client.name} --name memory`" in finding.text


@pytest.mark.parametrize("name", [name for name, client in HOSTS.items() if client.project])
def test_the_project_in_the_working_directory_is_looked_at_too(name: str, machine: Machine, tmp_path: Path) -> None:
    _write(HOSTS[name].project_file(tmp_path), HOSTS[name], "memory", "server")
    (finding,) = _findings(machine, tmp_path)
    assert f"`memmux install {name} --project --replace`" in finding.text


def test_the_home_folder_as_working_directory_is_looked_at_once(machine: Machine) -> None:
    _write(HOSTS["cursor"].user_file(machine), HOSTS["cursor"], sys.executable, "-m", "memmux", "mcp")
    assert len(_findings(machine, machine.home)) == 1


def test_an_entry_for_one_project_of_claude_code_says_for_which(machine: Machine, tmp_path: Path) -> None:
    file = HOSTS["claude-code"].user_file(machine)
    file.parent.mkdir(parents=True)
    server = {"command": "memory", "args": ["server"]}
    file.write_text(json.dumps({"projects": {"/work": {"mcpServers": {"memory": server}}}}))
    (finding,) = _findings(machine, tmp_path)
    assert "memory for /work in" in finding.text


def test_a_file_that_nobody_can_read_is_a_warning(client: Host, machine: Machine, tmp_path: Path) -> None:
    file = client.user_file(machine)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{ [")
    (finding,) = _findings(machine, tmp_path)
    assert finding.level is Level.WARNING
    assert str(file) in finding.text
