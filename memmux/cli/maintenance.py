"""The commands that look after the database: backup, restore and check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from memmux.cli import output
from memmux.cli.options import json_option, with_memories, with_settings
from memmux.client.blocking import Client
from memmux.cluster import find, worker_tasks
from memmux.config import typed
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, ClusterUnreachableError, NotFoundError
from memmux.postgres import own_tools
from memmux.wire.counts import amount

FOUND = 1  # the exit code of a check that found something
MEBIBYTE = 1 << 20
REPAIR = "memmux check --repair"  # stands in the remedy of what a rebuild heals

Findings = list[dict[str, str]]


def _client(settings: Settings, *, start: bool = True) -> Client:
    return Client(settings=settings, name="cli", start=start)


@click.command()
@click.option("--to", metavar="FOLDER", help="Where to put it, instead of the folder of scheduled backups.")
@json_option
@with_memories
def backup(settings: Settings, *, to: str | None, as_json: bool) -> None:
    """Make a backup while the cluster serves, and check it before it counts.

    Those in a folder that was named are never removed; of the others the newest are kept.
    """
    if to is not None:
        find.need_local(settings)
    if settings.server is not None and settings.remote is None:
        raise own_tools.backup(settings.server)
    with _client(settings) as client:
        made = client.backup(to=to)
    if as_json:
        said = {name: getattr(made, name) for name in ("path", "bytes", "seq", "seconds", "degraded")}
        output.document({**said, "count": made.memories})
    else:
        size = f"{made.bytes / MEBIBYTE:.1f} MiB, {amount(made.memories, 'memory')}, change {made.seq}"
        output.line(f"{made.path}  {size}, checked, {made.seconds:.1f} s")


@click.command()
@click.argument("file", required=False)
@click.option("--newest", is_flag=True, help="Restore the newest good backup.")
@json_option
@with_settings
def restore(settings: Settings, *, file: str | None, newest: bool, as_json: bool) -> None:
    """Put the backup FILE, or the newest good one, in the place of the database; no cluster may run.

    The backup is checked first, and stays where it is. The old database is kept beside the new one.
    """
    find.need_local(settings)
    if settings.server is not None:
        raise own_tools.restore(settings.server)
    if (file is None) != newest:
        raise ArgumentInvalidError("name either a FILE to restore or --newest; see `memmux restore --help`")
    # Not resolved: what a link points to is the file that counts, but its name is the one that the user knows.
    which = "--newest" if file is None else str(typed.path(file))
    if file is not None and not Path(which).is_file():
        raise NotFoundError(f"there is no file {which}; `memmux restore --newest` looks for the newest backup")
    done = worker_tasks.run("restore", settings, which)
    if as_json:
        said = {name: done[name] for name in ("database", "kept", "passed_over", "seq", "seconds")}
        output.document({"path": done["restored"], **said, "count": done["memories"]})
        return
    for passed in done["passed_over"]:
        output.line(f"passed over  {passed}: not a good backup", err=True)
    output.facts(
        (
            ("restored", done["restored"]),
            ("to", f"{done['database']}, {amount(done['memories'], 'memory')}, change {done['seq']}"),
            ("kept", done["kept"] or ""),
        )
    )


@click.command()
@click.option("--deep", is_flag=True, help="Also every index and content, and what a running cluster has in memory.")
@click.option("--repair", is_flag=True, help="Build what can be built anew: indexes, full text, vec0, counters.")
@json_option
@with_settings
def check(settings: Settings, *, deep: bool, repair: bool, as_json: bool) -> None:
    """Check every page of the database, and every view against the memories; exit with 1 if something is wrong.

    It reads only, beside a cluster or without one. A repair goes through the cluster, and starts one if needed. Pages
    on PostgreSQL are checked by its own tool, whose line is named.
    """
    find.need_local(settings)
    findings, seconds = _check(settings, deep=deep)
    rebuilt: Any = None
    if repair and any(REPAIR in finding["remedy"] for finding in findings):
        with _client(settings) as client:
            rebuilt = client.rebuild()
        findings, again_s = _check(settings, deep=deep)
        seconds += again_s
    if as_json:
        answer = {"path": settings.where, "deep": deep, "clean": not findings, "findings": findings}
        output.document({**answer, "rebuilt": rebuilt, "seconds": round(seconds, 3)})
    else:
        _show(settings, findings, rebuilt, seconds)
    click.get_current_context().exit(FOUND if findings else 0)


def _check(settings: Settings, *, deep: bool) -> tuple[Findings, float]:
    found = worker_tasks.run("check", settings, *(["--deep"] if deep else []))
    findings: Findings = found["findings"]
    return findings + (_in_memory(settings) if deep else []), float(found["seconds"])


def _in_memory(settings: Settings) -> Findings:
    """Ask the read workers of a running cluster, in turn, whether their vectors are those of the database."""
    drifted = {}
    try:
        with _client(settings, start=False) as client:
            # Bulk work goes to who has rested longest, so as many questions as workers reach them all when it is quiet.
            for _ in range(settings.readers):
                verified = client.verify()
                drifted[verified.pid] = verified.drifted
    except ClusterUnreachableError:
        return []
    return [
        {
            "code": "memory_drifted",
            "what": f"the read worker {pid} has other vectors in memory than the database, of {count} memories",
            "remedy": "run `memmux restart`: the new cluster reads them anew",
        }
        for pid, count in drifted.items()
        if count
    ]


def _show(settings: Settings, findings: Findings, rebuilt: Any, seconds: float) -> None:
    if rebuilt is not None:
        again = f"; {rebuilt.dropped} memories get new vectors" if rebuilt.dropped else ""
        output.line(f"built anew: {amount(rebuilt.texts, 'text')}, {amount(rebuilt.vectors, 'vector')}{again}")
    for finding in findings:
        output.line(output.styled(finding["code"], fg="red"), f": {finding['what']}; {finding['remedy']}")
    verdict = amount(len(findings), "finding") if findings else "nothing is wrong"
    output.line(f"{settings.where}: {verdict}, {seconds:.1f} s")
    if settings.server is not None:
        output.line(f"its pages and indexes are for PostgreSQL to check: {own_tools.amcheck(settings.server)}")
