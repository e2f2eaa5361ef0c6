"""Questions about other processes of this machine; answered from /proc where there is one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STAT_BYTES = 4096  # more than the line has
_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER = 36
_BEGAN = 19  # where the ticks from the system's start to the process's are in /proc/PID/stat, behind the name
_ARGUMENTS = 45  # where the addresses of the command line's begin and end are there
_PROC = sys.platform == "linux"


def alive(pid: int) -> bool:
    """Return whether the process runs: a zombie, which has ended and only waits to be collected, does not."""
    if pid <= 0:
        return False
    if _PROC:
        try:
            # The state follows the command's name, which is in parentheses and may hold anything.
            return _stat(pid).rpartition(b") ")[2][:1] not in (b"Z", b"X")
        except (FileNotFoundError, ProcessLookupError):
            return False
        except OSError:
            pass  # that it can't be read, for want of a descriptor or of memory, says nothing of the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is somebody else's
    return True


def run_id(pid: int) -> str:
    """Return the pid and what tells the process from all that had, or will have, that pid, where the system says it.

    In a container a process may have the same pid in every run.
    """
    told = []
    if _PROC:
        with suppress(OSError):
            told = [_stat(pid).rpartition(b") ")[2].split()[_BEGAN].decode()]
            told.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    return " ".join([str(pid), *told])


def _stat(pid: int) -> bytes:
    """Return what the system says of a process; without pathlib it takes a third, and a router asks often."""
    descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _STAT_BYTES)
    finally:
        os.close(descriptor)


def end_with_parent() -> None:
    """Have the system kill this process when its parent ends, even while it is stopped; nothing where it can't."""
    if not _PROC:
        return
    import ctypes  # only what is started by a router

    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died just before
        os._exit(0)


def ending_with_this(signal_number: int) -> Callable[[], None]:
    """Return what a child calls before it becomes another program, to be sent this signal when this process ends.

    All that it needs is loaded here: the child may be another user's by then, who may read nothing of Python.
    """
    if not _PROC:
        return lambda: None
    import ctypes  # as above

    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # it died just before
            os._exit(0)

    return tie


def adopt_orphans() -> bool:
    """Have the system make this process the parent of its descendants whose parent ends; return whether it does."""
    if not _PROC:
        return False
    import ctypes  # as above

    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def collect_orphans(known: Container[int]) -> int:
    """Collect the children of this process that have ended and are not `known`; return how many there were.

    The known ones are left to whoever waits for them. Where one has ended, the rest are left for the next time.
    """
    collected = 0
    if not _PROC:  # none are taken in
        return collected
    with suppress(ChildProcessError):  # there are no children
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in known:
            os.waitpid(ended.si_pid, os.WNOHANG)
            collected += 1
    return collected


def set_command(words: Sequence[str]) -> None:
    """Have the system show this command line for this process; what is longer than the one before is cut off."""
    if not _PROC:
        return
    import ctypes  # as above

    begin, end = map(int, _stat(os.getpid()).rpartition(b") ")[2].split()[_ARGUMENTS : _ARGUMENTS + 2])
    if room := end - begin:  # none, if the system does not tell
        text = b"".join(os.fsencode(word) + b"\0" for word in words)
        ctypes.memmove(begin, text[: room - 1].ljust(room, b"\0"), room)


def command(pid: int) -> bytes:
    """Return the command line of a process; empty if it is gone, or can't be told."""
    try:
        if _PROC:
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        import subprocess  # only where there is no /proc

        return subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False).stdout
    except OSError:
        return b""


def command_lines() -> Iterator[tuple[int, str]]:
    """Give pid and command line, its words joined by blanks, of every process that can be seen."""
    if _PROC:
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and alive(pid := int(folder.name)):
                yield pid, command(pid).decode(errors="replace").replace("\0", " ").strip()
        return
    import subprocess  # as above

    with suppress(OSError):
        listed = subprocess.run(["/bin/ps", "-axww", "-o", "pid=,command="], stdout=subprocess.PIPE, check=False)
        for line in listed.stdout.decode(errors="replace").splitlines():
            number, _, words = line.strip().partition(" ")
            yield int(number), words


def private_bytes(pid: int) -> int:
    """Return the resident memory of a process that is its own, without the files that it maps; 0 where unknown."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(resident) - int(shared)) * _PAGE_BYTES
    except (OSError, ValueError):
        return 0


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 where that can't be told."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
