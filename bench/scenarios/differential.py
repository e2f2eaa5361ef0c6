"""Differences: the same random jobs on SQLite and on PostgreSQL, and where their answers differ."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from bench.harness import report
from bench.harness.differential.clock import Moving
from bench.harness.differential.differential import Differential
from bench.harness.differential.side import Side
from bench.harness.measure import Row, at_most, plain
from memmux.postgres import servers
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter
from workers.storage.sqlite.reader import SqliteReader
from workers.storage.sqlite.writer import SqliteWriter

SHOWN = 5  # differences
_SAY_EVERY = 20  # steps between two words of progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How many steps are made, each of which writes something and asks much; the same ones for the same seed."""

    steps: int = 200
    seed: int = 1


def measure(options: Options) -> Iterator[Row]:
    """Give the rows: jobs, those that were refused, and differences, of which the first are printed."""
    clock = Moving()
    found: list[str] = []
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="memmux-")))
        url = opened.enter_context(servers.running()).primary(port=None, fsync="off").url
        database, home = folder / "memory.db", folder / "home"
        lite = opened.enter_context(closing(SqliteWriter(database, now=clock)))
        server = opened.enter_context(closing(PostgresWriter(url, home, now=clock)))
        lite_reader = opened.enter_context(closing(SqliteReader(database, now=clock)))
        server_reader = opened.enter_context(closing(PostgresReader(url, home, now=clock)))
        sides = Side.of(lite, lite_reader), Side.of(server, server_reader)
        differential = Differential(options.seed, sides, clock)
        for step in range(options.steps):
            if step % _SAY_EVERY == 0:
                report.progress(f"step {step} of {options.steps}, {len(found)} differences")
            found += differential.step()
    for difference in found[:SHOWN]:
        sys.stderr.write(f"{difference}\n")
    yield plain("jobs on both engines", sum(differential.done.values()), key="jobs")
    refused = sum(count for name, count in differential.done.items() if " " in name)
    yield plain("of them refused by both", refused, key="refused")
    yield at_most("answers that differ", len(found), 0, key="differences")
