"""Starting a cluster; the router that is started is a script of the test, the rest is real."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from memmux import errors
from memmux.cluster import find, start
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.steps import run
from memmux.config.paths import Places
from memmux.config.settings import Settings
from tests.bounds import BOUND_S, pause
from tests.unit.memmux.cluster.routers import ADOPTING, READY, quick


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
    others = threading.enumerate()  # among them, perhaps, those that wait for routers of other tests
    endpoint = find.ensure(settings)
    run(find.gone(settings, endpoint))
    for thread in set(threading.enumerate()) - set(others):
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


def test_router_that_is_killed_is_known_to_be_however_late_the_thread_is_that_reaps_it(
    places: Places, router: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    router("os.kill(os.getpid(), 9)")
    told, wait = threading.Event(), subprocess.Popen.wait

    def late(process: subprocess.Popen[bytes]) -> int:
        with process._waitpid_lock:  # type: ignore[attr-defined]  # as the thread has it until it has come to run
            told.wait(BOUND_S)
        return wait(process)

    monkeypatch.setattr(subprocess.Popen, "wait", late)
    try:
        with pytest.raises(start.RouterEndedError) as raised:
            run(start.start(places, time.monotonic() + BOUND_S))
        assert raised.value.killed
    finally:
        told.set()


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
        until = time.monotonic() + BOUND_S
        while not (told.exists() and told.read_text()) and time.monotonic() < until:
            pause()
        os.kill(int(told.read_text()), 9)


def test_router_that_says_how_far_an_adoption_is_is_listened_to(
    settings: Settings, router: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[start.AdoptionProgress] = []
    monkeypatch.setattr(start, "watcher", seen.append)
    router(
        f"""
        for done in range(4):
            tell(b'{ADOPTING}\\n' % done)
        tell(b'{READY}\\n' % os.getpid())
        """
    )
    assert find.ensure(settings).address == "ipc:///nowhere"
    assert seen == [start.AdoptionProgress("/theirs.db", done, 4) for done in range(4)]


@pytest.mark.parametrize("last", [READY.encode() % 42, None])
def test_router_that_says_how_far_an_adoption_is_gets_as_much_time_again(
    monkeypatch: pytest.MonkeyPatch, last: bytes | None
) -> None:
    now = [0.0]
    monkeypatch.setattr(start, "time", SimpleNamespace(monotonic=lambda: now[0]))
    ready, told = os.pipe()
    try:
        steps = start._line(ready, 1.0)
        for done in range(4):
            next(steps)
            now[0] += 0.9
            os.write(told, ADOPTING.encode() % done + b"\n")
        next(steps)
        now[0] += 0.9 if last else 1.0
        if last:
            os.write(told, last + b"\n")
        with pytest.raises(StopIteration) as ended:
            next(steps)
        assert ended.value.value == (last and last + b"\n")
    finally:
        os.close(ready)
        os.close(told)


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
