"""`memmux install` in a home of its own: what it writes is started for real and answers."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from memmux.config.settings import Settings
from memmux.errors import ServerSilentError
from memmux.hosts import trial
from memmux.hosts.entry import Entry
from memmux.hosts.shadow import SCRIPTS
from memmux.trust import remotes
from memmux.trust.remotes import Remote
from memmux.version import __version__
from memmux.wire.curve import KeyPair
from memmux.wire.roles import Role
from tests import commands
from tests.bounds import AS_USERS, BOUND_S
from tests.commands import MEMMUX
from tests.ports import free_port

Install = Callable[..., subprocess.CompletedProcess[bytes]]
LEGACY = {"command": "uv", "args": ["run", "memory"], "env": {"MCP_AGENT_ID": "ada", "PYTHONPATH": "/src/theirs"}}


@pytest.fixture
def home(short_tmp: Path) -> Path:
    folder = short_tmp / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def server_env(settings_env: dict[str, str]) -> dict[str, str]:
    """The variables that a server needs to find the throwaway cluster, and this tree if it is not installed."""
    names = [name for name in settings_env if name.startswith("MEMMUX_")]
    return {name: settings_env[name] for name in (*names, "PYTHONPATH") if name in settings_env}


@pytest.fixture
def install(settings_env: dict[str, str], server_env: dict[str, str], home: Path, settings: Settings) -> Install:
    """Run `memmux install` with the settings of the throwaway cluster for the server."""
    del settings  # its cluster is stopped at the end
    given = [f"--env={name}={value}" for name, value in server_env.items() if name != "MEMMUX_DATABASE"]

    def run(*arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[bytes]:
        env = {**settings_env, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "PATH": "/nowhere"}
        words = ["install", *(() if "--shadow" in arguments else given), *arguments]  # scripts have no settings
        if stdin == subprocess.DEVNULL:
            return commands.run(words, env, cwd=home)
        command = [*MEMMUX, *words]
        return subprocess.run(
            command, env=env, cwd=home, stdin=stdin, capture_output=True, timeout=BOUND_S, check=False
        )

    return run


def _answer(ended: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def _cursor(home: Path, servers: Mapping[str, object]) -> Path:
    file = home / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"mcpServers": servers}, indent=2))
    return file


def test_what_is_written_answers_initialize_and_lists_its_tools(
    install: Install, home: Path, server_env: dict[str, str]
) -> None:
    answer = _answer(install("cursor", "--json"))
    assert answer["status"] == "installed"
    assert answer["server"]["server"] == "memmux"
    assert answer["server"]["version"] == __version__
    assert answer["server"]["tools"] >= 7
    entry = json.loads((home / ".cursor" / "mcp.json").read_text())["mcpServers"]["memory"]
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][-1] == "mcp"
    assert entry["env"] == server_env
    again = install("cursor")
    assert again.returncode == 0
    assert b"already installed" in again.stdout
    assert b"answers, with" in again.stdout
    assert [path.name for path in (home / ".cursor").iterdir()] == ["mcp.json"]
    removed = _answer(install("cursor", "--uninstall", "--json"))
    assert removed["status"] == "removed"
    assert not (home / ".cursor" / "mcp.json").exists()


def test_an_entry_whose_cluster_elsewhere_is_silent_is_written_and_told(
    install: Install, home: Path, settings_env: dict[str, str]
) -> None:
    settings_env[AS_USERS] = "1"
    remote, own = home / "office.json", KeyPair.make()
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    kept = Remote(name="office", endpoint=endpoint, server=own.public, own=own, role=Role.READ)
    remotes.keep(kept, remote)
    ended = install("cursor", "--env", f"MEMMUX_REMOTE={remote}", "--json")
    answer = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert answer["status"] == "installed"
    assert answer["server"]["tools"] == 4  # those that read, as the file of the key says
    assert answer["error"]["code"] == "cluster_unreachable"
    assert endpoint in answer["error"]["message"]


def test_codex_starts_what_its_toml_says(install: Install, home: Path) -> None:
    answer = _answer(install("codex", "--json"))
    entry = tomllib.loads((home / ".codex" / "config.toml").read_text())["mcp_servers"]["memory"]
    assert entry["args"][-1] == "mcp"
    assert answer["server"]["version"] == __version__


def test_theirs_is_refused_where_nobody_can_be_asked_and_replaced_with_its_variables_if_told(
    install: Install, home: Path
) -> None:
    file = _cursor(home, {"memory": LEGACY})
    before = file.read_bytes()
    refused = install("cursor")
    assert refused.returncode == 1
    assert b"replacement_needed" in refused.stderr
    assert b"--replace" in refused.stderr
    assert file.read_bytes() == before
    answer = _answer(install("cursor", "--yes", "--json"))
    assert answer["status"] == "replaced mcp-memory-service"
    assert answer["server"]["version"] == __version__
    assert Path(answer["backup"]).read_bytes() == before
    env = json.loads(file.read_text())["mcpServers"]["memory"]["env"]
    assert env["MCP_AGENT_ID"] == "ada"
    assert env.get("PYTHONPATH") != "/src/theirs"


def test_their_database_is_named_where_memmux_has_begun_one_and_adopts_it_no_more(
    install: Install, home: Path, settings_env: dict[str, str]
) -> None:
    theirs = home / "sqlite_vec.db"
    theirs.write_bytes(b"x")
    ours = Path(settings_env["MEMMUX_DATABASE"])
    ours.parent.mkdir(exist_ok=True)
    ours.write_bytes(b"x")
    _cursor(home, {"memory": {**LEGACY, "env": {"MCP_MEMORY_SQLITE_PATH": str(theirs)}}})
    answer = _answer(install("cursor", "--replace", "--no-check", "--json"))
    assert [note for note in answer["notes"] if f"`memmux import {theirs}`" in note]


@pytest.mark.parametrize(("said", "replaced"), [(b"y\n", True), (b"n\n", False)])
def test_on_a_terminal_it_asks(said: bytes, replaced: bool, install: Install, home: Path) -> None:
    file = _cursor(home, {"memory": LEGACY})
    before = file.read_bytes()
    ours, theirs = pty.openpty()
    try:
        os.write(ours, said)
        ended = install("cursor", "--no-check", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert b"Put memmux in its place" in ended.stderr
    assert ended.returncode == (0 if replaced else 1)
    assert (file.read_bytes() != before) is replaced


def test_a_dry_run_prints_the_change_and_writes_nothing(install: Install, home: Path) -> None:
    ended = install("claude-code", "--dry-run")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"--- {home}/.claude.json\n".encode())
    assert b'+      "type": "stdio"' in ended.stdout
    assert list(home.iterdir()) == []
    ended = install("--shadow", "--to", str(home / "bin"), "--dry-run")
    assert b"dry run: installed" in ended.stdout
    assert list(home.iterdir()) == []


def test_a_project_gets_a_file_of_its_own(install: Install, home: Path) -> None:
    answer = _answer(install("claude-code", "--project", "--no-check", "--json"))
    assert answer["path"] == str(home / ".mcp.json")
    (home / "work").mkdir()
    answer = _answer(install("vscode", "--project", "work", "--no-check", "--json"))
    assert answer["path"] == str(home / "work" / ".vscode" / "mcp.json")
    assert install("vscode", "--project", "nowhere").returncode == 2
    assert install("windsurf", "--project", "work").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["emacs"],
        ["cursor", "--to", "/x"],
        ["cursor", "--shadow"],
        ["cursor", "--name", "my memory"],
        ["cursor", "--all"],
        ["--all", "--project"],
        ["cursor", "--env", "x"],
    ],
)
def test_wrong_usage_ends_with_2_and_writes_nothing(arguments: list[str], install: Install, home: Path) -> None:
    ended = install(*arguments)
    assert ended.returncode == 2, ended.stdout
    assert list(home.iterdir()) == []


def test_a_server_that_does_not_answer_is_said_with_its_last_words(install: Install, home: Path) -> None:
    ended = install("cursor", "--env", "MEMMUX_DATABASE=/dev/null")
    assert ended.returncode == 1
    assert b"server_silent" in ended.stderr
    assert b"/dev/null" in ended.stderr
    assert b"memmux doctor" in ended.stderr
    assert (home / ".cursor" / "mcp.json").exists()
    answer = json.loads(install("cursor", "--env", "MEMMUX_DATABASE=/dev/null", "--json").stdout)
    assert answer["error"]["code"] == "server_silent"


@pytest.mark.parametrize(
    ("command", "why", "bound_s"),
    [
        (["/nowhere/memmux"], "No such file", BOUND_S),
        ([sys.executable, "-c", "raise SystemExit('no memory today')"], "it wrote: no memory today", BOUND_S),
        ([sys.executable, "-c", "import sys; sys.stdin.read()"], "it said nothing for 3 s", 3.0),
    ],
)
def test_a_trial_ends_whatever_the_server_does(
    command: list[str], why: str, bound_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "BOUND_S", bound_s)
    with pytest.raises(ServerSilentError, match=why):
        trial.run(Entry(command[0], tuple(command[1:])), tmp_path)


def test_all_sets_up_every_client_that_is_here_with_one_summary(
    install: Install, home: Path, server_env: dict[str, str]
) -> None:
    file = _cursor(home, {"memory": LEGACY})
    (home / ".claude.json").write_text('{"oauthAccount": {}}')
    (home / ".claude.json").chmod(0o644)
    (home / ".qwen").mkdir()
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_bytes(b'\xef\xbb\xbfmcp_servers.docs.command = "npx"\r\n')
    (home / ".copilot").mkdir()
    (home / ".copilot" / "mcp-config.json").write_text("{")
    ended = install("--all", "--json")
    assert ended.returncode == 1, ended.stdout
    answers = {answer["client"]: answer for answer in json.loads(ended.stdout)["clients"]}
    assert {name: answer.get("status") for name, answer in answers.items()} == {
        "claude-code": "installed",
        "cursor": None,
        "codex": "installed",
        "qwen": "installed",
        "copilot": None,
    }
    assert answers["cursor"]["error"]["code"] == "replacement_needed"
    assert answers["copilot"]["error"]["code"] == "client_file"
    assert all(answer["server"]["version"] == __version__ for answer in answers.values() if "status" in answer)
    assert stat.S_IMODE((home / ".claude.json").stat().st_mode) == 0o600
    servers = tomllib.loads((home / ".codex" / "config.toml").read_text("utf-8-sig"))["mcp_servers"]
    assert servers["docs"] == {"command": "npx"}
    assert servers["memory"]["env"] == server_env

    (home / ".copilot" / "mcp-config.json").unlink()
    again = install("--all", "--yes")
    assert again.returncode == 0, again.stderr
    text = again.stdout.decode()
    assert text.count("answers, with") == 2  # one of them has the variables of the server that was there
    assert "next:\n  cursor: switch it on in Settings → MCP\n  copilot: " in text
    assert text.endswith("5 of 5 clients done\n")
    assert b"MCP_AGENT_ID" in file.read_bytes()
    removed = install("--all", "--uninstall")
    assert removed.returncode == 0, removed.stderr
    assert b"memory" not in (home / ".codex" / "config.toml").read_bytes()


def test_all_says_that_no_client_is_here(install: Install, home: Path) -> None:
    ended = install("--all")
    assert (ended.returncode, b"no client is found" in ended.stderr) == (1, True)
    assert install("--all", "--uninstall").returncode == 0
    none = install("--all", "--json")
    assert (none.returncode, json.loads(none.stdout)) == (1, {"clients": []})
    assert list(home.iterdir()) == []


def test_a_client_that_is_not_known_is_refused_with_the_list_once(install: Install) -> None:
    assert install("nosuch").stderr.count(b"claude-desktop") == 1


def test_what_comes_next_for_a_project_is_said(install: Install) -> None:
    for client, words in (("claude-code", b"approve"), ("codex", b"trust the folder"), ("gemini", b"trust the folder")):
        ended = install(client, "--project", "--no-check")
        assert ended.returncode == 0, ended.stderr
        assert words in ended.stdout
    assert b"approve" not in install("claude-code", "--no-check").stdout


def test_the_scripts_of_mcp_memory_service_start_memmux(
    install: Install, home: Path, server_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "BOUND_S", BOUND_S)
    folder = home / "venv" / "bin"
    made = install("--shadow", "--to", str(folder))
    assert made.returncode == 0, made.stderr
    assert b"python -m mcp_memory_service.server" in made.stderr
    for name in SCRIPTS:
        entry = Entry(str(folder / name), ("server",) if name == "memory" else (), server_env)
        tried = trial.run(entry, home)
        assert (tried.server, tried.version, tried.tools) == ("memmux", __version__, 14)
    core = Entry(str(folder / "memory-server"), (), {**server_env, "MEMMUX_TOOLS": "core"})
    assert trial.run(core, home).tools == 7
    ended = subprocess.run(
        [folder / "memory", "status"], env={**os.environ, **server_env}, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert b"memmux status" in ended.stderr
    removed = _answer(install("--shadow", "--to", str(folder), "--uninstall", "--json"))
    assert [script["status"] for script in removed["scripts"]] == ["removed"] * 3
    assert list(folder.iterdir()) == []


def test_the_doctor_lists_the_clients(settings_env: dict[str, str], install: Install, home: Path) -> None:
    _cursor(home, {"memory": LEGACY})
    assert install("codex", "--no-check").returncode == 0
    env = {**settings_env, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    ended = commands.run(["doctor", "--json"], env, cwd=home)
    found = [finding for finding in json.loads(ended.stdout)["findings"] if finding["name"] == "clients"]
    assert [finding["level"] for finding in found] == ["warning", "ok"]
    assert "memmux install cursor --replace" in found[0]["text"]
    assert found[1]["text"].startswith("Codex: memory in ")
