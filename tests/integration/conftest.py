"""Fixtures for tests with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import EmbedderChoice, Settings
from memmux.postgres.server import Server, url
from tests.bounds import BOUND_S, DRAIN_S
from tests.browser import chromium
from tests.conftest import shares, stop_cluster
from tests.import_path import python_path
from tests.integration.machines import memmux, revoke_all
from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FAULTS = Path(__file__).parents[1] / "faults"
Machine = Callable[..., Client]
"""Makes the client of a cluster by its name, the servers of its database, and changes of its settings."""


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A client of the throwaway cluster, which it starts."""
    with Client(settings=settings, name="test") as connected:
        yield connected


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for the tests of a module."""
    with chromium() as running:
        yield running


@pytest.fixture
def own_client(own_env: dict[str, str]) -> Iterator[Client]:
    """A client of the cluster that the tests of a module share, in a namespace of this test's own."""
    with Client(settings=load(environment=own_env), name="test") as connected:
        yield connected


@pytest.fixture
def run_clients(settings_env: dict[str, str]) -> Callable[..., list[dict[str, object]]]:
    """Run several client processes at once; return what each printed."""
    script = Path(__file__).with_name("client_process.py")

    def run(count: int, stores: int) -> list[dict[str, object]]:
        command = [sys.executable, "-P", str(script)]
        processes = [
            subprocess.Popen([*command, f"client-{number}", str(stores)], env=settings_env, stdout=subprocess.PIPE)
            for number in range(count)
        ]
        outputs = [process.communicate(timeout=BOUND_S)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * count
        return [json.loads(output) for output in outputs]

    return run


@pytest.fixture
def server_env(settings_env: dict[str, str], request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment of the machine where the database is; at the end of a test that shares it, no key is good."""
    if not shares(request):
        settings_env |= _listening()
        yield settings_env
        return
    env = request.getfixturevalue("shared_server_env")
    yield env
    revoke_all(env)


@pytest.fixture(scope="module")
def shared_server_env(shared_env: dict[str, str]) -> dict[str, str]:
    """The same of the cluster that tests of a module share, in the usual namespace: who is elsewhere has no other."""
    return shared_env | _listening()


def _listening() -> dict[str, str]:
    return {"MEMMUX_LISTEN": f"tcp://127.0.0.1:{free_port()}"}


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch, short_tmp: Path) -> Path:
    """Let the clusters of this test obey faults; the file that makes writes fail while it holds an errno's name."""
    order = short_tmp / "errno"
    monkeypatch.setenv("PYTHONPATH", python_path(FAULTS))
    monkeypatch.setenv("MEMMUX_TEST_ERRNO", str(order))
    return order


@pytest.fixture
def server(server_env: dict[str, str]) -> Iterator[Client]:
    """A client there, which starts the cluster."""
    with Client(settings=load(environment=server_env), name="local") as client:
        client.status()
        yield client


@pytest.fixture
def elsewhere(server_env: dict[str, str], short_tmp: Path) -> dict[str, str]:
    """The environment of another machine, which knows nothing of the first one's files."""
    env = {name: value for name, value in server_env.items() if not name.startswith("MEMMUX_")}
    home = short_tmp / "elsewhere"
    home.mkdir()
    folders = {f"XDG_{kind}_HOME": str(home / kind) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {**env, **folders, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "MEMMUX_REQUEST_TIMEOUT_S": f"{BOUND_S}"}


@pytest.fixture
def key(server_env: dict[str, str], short_tmp: Path) -> Callable[..., Path]:
    """Makes a key with the command line; returns the file for the client."""

    def add(name: str, role: str = "admin", *more: str) -> Path:
        file = short_tmp / f"{name}.json"
        ended = memmux(server_env, "key", "add", name, "--role", role, "--out", str(file), "--json", *more)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["endpoint"] == server_env["MEMMUX_LISTEN"]
        return file

    return add


@pytest.fixture
def machine(short_tmp: Path) -> Iterator[Machine]:
    """Make the client of a cluster with files of its own, on the database of these servers."""
    clients: list[Client] = []

    def make(name: str, *servers: Server, **changes: object) -> Client:
        settings = Settings(
            server=url(list(servers)),
            database=short_tmp / name / "memmux",
            runtime_dir=short_tmp / "run",
            state_dir=short_tmp / "state",
            cache_dir=short_tmp / "cache",
            embedder=EmbedderChoice.HASH,
            readers=1,
            idle_exit_s=BOUND_S,
            request_timeout_s=BOUND_S,
            start_timeout_s=BOUND_S,
            stall_s=BOUND_S,
            drain_s=DRAIN_S,
        )
        clients.append(Client(settings=replace(settings, **changes), name=name))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for client in clients:
        client.close()
        stop_cluster(client.settings)
