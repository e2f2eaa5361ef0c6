from __future__ import annotations

import mmap
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from memmux.processes import alive, command_lines, private_bytes, rss_bytes, run_id
from tests.bounds import BOUND_S

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks the system for what Linux alone has")


def test_running_process_is_alive() -> None:
    assert alive(os.getpid())


def test_process_that_ended_is_not_alive_even_before_it_is_collected() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b""  # its end closes the pipe
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not alive(process.pid)
    assert not alive(process.pid)


def test_a_command_line_is_found_while_its_process_runs() -> None:
    text = os.urandom(8).hex()
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", f"--{text}=1"], stdin=subprocess.PIPE
    ) as process:
        assert (process.pid, [f"--{text}=1"]) in [(pid, line.split()[-1:]) for pid, line in command_lines()]
        process.communicate()
        assert not any(text in line for _, line in command_lines())


def test_nothing_has_a_pid_below_one() -> None:
    assert not alive(0)
    assert not alive(-1)


@only_linux
def test_a_run_is_told_by_more_than_its_pid() -> None:
    here = run_id(os.getpid())
    assert here == run_id(os.getpid())
    pid, began, system = here.split()
    assert pid == str(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as later:
        _, later_began, same_system = run_id(later.pid).split()
        later.communicate()
    assert int(later_began) > int(began)
    assert same_system == system


def test_of_a_process_that_is_gone_the_pid_alone_is_told() -> None:
    assert run_id(-1) == "-1"


@pytest.mark.slow
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


def _told(*scripts: str) -> str:
    """What a process of its own prints that runs these."""
    begin = "import os, subprocess, sys\nfrom memmux import processes"
    lines = "\n".join([begin, *map(textwrap.dedent, scripts)])
    ran = subprocess.run([sys.executable, "-c", lines], stdout=subprocess.PIPE, text=True, check=True, timeout=BOUND_S)
    return ran.stdout


# A child that starts one of its own, says its pid, and ends; that one ends when its standard input does.
_LEAVES_AN_ORPHAN = """
    read, written = os.pipe()
    said, saying = os.pipe()
    if not (child := os.fork()):
        if orphan := os.fork():
            os.write(saying, orphan.to_bytes(8))
            os._exit(0)
        os.close(written)
        os.read(read, 1)
        os._exit(3)
    orphan = int.from_bytes(os.read(said, 8))
"""


_PARENT = "int(processes._stat(orphan).rpartition(b') ')[2].split()[1])"


@only_linux
def test_orphans_of_ones_own_are_taken_in_and_collected() -> None:
    told = _told(
        "assert processes.adopt_orphans()",
        _LEAVES_AN_ORPHAN,
        f"""
        os.waitpid(child, 0)
        assert {_PARENT} == os.getpid()
        assert processes.collect_orphans(set()) == 0  # it runs
        os.close(written)
        os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
        print(processes.collect_orphans({{os.getpid()}}), os.path.exists(f"/proc/{{orphan}}"))
        """,
    )
    assert told.split() == ["1", "False"]


@only_linux
def test_exit_code_of_a_child_that_is_waited_for_is_left_to_who_waits() -> None:
    told = _told("""
        with subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]) as known:
            os.waitid(os.P_PID, known.pid, os.WEXITED | os.WNOWAIT)
            print(processes.collect_orphans({known.pid}), known.wait(), processes.collect_orphans(set()))
    """)
    assert told.split() == ["0", "7", "0"]


@only_linux
def test_another_command_line_is_shown_and_cut_off_where_there_is_no_room() -> None:
    told = _told("""
        room = len(processes.command(os.getpid()))
        processes.set_command(["python", "-m", "workers", "read"])
        shown = processes.command(os.getpid())
        assert len(shown) == room
        print(shown.rstrip(b"\\0"))
        processes.set_command(["x" * 1_000_000])
        assert processes.command(os.getpid()) == b"x" * (room - 1) + b"\\0"
    """)
    assert told.strip() == r"b'python\x00-m\x00workers\x00read'"
