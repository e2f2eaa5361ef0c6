from __future__ import annotations

import os
import subprocess
import sys

from memmux.processes import alive, rss_bytes


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


def test_resident_memory_is_in_bytes() -> None:
    assert 1 << 20 < rss_bytes(os.getpid()) < 1 << 36
    assert rss_bytes(-1) == 0
