"""Uninstalling: what memmux made goes, and nothing else."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.installation import removal
from tests import commands
from tests.bounds import BOUND_S
from tests.commands import MEMMUX

Memmux = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(settings_env: dict[str, str], short_tmp: Path) -> Path:
    """A home folder, to which the environment leads, and nowhere else."""
    folder = short_tmp / "home"
    folder.mkdir()
    for name in [name for name in settings_env if name.startswith(("XDG_", "CLAUDE", "CODEX", "GEMINI"))]:
        del settings_env[name]
    config = folder / ".config"
    settings_env |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(config), "PATH": str(folder)}  # no service manager
    return folder


@pytest.fixture
def memmux(settings_env: dict[str, str], home: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return commands.text(commands.run(arguments, settings_env, cwd=home))

    return run


def tree(folder: Path) -> dict[str, bytes]:
    """The files in a folder, with what is in them."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def used(memmux: Memmux, home: Path, env: dict[str, str]) -> None:
    """Use memmux, so that there is something of each kind, beside files of others."""
    (home / ".claude.json").write_text('{"theme": "dark"}\n')
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").write_text('{"mcpServers": {"other": {"command": "x"}}}\n')
    for client in ("claude-code", "cursor"):
        assert memmux("install", client, "--no-check").returncode == 0
    units = home / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "memmux-mine.service").write_text("[Service]\n")
    (units / "memmux-0123456789ab.service").write_text(
        "# Made by `memmux service install`; `memmux service uninstall` removes it.\n"
    )
    assert memmux("store", "one").returncode == 0
    for folder in ("models", "bench", "mine"):
        (Path(env["MEMMUX_CACHE_DIR"]) / folder).mkdir(parents=True)
        (Path(env["MEMMUX_CACHE_DIR"]) / folder / "file").write_text("x")
    (Path(env["MEMMUX_CACHE_DIR"]) / "models" / ".owner--name.lock").touch()
    (Path(env["MEMMUX_STATE_DIR"]) / "logs" / "mine").mkdir()
    (Path(env["MEMMUX_STATE_DIR"]) / "logs" / "mine" / "file").write_text("x")
    (home / ".config" / "memmux" / "remotes").mkdir(parents=True)
    (home / ".config" / "memmux" / "remotes" / "mine.json").write_text("{}")
    (home / ".config" / "memmux" / "memmux.toml").write_text('readers = 1\nremote = "none"\n')


def test_a_dry_run_shows_all_and_changes_nothing(memmux: Memmux, home: Path, settings_env: dict[str, str]) -> None:
    used(memmux, home, settings_env)
    before = tree(home)
    shown = memmux("uninstall", "--dry-run", "--json")
    assert shown.returncode == 0, shown.stderr
    kinds = [one["kind"] for one in json.loads(shown.stdout)["removed"]]
    assert sorted(set(kinds)) == [
        "cache",
        "client",
        "cluster",
        "copy of a client's file",
        "logs",
        "service",
        "setting",
        "sockets",
    ]
    assert kinds.count("client") == 2
    assert sorted(one["kind"] for one in json.loads(shown.stdout)["kept"]) == ["memories", "other"]
    assert tree(home) == before
    assert memmux("status").returncode == 0
    asked = memmux("uninstall")
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert tree(home) == before


