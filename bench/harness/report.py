"""What the benchmark prints: progress on standard error, and at the end a table or one JSON document."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.harness.measure import Row

_COLOURS: Mapping[str, str] = {"met": "green", "missed": "red", "not measured": "yellow"}


def progress(text: str) -> None:
    """Say what is being done: in place on a terminal, a line each otherwise."""
    sys.stderr.write(f"\r\x1b[K{text} " if sys.stderr.isatty() else f"{text}\n")
    sys.stderr.flush()


def document(value: object) -> None:
    """Print one JSON document."""
    _clear()
    sys.stdout.write(orjson.dumps(value).decode() + "\n")


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print the rows; as JSON, their values also stand by their keys."""
    if as_json:
        values = {row.key: row.value for row in rows if row.key}
        document({**values, "rows": [{**asdict(row), "verdict": row.verdict} for row in rows]})
        return
    _clear()
    table = Table()
    for heading in ("measured", "value", "target", ""):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for row in rows:
        verdict = f"[{_COLOURS[row.verdict]}]{row.verdict}" if row.verdict else ""
        table.add_row(row.name, escape(str(row.value)), row.target, verdict)
    console = Console()
    console.print(table)
    for row in rows:
        if row.why:
            console.print(f"[red]missed[/]: {escape(row.name)}: {escape(row.why)}")


def finish(measured: Iterable[Row], *, as_json: bool) -> int:
    """Print the rows once all are measured; return the exit code: 1 if a target was missed."""
    rows = list(measured)
    show(rows, as_json=as_json)
    return 0 if all(row.ok for row in rows) else 1


def _clear() -> None:
    """Remove the progress from a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
