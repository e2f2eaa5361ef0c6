"""A project's variables and the terminal's keys: neither gets at the processes of a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.settings import Settings
from tests.bounds import BOUND_S, pause
from tests.commands import MEMMUX
from tests.integration.helpers import complete, status_until
from tests.integration.machines import memmux
from tests.integration.mcp_by_hand import McpByHand

pytestmark = pytest.mark.spawned

PACKAGES = ("router", "workers", "mcp_dealer")
MODULES = ("zmq", "orjson", "structlog", "usercustomize")


@pytest.fixture
def project(short_tmp: Path) -> Path:
    """A folder with modules of our names, each of which leaves a file in `imported`."""
    folder, imported = short_tmp / "project", short_tmp / "imported"
    imported.mkdir()
    for name in PACKAGES:
        (folder / name).mkdir(parents=True)
    for path in (*(Path(name, "__init__.py") for name in PACKAGES), *(Path(f"{name}.py") for name in MODULES)):
        (folder / path).write_text(f"open({str(imported / str(path).replace('/', '.'))!r}, 'w').close()\n")
    return folder


def test_a_cluster_starts_whatever_the_environment_says_to_python(
    settings: Settings, project: Path, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "sitecustomize.py").write_text(f"open({str(short_tmp / 'imported' / 'site')!r}, 'w').close()\n")
    monkeypatch.setenv("PYTHONPATH", str(project))
    monkeypatch.setenv("PYTHONHOME", str(project))
    monkeypatch.setenv("PYTHONSTARTUP", str(project / "sitecustomize.py"))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    with Client(settings=settings) as client:
        client.store("Safe and sound.")
        status_until(client, complete)
    assert list((short_tmp / "imported").iterdir()) == []


def test_commands_and_the_mcp_server_import_nothing_of_a_project_in_the_path(
    settings_env: dict[str, str], project: Path, short_tmp: Path
) -> None:
    env = {**settings_env, "PYTHONPATH": str(project)}
    ended = memmux(env, "store", "Safe and sound.")
    assert ended.returncode == 0, ended.stderr
    with McpByHand(env) as server:
        assert not server.call("memory_search", query="sound").get("isError")
    assert list((short_tmp / "imported").glob("*.*")) in ([], [short_tmp / "imported" / "usercustomize.py"])


def test_ctrl_c_at_a_start_prints_nothing(settings_env: dict[str, str]) -> None:
    """The terminal interrupts the whole group, in which workers that still import would end with a traceback each."""
    with subprocess.Popen([*MEMMUX, "serve"], env=settings_env, process_group=0, stderr=subprocess.PIPE) as router:
        until = time.monotonic() + BOUND_S
        while router.pid in (groups := _groups(router.pid)) or not groups:
            assert time.monotonic() < until
            pause()
        os.killpg(router.pid, signal.SIGINT)
        assert router.communicate(timeout=BOUND_S)[1] == b""


def _groups(parent: int) -> set[int]:
    """Return the process groups of the children of a process."""
    groups = set()
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with suppress(ProcessLookupError):  # a fork server ends when it has nothing to do
            groups.add(os.getpgid(int(pid)))
    return groups
