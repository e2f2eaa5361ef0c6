"""Fixtures for tests with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memmux import Client
from memmux.settings import Settings

BOUND_S = 60.0  # for client processes to do their work


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A client of the throwaway cluster, which it starts."""
    with Client(settings=settings, name="test") as connected:
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
