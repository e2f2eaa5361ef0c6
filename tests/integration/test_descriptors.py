"""Descriptors: whoever takes them all, the router lives, and says to whom it can give none."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from memmux import Client
from memmux.cluster import endpoint as endpoints
from memmux.cluster import find
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import ClusterStartError, OverloadedError
from memmux.wire.addresses import parse_listen, path_of
from memmux.wire.answers import Status
from router.io import descriptors
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import status_until
from tests.integration.machines import logged, logged_until, memmux, remote_settings

STRANGERS = 1100
# One that gives up no handshake meanwhile: on a busy machine a command takes longer to start than that.
_MAIN = "from memmux import __main__; from memmux.wire import sockets; "
SERVE = ("-c", f"{_MAIN}sockets.HANDSHAKE_MS = {BOUND_S * 1000:.0f}; __main__.main()", "serve")


@contextmanager
def _limited(env: dict[str, str], limit: str) -> Iterator[subprocess.Popen[bytes]]:
    """A cluster that was started under a limit of open files, in the words of `ulimit`."""
    limited = ["sh", "-c", f'ulimit {limit} && exec "$@"', "sh", sys.executable, "-P", *SERVE]
    with subprocess.Popen(limited, env=env, stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + BOUND_S
            while endpoints.read(Places(load(environment=env))) is None:
                assert process.poll() is None
                assert time.monotonic() < until
                pause()
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def _connected(family: socket.AddressFamily, address: tuple[str, int] | str) -> socket.socket:
    """Return a connection of somebody who says nothing."""
    silent = socket.socket(family)
    try:
        silent.connect(address)
    except OSError:
        silent.close()
        raise
    return silent


@pytest.mark.parametrize("limit", ["-Sn 1024", "-n 1024"])
def test_strangers_without_a_key_take_no_descriptor_from_the_clients_of_this_machine(
    server_env: dict[str, str], key: Callable[..., Path], elsewhere: dict[str, str], limit: str
) -> None:
    file = key("ada")
    settings = load(environment=server_env)
    listen = parse_listen(server_env["MEMMUX_LISTEN"])
    with _limited(server_env, limit), ExitStack() as held, Client(settings=settings, name="local") as local:

        def come() -> None:
            held.enter_context(closing(_connected(socket.AF_INET, (listen.host, listen.port))))

        def cut(status: Status) -> bool:
            if "connections_cut" in status.degraded:
                return True
            come()  # it is said for a while only after the last one, which may be over
            return False

        local.store("before the strangers came")
        pid = local.status().pid
        for _ in range(STRANGERS):
            come()
        assert local.store("while they are there").status == "created"
        with Client(settings=settings, name="another") as another:
            assert another.status().pid == pid
            assert status_until(another, cut).pid == pid
        with Client(settings=remote_settings(elsewhere, file), name="laptop") as laptop:
            assert laptop.store("from a machine with a key").status == "created"
        line = logged_until(server_env, "connections_cut", lambda _: True)
        assert line["count"] > 0
        held.close()
        status_until(local, lambda status: "connections_cut" not in status.degraded)


def _honest_clients(settings: Settings, held: ExitStack) -> None:
    for number in range(64):
        held.enter_context(Client(settings=settings, name=f"client {number}")).status()


def _silent_clients(settings: Settings, first: Client, held: ExitStack) -> None:
    """Connect over the cluster's own socket until nobody is let in any more, and say nothing.

    The router answers `first` between two of them: at so low a limit it keeps back fewer descriptors than libzmq could
    take up at once, before anybody is asked.
    """
    endpoint = endpoints.read(Places(settings))
    assert endpoint is not None
    until = time.monotonic() + BOUND_S
    while True:
        assert time.monotonic() < until
        try:
            held.enter_context(closing(_connected(socket.AF_UNIX, str(path_of(endpoint.address)))))
        except FileNotFoundError:
            return
        first.status()


@pytest.mark.parametrize("honest", [True, False])
def test_clients_for_whom_there_is_no_descriptor_are_told_so_and_come_in_once_others_have_left(
    settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, honest: bool
) -> None:
    monkeypatch.setattr(find, "ADMIT_S", 3.0)
    settings = load(environment=settings_env)
    with _limited(settings_env, "-n 64") as process, ExitStack() as held:
        first = held.enter_context(Client(settings=settings, name="first"))
        pid = first.status().pid
        if sys.platform == "linux":  # a fork server that ends gives back what lets some in
            logged_until(settings_env, "fork_server_rested", lambda _: True)
        others = held.enter_context(ExitStack())
        if honest:
            with pytest.raises(OverloadedError, match="raise the limit of open files"):
                _honest_clients(settings, others)
        else:
            _silent_clients(settings, first, others)
        with Client(settings=settings) as late, pytest.raises(OverloadedError):
            late.status()
        shown = memmux(settings_env, "status")
        assert (shown.returncode, "overloaded" in shown.stderr) == (1, True)
        assert "connections_full" in first.status().degraded
        assert first.store("who is in is served").status == "created"
        others.close()
        monkeypatch.setattr(find, "ADMIT_S", BOUND_S)
        with Client(settings=settings) as late:
            assert status_until(late, lambda status: "connections_full" not in status.degraded).pid == pid
        assert process.poll() is None
        out, again = (len(logged(settings_env, event)) for event in ("clients_shut_out", "clients_let_in"))
        assert out == again == 1


def test_cluster_that_may_open_too_few_files_does_not_start_and_says_so(settings_env: dict[str, str]) -> None:
    limit = f'ulimit -n {descriptors.LEAST - 1} && exec "$@"'
    serve = ["sh", "-c", limit, "sh", sys.executable, "-P", "-m", "memmux", "serve"]
    ended = subprocess.run(serve, env=settings_env, capture_output=True, text=True, check=False, timeout=BOUND_S)
    assert ended.returncode == 1
    assert ClusterStartError.code in ended.stderr
    assert "ulimit -n" in ended.stderr
