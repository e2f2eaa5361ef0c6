"""The command `memmux clusters`: what runs on this machine, whatever the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import orjson

from memmux.cli import output
from memmux.cli.options import json_option, with_settings
from memmux.client.blocking import Client
from memmux.cluster.holder import Holder
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.processes import rss_bytes
from memmux.wire.answers import Status
from memmux.wire.counts import amount

MEBIBYTE = 1 << 20
_LOOK_S = 2.0  # for the answer of each


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster of this user.

    path: of its database. pid: of the router; version: its own, empty while it does not answer. state: as of
    `memmux status`. since: when its router began. clients: names of those that are connected, hosts among them. count:
    of live memories; None while it does not answer. rss_bytes: resident memory of its processes.
    """

    path: str
    pid: int
    state: str
    since: datetime
    version: str = ""
    clients: Sequence[str] = ()
    count: int | None = None
    rss_bytes: int = 0


@click.command()
@json_option
@with_settings
def clusters(settings: Settings, *, as_json: bool) -> None:
    """List the clusters that run on this machine for you: database, process, clients, memory, and since when.

    It knows those whose logs are in the folder state_dir. `memmux --database FILE status` says more of one, and
    `memmux --database FILE stop` ends it.
    """
    found = [cluster for database in databases(settings) if (cluster := _cluster(settings, database)) is not None]
    if as_json:
        output.document({"clusters": found})
        return
    if not found:
        output.line("no cluster runs; the next client starts one")
    for cluster in found:
        output.line(output.styled(cluster.path, bold=True))
        running = f"  {cluster.state}, pid {cluster.pid}, since {output.local(cluster.since)}"
        output.line(running, f", {cluster.rss_bytes / MEBIBYTE:.0f} MiB" if cluster.rss_bytes else "")
        if cluster.count is not None:
            output.line(f"  {amount(cluster.count, 'memory')}; clients: {', '.join(cluster.clients) or 'none'}")


def databases(settings: Settings) -> Iterator[Path]:
    """Yield the databases that clusters have served: the log of a router says which, on each line."""
    for folder in sorted((settings.state_dir / "logs").glob("*")):
        logs = sorted(folder.glob("router*.jsonl"), key=lambda log: log.stat().st_mtime, reverse=True)
        for log in logs[:1]:
            with log.open("rb") as lines:
                try:
                    yield Path(orjson.loads(lines.readline())["database"])
                except (orjson.JSONDecodeError, KeyError, TypeError):
                    continue  # a line that is only half written


def _cluster(settings: Settings, database: Path) -> Cluster | None:
    """Return the cluster of a database; None if none runs."""
    own = replace(settings, database=database, server=None, adopt_from=None, remote=None)
    held = Holder.of(Places(own))
    if held is None:
        return None
    try:
        with Client(settings=own, name="cli", start=False, observer=True) as client:
            status = client.status(timeout_s=_LOOK_S)
    except MemmuxError:
        state = "unresponsive" if held.listening else "starting"
        return Cluster(path=str(database), pid=held.pid, state=state, since=held.began, rss_bytes=rss_bytes(held.pid))
    return Cluster(
        path=status.database or str(database),
        pid=status.pid,
        state=status.state,
        since=datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=int(status.uptime_s)),
        version=status.version,
        clients=sorted({str(client.get("name")) for client in status.clients}),
        count=status.memories,
        rss_bytes=_resident(status),
    )


def _resident(status: Status) -> int:
    processes = [*status.workers, *([status.gateway] if status.gateway else [])]
    return status.rss_bytes + sum(process.get("rss_bytes") or 0 for process in processes)
