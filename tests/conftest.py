"""What tests share: throwaway places for a cluster, and for the model's graph."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memmux import Client
from memmux.cluster import ping
from memmux.cluster.holder import Holder
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import ClusterError, ClusterUnreachableError
from tests import forks
from tests.bounds import BOUND_S, DRAIN_S, PONG_S, pause

pytest_plugins = ["tests.postgres_server"]

# A shell that runs tests in the background has them ignore interrupts, and each of their processes with them.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where Python is told to keep no bytecode, pytest would rewrite each test module again in each of its processes, and
# each of the thousand processes that tests start would compile memmux.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
forks.at_start()  # before any test changes them

ping.PONG_S = PONG_S  # for a client of a test's own process

_ROOM = 2 << 30  # bytes
LONGEST = (
    *("integration/test_bench.py", "integration/test_documents.py", "integration/test_faults.py"),
    *("integration/postgres_storage/test_primaries.py", "integration/test_worker_memory.py"),
    *("integration/test_page_hostile.py", "integration/test_relay.py", "integration/test_upgrade.py"),
    *("integration/test_page.py", "integration/test_cli.py", "integration/test_chaos.py"),
    *("integration/test_http_guests.py", "integration/test_descriptors.py", "integration/test_page_undo.py"),
    *("integration/test_page_words.py", "integration/test_http_restarts.py", "integration/test_remote.py"),
    *("integration/test_given_settings.py", "integration/test_openapi.py", "integration/test_starting.py"),
    *("integration/test_page_reading.py", "integration/test_life_cycle.py", "integration/test_fork_server.py"),
    *("acceptance/test_stdio.py", "acceptance/test_real_hosts.py", "integration/test_cluster.py"),
)
"""The files that take longest, in the order in which they are begun: the last to end must be short ones."""


def _sync_nothing() -> None:
    """Put what tests write into memory, where the system has a folder for that: on a disk, they wait for each sync."""
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return
    system = os.statvfs(memory)
    if system.f_bavail * system.f_frsize >= _ROOM and not system.f_flag & os.ST_NOEXEC:
        folder = tempfile.mkdtemp(prefix="mm-", dir=memory)
        Path(folder).chmod(0o711)  # some tests run as other users
        atexit.register(shutil.rmtree, folder, ignore_errors=True)  # with what killed processes have left
        os.environ["TMPDIR"] = folder
        tempfile.tempdir = None  # it is looked for again


_sync_nothing()
_UNITS = Path(__file__).with_name("unit")
_FORKS = forks.Server() if sys.platform == "linux" else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have the processes of clusters forked, unless the test is marked `spawned` or is one of a unit."""
    if _FORKS is None or item.path.is_relative_to(_UNITS) or item.get_closest_marker("spawned") is not None:
        os.environ.pop(forks.SERVER, None)
    else:
        _FORKS.start()
        os.environ[forks.SERVER] = _FORKS.path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first; all others stay in their order."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@contextmanager
def _short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mm-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    with _short_folder() as folder:
        yield folder


@pytest.fixture
def settings_env(short_tmp: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment of a throwaway cluster with the hash embedder; the cluster is stopped at the end.

    A test that is marked `shared` has `own_env` instead.
    """
    if shares(request):
        yield request.getfixturevalue("own_env")
        return
    with _cluster(short_tmp) as env:
        yield env


def shares(request: pytest.FixtureRequest) -> bool:
    """Return whether the test is marked `shared`, and so shares a cluster with others of its module."""
    return request.node.get_closest_marker("shared") is not None


@pytest.fixture(scope="module")
def shared_env() -> Iterator[dict[str, str]]:
    """The environment of a cluster that tests of one module share, each with a namespace of its own."""
    with _short_folder() as folder, _cluster(folder) as env:
        yield env


@pytest.fixture
def own_env(shared_env: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of the cluster that the tests of a module share, with a namespace of this test's own."""
    return {**shared_env, "MEMMUX_NAMESPACE": name_of(request)}


def name_of(request: pytest.FixtureRequest) -> str:
    """Return a namespace that is named as the test is."""
    name: str = re.sub(r"\W+", "-", request.node.name).strip("-").lower()
    return name[-60:]


@contextmanager
def _cluster(short_tmp: Path) -> Iterator[dict[str, str]]:
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MEMMUX_", "MCP_", "LOG_LEVEL"))},
        "MEMMUX_DATABASE": str(short_tmp / "data" / "memories.db"),
        "MEMMUX_RUNTIME_DIR": str(short_tmp / "run"),
        "MEMMUX_STATE_DIR": str(short_tmp / "state"),
        "MEMMUX_CACHE_DIR": str(short_tmp / "cache"),
        "MEMMUX_EMBEDDER": "hash",
        "MEMMUX_EMBEDDERS": "1",  # on any machine
        "MEMMUX_IDLE_EXIT_S": f"{BOUND_S}",  # between two commands there may be no client for long
        "MEMMUX_START_TIMEOUT_S": f"{BOUND_S}",
        "MEMMUX_REQUEST_TIMEOUT_S": f"{BOUND_S}",
        "MEMMUX_STALL_S": f"{BOUND_S}",  # a worker or gateway is late on a busy machine, and does not hang
        "MEMMUX_DRAIN_S": f"{DRAIN_S}",
        "XDG_CONFIG_HOME": str(short_tmp / "config"),  # no user's memmux.toml
    }
    yield env
    stop_cluster(load(environment=env))


@pytest.fixture
def settings(settings_env: dict[str, str]) -> Settings:
    """The settings of the throwaway cluster of `settings_env`."""
    return load(environment=settings_env)


@pytest.fixture(scope="session")
def model_cache(pytestconfig: pytest.Config) -> Path:
    """A MEMMUX_CACHE_DIR for the real model's graph, which whoever needs it first makes; kept between runs."""
    return Path(pytestconfig.cache.mkdir("models")).resolve()


@pytest.fixture
def model_env(settings_env: dict[str, str], model_cache: Path) -> dict[str, str]:
    """The environment of a throwaway cluster with the real model."""
    return {**settings_env, "MEMMUX_EMBEDDER": "onnx", "MEMMUX_CACHE_DIR": str(model_cache)}


def stop_cluster(settings: Settings) -> None:
    """Stop the cluster of these settings, if one runs or starts; returns when it is gone, and fails after a bound."""
    until = time.monotonic() + BOUND_S
    with Client(settings=settings, start=False) as client:
        while True:
            try:
                client.stop()
            except ClusterError as error:
                if isinstance(error, ClusterUnreachableError) and not _held(settings):
                    return
                if time.monotonic() >= until:
                    raise
            else:
                return
            pause()


def _held(settings: Settings) -> bool:
    """Return whether another process has the lock of the database: a router that is starting, or too busy to answer."""
    holder = Holder.of(Places(settings))
    return holder is not None and holder.pid != os.getpid()
