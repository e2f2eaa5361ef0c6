from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux.relay import children


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of processes that would be started; a pid that is nobody's stands for each."""
    spawned: list[list[str]] = []

    def spawn(command: list[str], ours: socket.socket, theirs: socket.socket) -> int:
        del ours
        theirs.close()
        spawned.append(command)
        return 1 << 22

    monkeypatch.setattr(children, "spawn", spawn)
    return spawned


@pytest.fixture
def listener(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setenv("MEMMUX_RUNTIME_DIR", str(short_tmp))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_tmp / "mcp"))
        listener.listen(16)
        yield listener
