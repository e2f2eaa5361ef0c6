from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from memmux.config.settings import Settings
from tests.bounds import BOUND_S
from workers.index import segment

_STARTS_AND_DIES = """
import os, subprocess, sys
from memmux.config.settings import parse_flags
from workers.runtime.child import Child
builder = Child("segment", parse_flags(sys.argv[2:]))
while sys.argv[1] == "working":
    try:
        builder.wait(0.05)
        raise SystemExit("the build ended")
    except subprocess.TimeoutExpired:
        pass
    if os.getpriority(os.PRIO_PROCESS, builder.pid) > os.getpriority(os.PRIO_PROCESS, 0):  # it makes way once it runs
        break
os.write(1, f"{builder.pid}\\n".encode())
sys.stdin.read()
os._exit(9)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="a process that is not a child can be waited for on Linux")
@pytest.mark.parametrize("when", ["starting", "working"])
def test_a_child_ends_when_the_worker_that_started_it_is_gone(tmp_path: Path, when: str) -> None:
    settings = Settings(cache_dir=tmp_path / "cache", state_dir=tmp_path / "state", database=tmp_path / "none.db")
    folder = segment.folder(settings.database)
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # so that the child waits for us and does not end by itself
        command = [sys.executable, "-c", _STARTS_AND_DIES, when, *settings.flags()]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            # Its log comes first, on the same stream.
            pid = next(int(line) for line in worker.stdout if line.strip().isdigit())
            builder = os.pidfd_open(pid)
            try:
                assert not select.select([builder], [], [], 0)[0]
                worker.stdin.close()
                assert worker.wait(BOUND_S) == 9
                assert select.select([builder], [], [], BOUND_S)[0]
            finally:
                os.close(builder)
