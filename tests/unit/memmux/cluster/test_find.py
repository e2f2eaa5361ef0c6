"""Finding and starting a cluster; the router that is started is a script of the test, the rest is real."""

from __future__ import annotations

import fcntl
import os
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import zmq

from memmux import errors
from memmux.cluster import endpoint as endpoints
from memmux.cluster import find, replace, start
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.ping import ping
from memmux.cluster.router_flags import WITH_GATEWAY
from memmux.cluster.steps import run
from memmux.config.paths import Places
from memmux.config.settings import Settings, load
from memmux.processes import alive
from memmux.version import __version__
from memmux.wire import sockets
from memmux.wire.curve import Curve, KeyPair
from tests.bounds import pause
from tests.unit.memmux.client.peer import BOUND_S, Peer

ROUTER = """
import os, sys, time
ready = next(int(flag.partition("=")[2]) for flag in sys.argv if flag.startswith("--ready-fd="))
def tell(line):
    os.write(ready, line)
"""
READY = '{"endpoint": "ipc:///nowhere", "pid": %d, "version": "0", "protocol": 1}'


@pytest.fixture
def places(settings: Settings) -> Iterator[Places]:
    """The places of a database whose folder is there."""
    settings.database.parent.mkdir(exist_ok=True)
    yield Places(settings)
    Places(settings).endpoint.unlink(missing_ok=True)


