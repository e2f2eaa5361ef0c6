"""One cluster in the place of another; the router that is started is a script of the test, the rest is real."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memmux import errors
from memmux.cluster import endpoint as endpoints
from memmux.cluster import find, policy, replace
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.steps import run
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.files.lock import FileLock
from memmux.version import __version__
from tests.unit.memmux.client.peer import Peer
from tests.unit.memmux.cluster.routers import READY


def test_router_that_does_not_exit_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "STOP_S", 0.05)
    settings = Settings(database=settings.database, runtime_dir=settings.runtime_dir, drain_s=0)
    with Peer(settings):
        endpoint = endpoints.read(Places(settings))
        assert endpoint is not None
        with pytest.raises(errors.ClusterError, match="did not exit"):
            run(find.gone(settings, endpoint))
        Places(settings).endpoint.unlink()
        run(find.gone(settings, endpoint))


@pytest.fixture
def older(settings: Settings) -> Iterator[Peer]:
    """A cluster of an older version, that a client has started."""
    with Peer(settings) as peer:
        endpoints.write(Places(settings), Endpoint(peer.address, os.getpid(), "0.0.1", 1, detached=True))
        yield peer


def test_older_cluster_is_succeeded_by_one_of_this_version(
    settings: Settings, older: Peer, router: Callable[[str], Path]
) -> None:
    told = router(f"""open(told, "w").write(repr(sys.argv[2])); tell(b'{READY}\\n' % os.getpid())""")
    assert older.address != find.ensure(settings).address
    assert told.read_text() == "'--succeed'"


def test_older_cluster_is_used_when_it_can_not_be_succeeded_and_that_is_not_tried_again_soon(
    settings: Settings, older: Peer, router: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = router(
        """open(told, "a").write("tried "); tell(b'{"error": {"code": "model_missing", "message": "no"}}\\n')"""
    )
    for _ in range(3):
        assert find.ensure(settings).address == older.address
    assert told.read_text() == "tried "
    monkeypatch.setattr(replace, "UPGRADE_AGAIN_S", 0.0)
    assert find.ensure(settings).address == older.address
    assert told.read_text() == "tried tried "


def test_older_cluster_is_used_when_that_can_not_be_succeeded_nor_noted(
    settings: Settings, older: Peer, router: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    router("""tell(b'{"error": {"code": "storage_full", "message": "no"}}\\n')""")
    monkeypatch.setattr(FileLock, "note", full)
    assert find.ensure(settings).address == older.address


@pytest.mark.parametrize(
    ("version", "detached"), [("0.0.1", False), (__version__, True), ("99.0.0", True), ("unknown", True)]
)
def test_cluster_that_is_not_older_or_that_somebody_watches_over_is_left_as_it_is(
    settings: Settings, older: Peer, router: Callable[[str], Path], version: str, *, detached: bool
) -> None:
    told = router("""open(told, "w")""")
    endpoints.write(Places(settings), Endpoint(older.address, os.getpid(), version, 1, detached=detached))
    assert find.ensure(settings).address == older.address
    assert not told.exists()


def test_client_that_starts_nothing_upgrades_nothing(
    settings: Settings, older: Peer, router: Callable[[str], Path]
) -> None:
    told = router("""open(told, "w")""")
    assert find.ensure(settings, start=False).address == older.address
    assert not told.exists()


def test_what_a_router_started_upgrades_nothing(settings: Settings, older: Peer, router: Callable[[str], Path]) -> None:
    told = router("""open(told, "w")""")
    with policy.upgrading_nothing():
        assert find.ensure(settings).address == older.address
    assert not told.exists()


def test_older_cluster_is_used_while_another_client_replaces_it(
    settings: Settings, older: Peer, places: Places, router: Callable[[str], Path]
) -> None:
    told = router("""open(told, "w")""")
    descriptor = os.open(places.spawn_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert find.ensure(settings).address == older.address
        assert not told.exists()
    finally:
        os.close(descriptor)


def test_restart_that_fails_says_which_cluster_serves_on(
    settings: Settings, older: Peer, router: Callable[[str], Path]
) -> None:
    router("""tell(b'{"error": {"code": "model_missing", "message": "no model."}}\\n')""")
    with pytest.raises(
        errors.HandOverError, match=r"model_missing: no model; the one of before \(version 0\.0\.1"
    ) as raised:
        run(replace.restart(settings))
    assert f"pid {os.getpid()}" in raised.value.message
    assert find.ensure(settings, start=False).address == older.address
