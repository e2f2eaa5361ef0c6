"""Measurements: rows with targets, timings, and what processes have loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured value; `ok` is whether it meets its target, and true where there is none."""

    name: str
    value: float | str
    target: str = ""
    ok: bool = True


def at_most(name: str, value: float, target: float, unit: str = "") -> Row:
    """Return the row of a value that shall not exceed its target."""
    return Row(name=name, value=round(value, 3), target=f"≤ {target:g} {unit}".rstrip(), ok=value <= target)


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


@contextmanager
def until(bound_s: float, what: str) -> Iterator[Callable[[], None]]:
    """Give a function for a polling loop to call each time round; it raises TimeoutError past the bound."""
    deadline = time.monotonic() + bound_s

    def wait() -> None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {bound_s:g} s")
        time.sleep(0.05)

    yield wait
