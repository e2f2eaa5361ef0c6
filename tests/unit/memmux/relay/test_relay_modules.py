"""What a relay imports: there is one for each host all day, so each module is one too many until it is listed here."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from memmux.relay import process
from tests.bounds import BOUND_S

ALLOWED = {
    "__future__",
    "_blake2",
    "_socket",
    "fcntl",
    "memmux",
    "memmux.__main__",
    "memmux.interpreter",
    "memmux.relay",
    "memmux.relay.children",
    "memmux.relay.frames",
    "memmux.relay.host",
    "memmux.relay.line_log",
    "memmux.relay.overlong",
    "memmux.relay.process",
    "memmux.relay.relay",
    "memmux.relay.route",
    "memmux.relay.search",
    "memmux.relay.turn",
    "memmux.relay.way",
    "memmux.stdio",
    "memmux.version",
    "select",
}


def test_a_relay_imports_what_is_listed_and_nothing_else(settings_env: dict[str, str]) -> None:
    code = (
        "import os, sys; before = set(sys.modules); sys.argv = ['memmux', 'mcp']; "
        "os._exit = lambda code: (print(sorted(set(sys.modules) - before), flush=True), sys.exit(code)); "
        "from memmux.__main__ import main; main()"
    )
    env = {name: value for name, value in settings_env.items() if name.startswith("MEMMUX_")}  # stopped at the end
    command = [sys.executable, "-P", "-c", code]
    ended = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOUND_S, check=True
    )
    assert set(ast.literal_eval(ended.stdout)) == ALLOWED


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (["mcp"], True),
        (["--database", "mcp", "mcp"], True),
        (["--database=x", "mcp", "--from", "y"], True),
        (["status"], False),
        (["--database", "mcp"], False),
        (["mcp", "status"], False),
        (["mcp", "--help"], False),
        (["--version"], False),
        ([], False),
    ],
)
def test_a_relay_is_wanted_for_the_command_mcp_alone(
    monkeypatch: pytest.MonkeyPatch, line: list[str], wanted: bool
) -> None:
    monkeypatch.delenv(process.SETTING, raising=False)
    assert process.wanted(line) is wanted
    monkeypatch.setenv(process.SETTING, "0")
    assert process.wanted(line) is False