def test_all_goes_but_the_memories_and_what_others_made(
    memmux: Memmux, home: Path, settings_env: dict[str, str], short_tmp: Path
) -> None:
    used(memmux, home, settings_env)
    ended = memmux("uninstall", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert "the package itself: " in ended.stdout
    left = {
        name: text
        for name, text in tree(short_tmp).items()
        if not name.startswith("data/") and ".before-memmux-" not in name
    }
    assert sorted(left) == [
        "cache/bench/file",
        "cache/mine/file",
        "cache/models/file",
        "home/.claude.json",
        "home/.config/memmux/memmux.toml",
        "home/.config/memmux/remotes/mine.json",
        "home/.config/systemd/user/memmux-mine.service",
        "home/.cursor/mcp.json",
        "state/logs/mine/file",
    ]
    assert left["home/.claude.json"] == b'{"theme": "dark"}\n'
    assert left["home/.cursor/mcp.json"] == b'{"mcpServers": {"other": {"command": "x"}}}\n'
    assert left["home/.config/memmux/memmux.toml"] == b"readers = 1\n"
    assert not Path(settings_env["MEMMUX_RUNTIME_DIR"]).exists()
    with Client(settings=load(environment=settings_env), name="test") as client:
        assert client.list()[0].content == "one"


def test_memories_that_only_the_logs_knew_of_are_found_later_by_the_command_that_is_printed(
    memmux: Memmux, short_tmp: Path
) -> None:
    other = short_tmp / "my other.db"
    assert memmux("--database", str(other), "store", "one").returncode == 0
    said = memmux("uninstall", "--yes").stdout
    (line,) = re.findall(r"name them: memmux (.*)", said)
    assert other.exists()
    assert memmux("uninstall", "--data", "--yes").returncode == 0
    assert other.exists()
    assert memmux(*shlex.split(line), "--yes").returncode == 0
    assert not other.exists()


def test_the_sockets_of_another_home_stay_as_its_cluster_needs_them(
    memmux: Memmux, settings_env: dict[str, str], short_tmp: Path
) -> None:
    assert memmux("store", "ours").returncode == 0
    other = {**settings_env, "MEMMUX_STATE_DIR": str(short_tmp / "other"), "MEMMUX_DATABASE": str(short_tmp / "o.db")}
    theirs = load(environment=other)
    try:
        with Client(settings=theirs, name="test") as client:
            client.store("theirs")
            shown = json.loads(memmux("uninstall", "--dry-run", "--json").stdout)["removed"]
            (sockets,) = [one["what"] for one in shown if one["kind"] == "sockets"]
            assert sockets == f"{settings_env['MEMMUX_RUNTIME_DIR']} (1 folder)"
            assert memmux("uninstall", "--yes").returncode == 0
        with Client(settings=theirs, name="test", start=False) as client:
            assert client.list()[0].content == "theirs"
    finally:
        with Client(settings=theirs, name="test", start=False) as client:
            client.stop()


def test_the_memories_go_when_that_is_typed(
    memmux: Memmux, home: Path, settings_env: dict[str, str], short_tmp: Path
) -> None:
    used(memmux, home, settings_env)
    data = short_tmp / "data"
    (data / "mine.txt").write_text("x")
    assert answered("yes", settings_env) == 1
    assert (data / "memories.db").exists()
    assert answered("delete", settings_env) == 0
    assert list(data.iterdir()) == [data / "mine.txt"]
    assert "copy of a client's file" in memmux("uninstall", "--data", "--yes").stdout  # as they were before
    assert "nothing of memmux is here" in memmux("uninstall", "--data", "--yes").stdout


def test_what_others_put_among_it_stays_and_is_named(
    memmux: Memmux, home: Path, settings_env: dict[str, str], short_tmp: Path
) -> None:
    used(memmux, home, settings_env)
    assert memmux("backup").returncode == 0
    assert memmux("stop").returncode == 0
    data, (logs,) = short_tmp / "data", (short_tmp / "state" / "logs").glob("[0-9a-f]" * 12)
    database = data / "memories.db"
    (backup,) = (data / "memories.db.backups").iterdir()
    name = "memories-20260101T000000Z-1.db"
    theirs = {
        "cache/models/file": b"x",
        f"data/memories.db.backups/{name}": b"not a database",
        "data/memories.db.backups/mine.db": b"x",
        "data/memories.db.backups/work.db": backup.read_bytes(),
        "data/memories.db.backups/more/mine.txt": b"x",
        "data/memories.db.index/mine.npy": b"x",
        "data/memories.db.index/1-0123456789abcdef-7/mine.npy": b"x",
        "data/memories.db.keys": b"the keys of my house\n",
        "data/memories.db.copies": b"three\n",
        "data/memories.db.before-restore-mine": b"mine",
        f"state/logs/{logs.name}/foreign.txt": b"x",
        f"state/logs/{logs.name}/router.20260101T000000000000.jsonl": b'{"mine": 1}\n',
        f"state/logs/{logs.name}/more/router.jsonl": b"x",
        "state/logs/mine/file": b"x",
    }
    for path, content in theirs.items():
        (short_tmp / path).parent.mkdir(exist_ok=True)
        (short_tmp / path).write_bytes(content)
    (data / "memories.db.index" / "1-0123456789abcdef-7" / "rows.npy").write_bytes(b"x")
    (data / "memories.db.curve").symlink_to(home / ".cursor" / "mcp.json")
    shown = memmux("uninstall", "--data", "--dry-run", "--json")
    ended = memmux("uninstall", "--data", "--yes", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(shown.stdout)["kept"] == json.loads(ended.stdout)["kept"]
    kept = {one["what"].removeprefix(f"{short_tmp}/").partition(",")[0] for one in json.loads(ended.stdout)["kept"]}
    inner = {path for path in theirs if "/more/" in path} | {"state/logs/mine/file"}
    folders = {"data/memories.db.backups/more", f"state/logs/{logs.name}/more", "data/memories.db.curve"}
    assert kept == (theirs.keys() - inner) | folders
    left = {
        name: text for name, text in tree(short_tmp).items() if name.startswith(("cache/models/", "data/", "state/"))
    }
    assert left == theirs
    assert not database.exists()
    assert "which stays: memmux did not make it" in memmux("uninstall", "--dry-run").stdout


def test_backups_behind_a_link_go_and_the_link_and_its_folder_stay(
    memmux: Memmux, home: Path, settings_env: dict[str, str], short_tmp: Path
) -> None:
    used(memmux, home, settings_env)
    link, elsewhere = short_tmp / "data" / "memories.db.backups", short_tmp / "disk"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("x")
    link.symlink_to(elsewhere)
    assert memmux("backup").returncode == 0
    assert len(list(elsewhere.glob("memories-*.db"))) == 1
    ended = memmux("uninstall", "--data", "--yes", "--json")
    assert ended.returncode == 0, ended.stderr
    assert list(elsewhere.iterdir()) == [elsewhere / "mine.txt"]
    assert list((short_tmp / "data").iterdir()) == [link]
    kept = {one["what"] for one in json.loads(ended.stdout)["kept"]}
    models = short_tmp / "cache" / "models" / "file"
    assert kept == {f"{link / 'mine.txt'}", f"{link}, a link to {elsewhere}", f"{models}"}


def test_entries_that_others_wrote_and_those_of_other_projects_stay_and_are_named(
    memmux: Memmux, home: Path, short_tmp: Path
) -> None:
    ours = {"command": "memmux", "args": ["mcp"]}
    tee = {"command": "bash", "args": ["-c", "memmux mcp | tee log"]}
    elsewhere = short_tmp / "x"
    elsewhere.mkdir()
    projects = {str(home): {"mcpServers": {"memory": ours}}, str(elsewhere): {"mcpServers": {"memory": ours}}}
    file = home / ".claude.json"
    file.write_text(json.dumps({"mcpServers": {"memory": ours, "logged": tee}, "projects": projects}))
    codex = home / ".codex" / "config.toml"
    codex.parent.mkdir()
    codex.write_text('[mcp_servers.memory]\ncommand = "memmux"\n\n# about other\n[mcp_servers.other]\ncommand = "x"\n')
    shown = memmux("uninstall", "--dry-run")
    assert f"memory, memory for {home} in {file}" in shown.stdout
    ended = json.loads(memmux("uninstall", "--yes", "--json").stdout)
    assert {one["what"] for one in ended["kept"] if one["kind"] == "client"} == {
        f"logged in {file}",
        f"memory for {elsewhere} in {file}",
    }
    assert json.loads(file.read_text()) == {
        "mcpServers": {"logged": tee},
        "projects": {str(home): {"mcpServers": {}}, str(elsewhere): {"mcpServers": {"memory": ours}}},
    }
    assert codex.read_text() == '# about other\n[mcp_servers.other]\ncommand = "x"\n'


def answered(words: str, env: dict[str, str]) -> int:
    """Run `memmux uninstall --data --yes` on a terminal, type the words, and return its exit code."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*MEMMUX, "uninstall", "--data", "--yes"], env=env, cwd=env["HOME"], stdin=theirs, stdout=-1, stderr=-1
    ) as process:
        os.write(ours, f"{words}\n".encode())
        process.communicate(timeout=BOUND_S)
    os.close(ours)
    os.close(theirs)
    return process.returncode


def test_the_package_goes_as_it_came() -> None:
    assert removal("/home/ada/.local/share/pipx/venvs/memmux") == "pipx uninstall memmux"
    assert removal("/home/ada/.local/share/uv/tools/memmux") == "uv tool uninstall memmux"
    assert "memmux" in removal("/usr")
