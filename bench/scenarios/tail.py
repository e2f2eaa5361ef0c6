"""Tail: how many lines a second `memmux tail` reads, filters and shows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import orjson

from bench.harness import report
from bench.harness.measure import Row, at_least, plain
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs.reading.file import stamp
from memmux.wire.ids import uuid7

FULL = 500_000  # lines, for which the target is
PER_S = 100_000.0
PROCESSES = ("router", "read-0", "read-1", "write-0", "embed-0", "mcp")
CLIENTS = 8
EXPIRED_EVERY = 1_000  # one line of so many is a warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How many lines are read, and how often."""

    lines: int = FULL
    rounds: int = 3


_KINDS: Mapping[str, tuple[str, ...]] = {
    "few": ("--level", "warning"),
    "some": ("--event", "request_finished", "--where", "total_ms>90"),
    "all": ("--where", "total_ms>=0", "--json"),
}
_TEXTS = {
    "few": "lines a second through a filter that passes one of a thousand",
    "some": "lines a second through a filter on numbers that passes one of sixty",
    "all": "lines a second through a filter on numbers that passes all, as JSON",
    "shown": "lines a second without a filter, for people",
}


def measure(options: Options) -> Iterator[Row]:
    """Give the rows: the whole command, its start included, by the processor time that it used."""
    target = PER_S if options.lines == FULL else None
    with tempfile.TemporaryDirectory(prefix="mmb-") as name:
        settings = Settings(database=Path(name) / "m.db", state_dir=Path(name))
        report.progress(f"writing {options.lines} lines")
        written = _write(Places(settings).logs, settings.database, options.lines)
        for key, arguments in {**_KINDS, "shown": ()}.items():
            report.progress(_TEXTS[key])
            seconds, shown = _timed(settings, arguments, options.rounds)
            if key in ("all", "shown") and shown != written:
                raise RuntimeError(f"{shown} of {written} lines were shown")
            yield at_least(_TEXTS[key], written / seconds, target if key != "shown" else None, key=f"{key}_per_s")
        yield plain("lines that were read", written, key="lines")


def _timed(settings: Settings, arguments: tuple[str, ...], rounds: int) -> tuple[float, int]:
    """Return the seconds of one core that the command uses, the median of some rounds, and how many lines it showed."""
    environment = {
        **os.environ,
        "MEMMUX_DATABASE": str(settings.database),
        "MEMMUX_STATE_DIR": str(settings.state_dir),
        "MEMMUX_ADOPT_FROM": "none",
    }
    command = [sys.executable, "-P", "-m", "memmux", "tail", "--lines", "all", *arguments]
    taken, shown = [], 0
    for _ in range(rounds):
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, env=environment, stdout=output)
            _, ended, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(ended)  # or it would be waited for once more
            if process.returncode:
                raise RuntimeError(f"memmux tail ended with {process.returncode}")
            taken.append(used.ru_utime + used.ru_stime)
            output.seek(0)
            shown = sum(block.count(b"\n") for block in iter(lambda: output.read(1 << 20), b""))
    return median(taken), shown


def _write(folder: Path, database: Path, lines: int) -> int:
    """Write lines such as a busy cluster does; return how many."""
    folder.mkdir(parents=True)
    each, written = lines // len(PROCESSES), 0
    at = datetime(2026, 11, 25, tzinfo=UTC)
    for place, process in enumerate(PROCESSES):
        with (folder / f"{process}.jsonl").open("wb") as file:
            for number in range(each):
                file.write(_line(process, number, at + timedelta(microseconds=700 * number + place), database))
                written += 1
    return written


def _line(process: str, number: int, at: datetime, database: Path) -> bytes:
    expired = number % EXPIRED_EVERY == 0
    fields = {
        "timestamp": stamp(at).decode(),
        "level": "warning" if expired else "info",
        "event": "request_expired" if expired else "request_finished" if process == "router" else "stage_finished",
        "process": process,
        "kind": process.partition("-")[0],
        "pid": 4242,
        "version": "0.1.0",
        "database": str(database),
        "request_id": uuid7(),
        "client": f"client-{number % CLIENTS}",
        "operation": "memory.search",
        "queue_ms": 0.125,
        "work_ms": 8.25,
        "outcome": "ok",
        "total_ms": number % 100 + 0.5,
        "attempt": 1,
    }
    return orjson.dumps(fields) + b"\n"
