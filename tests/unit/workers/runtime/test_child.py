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
from workers.embedding import exports, sources, weights

_STARTS_AND_DIES = """
import os, subprocess, sys
from pathlib import Path
from memmux.config.settings import parse_flags
from workers.runtime.child import Child
begun, *flags = sys.argv[1:]
exporter = Child("export", parse_flags(flags))
while not Path(begun).exists():
    try:
        exporter.wait(0.05)
        raise SystemExit("the export ended")
    except subprocess.TimeoutExpired:
        pass
os.write(1, f"{exporter.pid}\\n".encode())
sys.stdin.read()
os._exit(9)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="a process that is not a child can be waited for on Linux")
def test_the_export_ends_when_the_worker_that_started_it_is_gone(tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path / "cache", state_dir=tmp_path / "state", database=tmp_path / "none.db")
    source = sources.find(settings)
    place = exports.place(settings, source)
    begun = place.with_name(weights.MEMORY)  # the export writes it once it runs, before it asks for its lock
    begun.unlink()
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # so that the export waits for us and does not end by itself
        command = [sys.executable, "-c", _STARTS_AND_DIES, str(begun), *settings.flags()]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            # Its log comes first, on the same stream.
            pid = next(int(line) for line in worker.stdout if line.strip().isdigit())
            exporter = os.pidfd_open(pid)
            try:
                assert not select.select([exporter], [], [], 0)[0]
                worker.stdin.close()
                assert worker.wait(BOUND_S) == 9
                assert select.select([exporter], [], [], 10)[0]
            finally:
                os.close(exporter)
