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
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.trust import keys
from memmux.wire.curve import KeyPair
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from tests.bounds import BOUND_S

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
    keys.add(places, Grant(name="ada", role=Role.READ), KeyPair.make().public, 1.0)
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
        "router.jsonl",
    }
    assert opened == []


def test_what_is_open_to_others_is_opened_by_another_user(reachable: Path) -> None:
    file = reachable / "file"
    file.write_text("x")
    file.chmod(0o666)
    assert _opened_by_nobody([str(file), str(reachable)]) == [str(file), str(reachable)]
