"""The early gateway: started before the router has an address for its socket, and held until it has."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from memmux.cluster.router_flags import WITH_GATEWAY
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs import log
from router.lifecycle import early_gateway
from router.lifecycle.gateways import Gateways
from tests.bounds import BOUND_S, pause


@pytest.fixture
def place(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.database.parent.mkdir()
    Places(settings).sockets()
    log.configure("router", settings)
    monkeypatch.chdir(settings.database.parent)
    return Places(settings).mcp_socket


@pytest.mark.slow
def test_it_takes_relays_in_once_the_router_listens(settings: Settings, place: Path) -> None:
    early = early_gateway.of([WITH_GATEWAY, "--ready-fd=9", *settings.flags()])
    assert early is not None
    gateways = Gateways(settings, place, successor=False, wanted=True, early=early)
    try:
        gateways.listen()
        until = time.monotonic() + BOUND_S
        while (status := gateways.status()) is None or status["state"] != "ready":
            assert time.monotonic() < until
            gateways.look(time.monotonic())
            pause()
        assert status["pid"] == early.process.pid
        assert status["restarts"] == 0
    finally:
        gateways.close()


@pytest.mark.slow
def test_it_ends_with_a_router_that_never_listens(settings: Settings, place: Path) -> None:
    del place
    early = early_gateway.of([WITH_GATEWAY, *settings.flags()])
    assert early is not None
    assert early.process.stdin is not None
    assert early.process.stdout is not None
    early.process.stdin.close()
    assert early.process.wait(BOUND_S) == 0
    early.process.stdout.close()
    early.listener.close()


@pytest.mark.parametrize("arguments", [[], [WITH_GATEWAY, "--http=127.0.0.1:9000"]])
def test_there_is_none_that_nobody_waits_for_or_that_needs_another_socket(arguments: list[str]) -> None:
    assert early_gateway.of(arguments) is None


def test_a_router_that_has_no_gateway_as_python_is_gone_says_so_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert early_gateway.of([WITH_GATEWAY]) is None


def test_it_is_started_before_the_router_imports_what_it_is_made_of() -> None:
    none = ("memmux.config", "memmux.errors", "memmux.logs", "orjson", "structlog", "typing", "zmq")
    code = f"import sys, router.lifecycle.early_gateway; print([name for name in {none} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
