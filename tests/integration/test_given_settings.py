"""Settings that flags gave a cluster: its successor has them, too, unless who starts that says otherwise."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from memmux import Client
from memmux.cluster.endpoint import read, write
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.wire.answers import Status
from tests import certificate
from tests.bounds import BOUND_S, pause
from tests.commands import MEMMUX
from tests.integration.helpers import status_until
from tests.integration.http_guest import served
from tests.integration.machines import memmux
from tests.ports import free_port


@pytest.fixture
def plain_env(settings_env: dict[str, str]) -> dict[str, str]:
    """The environment of a shell that says nothing of what these tests ask for by flags."""
    del settings_env["MEMMUX_IDLE_EXIT_S"]
    return settings_env


@contextmanager
def _serving(env: dict[str, str], *flags: str) -> Iterator[Client]:
    """A client of `memmux serve` with these flags, once it answers."""
    with subprocess.Popen([*MEMMUX, "serve", *flags], env=env, stderr=subprocess.DEVNULL) as server:
        try:
            settings, until = load(environment=env), time.monotonic() + BOUND_S
            while read(Places(settings)) is None:
                assert server.poll() is None
                assert time.monotonic() < until
                pause()
            with Client(settings=settings, name="test", start=False) as client:
                yield client
        finally:
            server.send_signal(signal.SIGTERM)


def _restarted(env: dict[str, str], *flags: str) -> str:
    ended = memmux(env, "restart", *flags)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _address() -> str:
    return f"127.0.0.1:{free_port()}"


def _over_tls(status: Status) -> bool:
    return served(status) and status.http.startswith("https://")


def test_a_restart_from_a_plain_shell_keeps_what_flags_of_serve_said(plain_env: dict[str, str], tmp_path: Path) -> None:
    http, listen, metrics, pem = _address(), f"tcp://{_address()}", free_port(), certificate.make(tmp_path)
    flags = ["--http", http, "--tls-cert", str(pem), "--tls-key", str(pem), "--http-hosts", "memory.example"]
    flags += ["--listen", listen, "--metrics-port", str(metrics), "--readers", "3", "--tools", "full"]
    with _serving(plain_env, *flags) as client:
        before = status_until(client, _over_tls)
        for _ in range(2):  # what the successor has, its own has as well
            told = _restarted(plain_env)
            assert "→" not in told
            after = status_until(client, _over_tls)
            assert after.settings == before.settings
        assert after.pid != before.pid
        assert after.settings["idle_exit_s"] == "0.0"
        assert (after.http, after.listen) == (f"https://{http}", listen)


def test_whoever_restarts_changes_what_they_name_and_is_told(plain_env: dict[str, str], tmp_path: Path) -> None:
    http = _address()
    with _serving(plain_env, "--http", http, "--readers", "3", "--slow-ms", "7") as client:
        file = tmp_path / "memmux.toml"
        file.write_text("slow_ms = 8\n")
        told = _restarted({**plain_env, "MEMMUX_READERS": "2", "MEMMUX_CONFIG": str(file)})
        assert {"readers: 3 → 2", "slow_ms: 7 → 8"} <= set(told.splitlines())
        status = client.status()
        assert (status.settings["readers"], status.settings["slow_ms"], status.settings["http"]) == ("2", "8", http)
        told = _restarted(plain_env, "--http", "none")  # the file and the variable are gone
        assert {f"http: {http} → off", "slow_ms: 8 → 1000", "idle_exit_s: 0.0 → 300.0"} <= set(told.splitlines())
        assert client.status().http == ""


def test_what_a_variable_or_a_file_said_counts_no_more_without_it(plain_env: dict[str, str]) -> None:
    assert memmux({**plain_env, "MEMMUX_READERS": "3"}, "store", "one").returncode == 0
    ended = memmux(plain_env, "restart", "--json")
    assert json.loads(ended.stdout)["changed"] == [{"name": "readers", "before": "3", "after": "2"}]
    ended = memmux(plain_env, "restart", "--json")
    assert json.loads(ended.stdout)["changed"] == []


def _by_a_client(env: dict[str, str], http: str) -> None:
    assert memmux(env, "--http", http, "--readers", "3", "store", "one").returncode == 0


def _by_a_restart(env: dict[str, str], http: str) -> None:
    assert memmux(env, "store", "one").returncode == 0
    _restarted(env, "--http", http, "--readers", "3")


def _by_the_page(env: dict[str, str], http: str) -> None:
    assert memmux(env, "--readers", "3", "store", "one").returncode == 0
    assert memmux(env, "web", "--no-open", "--http", http).returncode == 0


@pytest.mark.parametrize("begun", [_by_a_client, _by_a_restart, _by_the_page])
def test_a_newer_client_has_the_cluster_upgraded_with_what_flags_gave_it(
    plain_env: dict[str, str], begun: Callable[[dict[str, str], str], None]
) -> None:
    http = _address()
    begun(plain_env, http)
    settings = load(environment=plain_env)
    with Client(settings=settings, name="test", start=False) as client:
        before = status_until(client, served)
        serving = read(Places(settings))
        assert serving is not None
        write(Places(settings), replace(serving, version="0.0.1"))
        assert memmux({**plain_env, "MEMMUX_SLOW_MS": "9"}, "list").returncode == 0
        after = status_until(client, served)
        assert after.pid != before.pid
        assert after.settings == {**before.settings, "slow_ms": "9"}


def test_a_page_that_has_no_port_is_told_with_the_address_of_the_cluster(plain_env: dict[str, str]) -> None:
    http = _address()
    with (
        socket.create_server(("127.0.0.1", int(http.rpartition(":")[2]))),
        _serving(plain_env, "--http", http) as client,
    ):
        status_until(client, lambda status: "http_unavailable" in status.degraded)
        told = memmux(plain_env, "web", "--no-open", "--json")
        assert http in json.loads(told.stderr)["error"]["message"]
        told = memmux(plain_env, "web", "--no-open", "--json", "--http", ":0")  # as the message says
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout)["http"] == client.status().http != f"http://{http}"
