"""Another user of this machine: every file and socket of a cluster is refused to a second uid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux import Client
from memmux.cluster import endpoint as endpoints
from memmux.cluster.endpoint import Endpoint
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.trust import keys
from memmux.trust.key import Key
from memmux.wire.curve import KeyPair
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from tests.bounds import BOUND_S
from tests.integration.machines import memmux

NOBODY = 65534
# Told as the other user: which of the paths could be opened, listed or connected to, and whether the words of the
# protocol were answered. It uses nothing but the standard library, so that only permissions can stop it.
INTRUDER = """
import json, os, socket, sys
os.setgroups([])
os.setgid({nobody})
os.setuid({nobody})
opened = []
for path in json.load(sys.stdin):
    try:
        if path.startswith("ipc://"):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(path.removeprefix("ipc://"))
        elif os.path.isdir(path):
            os.listdir(path)
        else:
            for mode in ("rb", "r+b"):
                open(path, mode).close()
    except PermissionError:
        continue
    except OSError as error:
        opened.append(f"{{path}}: {{error}}")
        continue
    opened.append(path)
json.dump(opened, sys.stdout)
"""

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@pytest.fixture
def reachable(short_tmp: Path) -> Iterator[Path]:
    """The folder that everything is in, and that anybody may pass through: nothing but our own modes protects."""
    short_tmp.chmod(0o755)
    yield short_tmp
    short_tmp.chmod(0o700)


def _opened_by_nobody(paths: list[str]) -> list[str]:
    script = INTRUDER.format(nobody=NOBODY)
    # The interpreter starts as root, before it becomes the other user: where it stands may be closed to that one.
    ended = subprocess.run(
        [sys.executable, "-I", "-c", script],
        input=json.dumps(paths),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=True,
    )
    opened: list[str] = json.loads(ended.stdout)
    return opened


def test_another_user_can_open_no_file_and_no_socket_of_a_cluster(settings: Settings, reachable: Path) -> None:
    places = Places(settings)
    # Made by hand, as by a user whose umask is the usual one.
    settings.database.parent.mkdir(mode=0o755)
    keys.add(places, Key(grant=Grant(name="ada", role=Role.READ), public=KeyPair.make().public, created=1.0))
    keys.pair(places)
    with Client(settings=settings) as client:
        client.store("The staging database is on port 5433.")
        client.backup()
        paths = [str(path) for path in reachable.rglob("*") if path.is_file()]
        folders = [str(places.logs), str(Path(places.sockets()[0].removeprefix("ipc://")).parent)]
        opened = _opened_by_nobody([*places.sockets(), *folders, *paths])
    assert {Path(path).name for path in paths} >= {
        "memories.db",
        "memories.db-wal",
        "memories.db.endpoint",
        "memories.db.keys",
        "memories.db.curve",
        "memories.db.lineage",
        "router.jsonl",
        "router.err",
    }
    assert opened == []


def test_what_is_open_to_others_is_opened_by_another_user(reachable: Path) -> None:
    file = reachable / "file"
    file.write_text("x")
    file.chmod(0o666)
    assert _opened_by_nobody([str(file), str(reachable)]) == [str(file), str(reachable)]


def _as_nobody(env: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """Run memmux as another user, who starts as root: where the interpreter stands may be closed to that one."""
    become = f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); "
    run = "import runpy, sys; sys.argv[0] = 'memmux'; from memmux.cli.main import cli; import memmux.client.blocking; "
    script = f"{run}import memmux.cli.cluster, memmux.cli.memories, tempfile, platformdirs, tomllib; {become}cli()"
    return subprocess.run(
        [sys.executable, "-P", "-c", script, *command],
        env=env,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
        cwd="/",
    )


@pytest.mark.parametrize("command", [["status"], ["stop"], ["list"], ["store", "x"], ["serve"], ["restart"], ["check"]])
@pytest.mark.parametrize("running", [True, False])
def test_root_at_the_cluster_of_another_user_is_told_whose_it_is_at_once_and_leaves_nothing(
    settings_env: dict[str, str], reachable: Path, command: list[str], running: bool
) -> None:
    settings = load(environment=settings_env)
    settings.database.parent.mkdir()
    settings.database.touch()
    places = Places(settings)
    if running:
        endpoints.write(places, Endpoint("ipc:///nowhere/clients", os.getpid(), "0", 1))
        places.lock.touch()
    theirs = [settings.database, places.endpoint, places.lock, settings.database.parent]
    for path in filter(Path.exists, theirs):
        os.chown(path, NOBODY, NOBODY)
    before = sorted(reachable.rglob("*"))
    ended = memmux({**settings_env, "HOME": "/"}, *command)
    assert ended.returncode == 1
    assert "storage_permission" in ended.stderr
    assert "belongs to nobody, and this process is root's" in ended.stderr
    assert "sudo -u nobody memmux" in ended.stderr
    assert sorted(reachable.rglob("*")) == before
    for path in filter(Path.exists, theirs):
        os.chown(path, 0, 0)  # so that the fixture finds its own
    settings.database.unlink()


@pytest.mark.parametrize("closed", [True, False])
def test_user_at_the_cluster_of_another_one_is_told_whose_it_is(
    settings_env: dict[str, str], reachable: Path, closed: bool
) -> None:
    settings = load(environment=settings_env)
    settings.database.parent.mkdir(mode=0o700 if closed else 0o755)
    settings.database.touch()
    ended = _as_nobody(settings_env, "list")
    assert ended.returncode == 1
    assert "belongs to root, and this process is nobody's" in ended.stderr
    assert not (reachable / "state").exists()
    settings.database.unlink()
