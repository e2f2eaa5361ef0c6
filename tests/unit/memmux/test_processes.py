from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

from memmux.processes import alive, private_bytes, rss_bytes


def test_running_process_is_alive() -> None:
    assert alive(os.getpid())


def test_process_that_ended_is_not_alive_even_before_it_is_collected() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b""  # its end closes the pipe
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not alive(process.pid)
    assert not alive(process.pid)


def test_nothing_has_a_pid_below_one() -> None:
    assert not alive(0)
    assert not alive(-1)


def test_files_that_are_mapped_are_not_a_processes_own_memory(tmp_path: Path) -> None:
    size = 32 << 20
    path = tmp_path / "large"
    path.write_bytes(bytes(size))
    before = private_bytes(os.getpid())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[:: mmap.PAGESIZE]) == 0  # every page was looked at
        assert private_bytes(os.getpid()) - before < size / 2
    kept = bytearray(os.urandom(size))
    assert private_bytes(os.getpid()) - before > size / 2
    assert kept
    assert private_bytes(-1) == 0


def test_resident_memory_is_in_bytes() -> None:
    assert 1 << 20 < rss_bytes(os.getpid()) < 1 << 36
    assert rss_bytes(-1) == 0