@pytest.fixture
def router(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A function that makes `python -m router` run this code; returns a file that it may write to."""

    def script(code: str) -> Path:
        package = short_tmp / "lib" / "router"
        package.mkdir(parents=True)
        told = short_tmp / "told"
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(f"{ROUTER}told = {str(told)!r}\n{textwrap.dedent(code)}")
        python = short_tmp / "python"
        python.write_text(f'#!/bin/sh\nPYTHONPATH={package.parent} exec {sys.executable} "$@"\n')
        python.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(python))
        return told

    return script


def quick(settings: Settings, start_timeout_s: float = BOUND_S) -> Settings:
    return find.choose(None, load({"start_timeout_s": start_timeout_s, "database": settings.database}))


@pytest.mark.parametrize("listen", ["", "tcp://0.0.0.0:7700"])
def test_endpoint_file_is_read_as_it_was_written_by_its_owner_alone(places: Places, listen: str) -> None:
    endpoint = Endpoint("ipc:///run/clients", 42, "0.1", 1, listen)
    endpoints.write(places, endpoint)
    assert endpoints.read(places) == endpoint
    assert places.endpoint.stat().st_mode & 0o777 == 0o600
    assert list(places.endpoint.parent.iterdir()) == [places.endpoint]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"endpoint": 1, "pid": 1, "protocol": 1}',
        b'{"endpoint": "ipc:///x", "pid": 0, "protocol": 1}',
        b'{"endpoint": "ipc:///x", "pid": -1, "protocol": 1}',
        b'{"endpoint": "ipc:///x", "pid": true, "protocol": 1}',
        b'{"endpoint": "inproc://x", "pid": 1, "protocol": 1}',
        b'{"endpoint": "tcp://nonsense", "pid": 1, "protocol": 1}',
        b'{"endpoint": "ipc:///x", "pid": 1}',
        b"\xff" * 10_000,
    ],
)
def test_broken_endpoint_file_is_none(places: Places, content: bytes) -> None:
    places.endpoint.write_bytes(content)
    places.endpoint.chmod(0o600)
    assert endpoints.read(places) is None


def test_endpoint_file_that_others_may_have_written_is_none(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints.write(places, Endpoint("ipc:///x", 1, "0", 1))
    places.endpoint.chmod(0o620)
    assert endpoints.read(places) is None
    places.endpoint.chmod(0o600)
    assert endpoints.read(places) is not None
    monkeypatch.setattr(os, "getuid", lambda: places.endpoint.stat().st_uid + 1)
    assert endpoints.read(places) is None


def test_endpoint_file_that_is_a_link_a_folder_or_absent_is_none(places: Places) -> None:
    assert endpoints.read(places) is None
    other = places.database.with_name("other")
    other.write_bytes(orjson.dumps(Endpoint("ipc:///x", 1, "0", 1).to_json()))
    other.chmod(0o600)
    places.endpoint.symlink_to(other)
    assert endpoints.read(places) is None
    places.endpoint.unlink()
    places.endpoint.mkdir()
    assert endpoints.read(places) is None
    places.endpoint.rmdir()


def test_only_the_router_itself_removes_its_endpoint_file(places: Places) -> None:
    endpoints.write(places, Endpoint("ipc:///x", 42, "0", 1))
    endpoints.remove(places, 43)
    assert places.endpoint.exists()
    endpoints.remove(places, 42)
    assert not places.endpoint.exists()
    endpoints.remove(places, 42)


def test_router_that_answers_is_found(settings: Settings) -> None:
    with Peer(settings):
        endpoint = find.ensure(settings, start=False)
        assert endpoint.pid == os.getpid()
        assert ping(endpoint, BOUND_S)


def test_router_that_does_not_answer_is_not_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "PONG_S", 0.1)
    with Peer(settings) as peer:
        peer.deaf.set()
        endpoint = endpoints.read(Places(settings))
        assert endpoint is not None
        assert not ping(endpoint, 0.1)
        with pytest.raises(errors.ClusterUnreachableError):
            find.ensure(settings, start=False)


@pytest.mark.timeout(BOUND_S)
def test_a_peer_whose_handshake_fails_before_anything_was_said_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """libzmq gives the connection up then, if it hears of it in time: nothing can be sent, and to wait is for ever."""

    connect = sockets.dealer

    def given_up(context: zmq.Context[zmq.Socket[bytes]], address: str, **kwargs: Any) -> zmq.Socket[bytes]:
        dealer = connect(context, address, **kwargs)
        dealer.disconnect(address)
        until = time.monotonic() + BOUND_S
        while dealer.poll(0, zmq.POLLOUT):
            assert time.monotonic() < until, "it is still connected"
            pause()
        return dealer

    monkeypatch.setattr(sockets, "dealer", given_up)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as stranger:
        port = stranger.bind_to_random_port("tcp://127.0.0.1")
        curve = Curve(KeyPair.make().public, KeyPair.make())
        assert not ping(Endpoint(f"tcp://127.0.0.1:{port}", 0, "", 1, curve=curve), 0.1)


def test_started_router_says_where_it_listens(
    places: Places, settings: Settings, router: Callable[[str], Path]
) -> None:
    told = router(
        f"""
        open(told, "w").write(repr((sys.argv[1:], os.getcwd(), os.getsid(0) == os.getpid(), sys.flags.safe_path)))
        tell(b'{READY}\\n' % os.getpid())
        """
    )
    endpoint = find.ensure(settings)
    arguments, folder, detached, safe = eval(told.read_text())  # noqa: S307 - this test wrote it
    assert endpoint == Endpoint("ipc:///nowhere", endpoint.pid, "0", 1)
    assert arguments[0].startswith("--ready-fd=")
    assert arguments[1:] == settings.flags()
    assert (folder, detached, safe) == (str(places.database.parent), True, True)


def test_started_router_that_ended_leaves_no_zombie(settings: Settings, router: Callable[[str], Path]) -> None:
    router(f"tell(b'{READY}\\n' % os.getpid())")
    endpoint = find.ensure(settings)
    run(find.gone(settings, endpoint))
    for thread in threading.enumerate():
        if thread.name == "memmux-reaper":
            thread.join(BOUND_S)
    with pytest.raises(ProcessLookupError):
        os.kill(endpoint.pid, 0)


def test_error_of_the_router_is_raised_as_its_class(settings: Settings, router: Callable[[str], Path]) -> None:
    router("""tell(b'{"error": {"code": "database_foreign", "message": "not ours"}}\\n')""")
    with pytest.raises(errors.DatabaseForeignError, match="not ours"):
        find.ensure(settings)


def test_router_that_dies_is_quoted(settings: Settings, router: Callable[[str], Path]) -> None:
    router("sys.exit('no such luck')")
    with pytest.raises(errors.ClusterStartError, match="no such luck") as raised:
        find.ensure(settings)
    assert "router.err" in raised.value.message


def test_router_that_is_killed_before_it_is_ready_is_followed_by_another_while_there_is_time(
    settings: Settings, router: Callable[[str], Path]
) -> None:
    told = router(
        """
        with open(told, "a") as file:
            file.write("started ")
        if open(told).read().count("started") < 3:
            os.kill(os.getpid(), 9)
        tell(b'{"endpoint": "ipc:///x", "pid": 42, "protocol": 1}\\n')
        """
    )
    assert find.ensure(settings).pid == 42
    assert told.read_text() == "started " * 3


def test_router_that_is_always_killed_is_given_up_when_the_time_is_over(
    settings: Settings, router: Callable[[str], Path]
) -> None:
    router("os.kill(os.getpid(), 9)")
    began = time.monotonic()
    with pytest.raises(errors.ClusterStartError, match=r"was killed|was not ready"):
        find.ensure(quick(settings, 2.0))
    assert 1.0 < time.monotonic() - began < BOUND_S


def test_only_the_last_start_is_quoted(settings: Settings, places: Places, router: Callable[[str], Path]) -> None:
    places.logs.mkdir(parents=True)
    (places.logs / "router.err").write_text("an old story\n")
    router("sys.exit('news')")
    with pytest.raises(errors.ClusterStartError) as raised:
        find.ensure(settings)
    assert "an old story" not in raised.value.message
    assert raised.value.message.count("news") == 1
    assert (places.logs / "router.err").read_text() == "an old story\n" + find.CRASHES * "news\n"


@pytest.mark.parametrize("mode", [None, 0o644])
def test_what_the_router_prints_is_private_also_where_it_was_not(
    settings: Settings, places: Places, router: Callable[[str], Path], mode: int | None
) -> None:
    path = places.logs / "router.err"
    places.logs.mkdir(parents=True)
    if mode is not None:
        path.touch(mode)
        path.chmod(mode)
    router("sys.exit('the text of a memory')")
    with pytest.raises(errors.ClusterStartError):
        find.ensure(settings)
    assert path.read_text() == find.CRASHES * "the text of a memory\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert places.logs.stat().st_mode & 0o777 == 0o700


def test_router_that_is_never_ready_is_given_up(settings: Settings, router: Callable[[str], Path]) -> None:
    told = router("open(told, 'w').write(str(os.getpid())); sys.stdout.flush(); import signal; signal.pause()")
    settings = Settings(
        database=settings.database, state_dir=settings.state_dir, runtime_dir=settings.runtime_dir, start_timeout_s=1
    )
    try:
        with pytest.raises(errors.ClusterStartError, match="1 s"):
            find.ensure(settings)
    finally:
        os.kill(int(told.read_text()), 9)


def test_router_that_says_how_far_an_adoption_is_gets_more_time(
    settings: Settings, router: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[start.AdoptionProgress] = []
    monkeypatch.setattr(start, "watcher", seen.append)
    router(
        f"""
        for done in range(4):
            tell(b'{{"adopting": {{"source": "/theirs.db", "done": %d, "total": 4}}}}\\n' % done)
            time.sleep(0.4)  # the test's router is slow; that is what is tested
        tell(b'{READY}\\n' % os.getpid())
        """
    )
    assert find.ensure(quick(settings, start_timeout_s=1)).address == "ipc:///nowhere"
    assert seen == [start.AdoptionProgress("/theirs.db", done, 4) for done in range(4)]


def test_who_waits_for_a_cluster_that_adopts_is_patient_while_somebody_is_at_work(
    settings: Settings, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = os.open(places.spawn_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        places.adopting.mkdir()
        steps = find.seek(quick(settings, start_timeout_s=1))
        next(steps)
        later = time.monotonic() + 60
        monkeypatch.setattr(time, "monotonic", lambda: later)
        for _ in range(3):
            assert next(steps) > 0
        os.utime(places.adopting, (0, 0))  # nobody is
        with pytest.raises(errors.ClusterStartError, match="does not come up"):
            next(steps)
    finally:
        os.close(descriptor)


def test_cluster_that_somebody_else_just_started_is_used(settings: Settings, router: Callable[[str], Path]) -> None:
    with Peer(settings) as peer:
        endpoint = Places(settings).endpoint
        written = endpoint.read_bytes()
        endpoint.unlink()
        told = router("""open(told, "w"); tell(b'{"error": {"code": "database_in_use"}}\\n')""")

        def announce() -> None:
            while not told.exists():
                pass
            endpoint.write_bytes(written)
            endpoint.chmod(0o600)

        somebody = threading.Thread(target=announce)
        somebody.start()
        assert find.ensure(settings).address == peer.address
        somebody.join(BOUND_S)


def test_router_is_started_again_when_the_one_that_held_the_database_is_gone(
    settings: Settings, router: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "RESPAWN_S", 0.05)
    router(
        f"""
        if os.path.exists(told):
            tell(b'{READY}\\n' % os.getpid())
        else:
            open(told, "w")
            tell(b'{{"error": {{"code": "database_in_use"}}}}\\n')
        """
    )
    assert find.ensure(settings).address == "ipc:///nowhere"


def test_who_does_not_get_the_spawn_lock_waits_for_the_cluster_of_who_did(settings: Settings, places: Places) -> None:
    steps = find.seek(settings)
    descriptor = os.open(places.spawn_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        for _ in range(3):
            assert next(steps) > 0
        with Peer(settings) as peer:
            assert run(steps).address == peer.address
    finally:
        os.close(descriptor)


def test_start_that_is_given_up_lets_the_next_client_start(settings: Settings, places: Places) -> None:
    descriptor = os.open(places.spawn_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    steps = find.seek(settings)
    next(steps)
    os.close(descriptor)
    steps.close()
    descriptor = os.open(places.spawn_lock, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_folder_of_the_database_is_made_for_its_user_alone(settings: Settings, router: Callable[[str], Path]) -> None:
    router(f"tell(b'{READY}\\n' % os.getpid())")
    find.ensure(settings)
    assert settings.database.parent.stat().st_mode & 0o777 == 0o700


def test_folder_that_can_not_be_made_is_named(settings: Settings, short_tmp: Path) -> None:
    (short_tmp / "file").touch()
    with pytest.raises(errors.StoragePermissionError, match="file"):
        find.ensure(find.choose(short_tmp / "file" / "memories.db", settings))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that not even root can write to")
def test_folder_that_can_not_be_written_is_named(settings: Settings) -> None:
    with pytest.raises(errors.StoragePermissionError, match=r"/proc .*MEMMUX_DATABASE"):
        find.ensure(find.choose("/proc/memories.db", settings))


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


def test_this_process_lives() -> None:
    assert alive(os.getpid())
    assert not alive(0)


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
    with find.upgrading_nothing():
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


def test_router_is_left_when_another_one_is_named_or_it_is_gone(settings: Settings, places: Places) -> None:
    here = Endpoint("ipc:///x", os.getpid(), "0", 1)
    assert not find.moved(settings, here)
    endpoints.write(places, here)
    assert not find.moved(settings, here)
    endpoints.write(places, Endpoint("ipc:///x", os.getppid(), "1", 1))
    assert find.moved(settings, here)
    places.endpoint.unlink()
    assert find.moved(settings, Endpoint("ipc:///x", 0, "0", 1))


def test_a_relay_has_the_router_start_with_a_gateway(settings: Settings, router: Callable[[str], Path]) -> None:
    told = router("""open(told, "w").write(repr(sys.argv)); tell(b'{"error": {"code": "database_foreign"}}')""")
    with find.with_gateway(), pytest.raises(errors.DatabaseForeignError):
        find.ensure(quick(settings))
    assert WITH_GATEWAY in told.read_text()
    with pytest.raises(errors.DatabaseForeignError):
        find.ensure(quick(settings))
    assert WITH_GATEWAY not in told.read_text()
