"""Measurements: rows with targets, timings, and what processes have loaded and used."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from memmux.processes import command
from memmux.wire import forks

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured value; `ok` is whether it meets its target, and true where there is none.

    key: the name under which programs find the value in the JSON document; empty where none looks for it.
    why: what was measured of the reason, where a target is missed. measured: False where what the target needs is not
    installed, which the value says; it is not missed then.
    """

    name: str
    value: float | str
    target: str = ""
    ok: bool = True
    key: str = ""
    why: str = ""
    measured: bool = True

    @property
    def verdict(self) -> str:
        """Whether the target is met, in words; nothing where there is none."""
        if not self.target:
            return ""
        return "not measured" if not self.measured else "met" if self.ok else "missed"


def plain(name: str, value: float, *, key: str = "") -> Row:
    """Return the row of a value without a target; its unit is part of the name."""
    return Row(name=name, value=round(value, 3), key=key)


def at_most(name: str, value: float, target: float | None, unit: str = "", *, key: str = "", why: str = "") -> Row:
    """Return the row of a value that shall not exceed its target, where it has one; why: the reason if it does."""
    if target is None:
        return _unjudged(name, value, unit, key)
    return _judged(name, value, f"≤ {target:g} {unit}", key, "" if value <= target else why, ok=value <= target)


def at_least(name: str, value: float, target: float | None, unit: str = "", *, key: str = "", why: str = "") -> Row:
    """Return the row of a value that shall reach its target, where it has one; why: the reason if it does not."""
    if target is None:
        return _unjudged(name, value, unit, key)
    return _judged(name, value, f"≥ {target:g} {unit}", key, "" if value >= target else why, ok=value >= target)


def _unjudged(name: str, value: float, unit: str, key: str) -> Row:
    return plain(f"{name}, {unit}" if unit else name, value, key=key)


def _judged(name: str, value: float, target: str, key: str, why: str, *, ok: bool) -> Row:
    return Row(name=name, value=round(value, 3), target=target.rstrip(), ok=ok, key=key, why=why)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many of a hundred lie, interpolated between the two that are nearest."""
    return float(np.percentile(np.asarray(values, dtype=np.float64), percent))


def timed_ms(work: Callable[[], object]) -> float:
    """Return how long `work` takes, in milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def median_ms(times: int, work: Callable[[], object]) -> float:
    """Return the median of so many runs of `work`, in milliseconds."""
    return median(timed_ms(work) for _ in range(times))


def mapped(pid: int) -> frozenset[str]:
    """Return the packages whose native libraries a process has mapped (Linux: from /proc)."""
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    paths = (line.rpartition("/site-packages/")[2] for line in lines if "/site-packages/" in line)
    return frozenset(path.partition("/")[0] for path in paths)


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, its own and the system's for it (Linux: from /proc)."""
    fields = _state(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ended_cpu_s(pid: int) -> float:
    """Return the processor time of the children of a process that have ended (Linux: from /proc)."""
    fields = _state(pid)
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return a process, and all that it and its children have started and that still run (Linux: from /proc)."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has just ended
                children.setdefault(int(_state(int(folder.name))[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:  # which grows
        found.extend(children.get(one, ()))
    return found


def used_s(pids: Iterable[int]) -> float:
    """Return the processor time of processes and all that they have started, also of what has ended (Linux)."""
    used = 0.0
    for pid in {started for one in pids for started in family(one)}:
        with suppress(OSError):  # one that has just ended is counted by its parent
            used += cpu_s(pid) + ended_cpu_s(pid)
    return used


def fork_servers(router: int) -> list[int]:
    """Return the processes from which a router has its workers forked: one on Linux while workers start."""
    if sys.platform != "linux":
        return []
    return [pid for pid in family(router) if forks.KIND.encode() in command(pid).split(b"\0")]


def _state(pid: int) -> list[bytes]:
    """Return the fields of proc(5)'s `stat` after the command's name, which is in parentheses and may hold anything.

    So the first is the state, which is counted as 3 there.
    """
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()


def machine_cpu_s() -> float:
    """Return the processor time that all processes together have used (Linux: from /proc)."""
    with Path("/proc/stat").open(encoding="ascii") as file:
        user, nice, system, _idle, _iowait, interrupts, soft = map(int, file.readline().split()[1:8])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid: int) -> int:
    """Return the resident memory of a process, each page that it shares divided among who shares it (Linux)."""
    return _rollup(pid)["Pss"]


def private_bytes(pid: int) -> int:
    """Return the memory that no other process shares and that is in no file (Linux)."""
    return _rollup(pid)["Private_Dirty"]


def _rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    return {name: int(size.split()[0]) << 10 for name, _, size in (line.partition(":") for line in lines)}


@contextmanager
def until(bound_s: float, what: str) -> Iterator[Callable[[], None]]:
    """Give a function for a polling loop to call each time round; it raises TimeoutError past the bound."""
    deadline = time.monotonic() + bound_s

    def wait() -> None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {bound_s:g} s")
        time.sleep(0.05)

    yield wait
