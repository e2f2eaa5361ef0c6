"""The commands about the cluster: status, stop, serve and mcp."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Mapping
from typing import Any

import click

from memmux.cli import output
from memmux.cli.options import from_option, json_option, with_settings
from memmux.client import Client
from memmux.errors import ClusterUnreachableError
from memmux.models import Status
from memmux.settings import Settings

NO_CLUSTER = 3  # the exit code of `memmux status` when none runs
MEBIBYTE = 1 << 20


def _client(settings: Settings) -> Client:
    return Client(settings=settings, name="cli", start=False)


@click.command()
@json_option
@with_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Show the state of the database's cluster; exit with 3 when none runs."""
    with _client(settings) as client:
        try:
            found = client.status()
        except ClusterUnreachableError:
            found = None
    if found is None:
        if as_json:
            output.document({"state": "stopped", "database": str(settings.database)})
        else:
            click.echo(f"no cluster runs for {settings.database}; the next client starts one")
        click.get_current_context().exit(NO_CLUSTER)
    if as_json:
        output.document(found)
    else:
        _show(found)


def _show(status: Status) -> None:
    output.facts(
        (
            ("state", f"{status.state}, for {_duration(status.uptime_s)}"),
            ("degraded", ", ".join(status.degraded)),
            ("read", status.fitness("read")),
            ("write", status.fitness("write")),
            ("memories", f"{status.memories}" + (f", {status.pending} without a vector yet" if status.pending else "")),
            ("seq", str(status.seq)),
            ("index", _index(status.index)),
            ("log", f"{status.wal_bytes / MEBIBYTE:.1f} MiB"),
            ("model", status.model or "loading"),
            ("database", status.database),
            ("endpoint", status.endpoint),
            ("router", f"pid {status.pid}, version {status.version}"),
            ("waiting", ", ".join(f"{kind} {waiting}" for kind, waiting in status.queues.items() if waiting)),
        )
    )
    workers = ("kind", "pid", "state", "restarts", "in flight", "MiB", "error")
    output.table("workers", workers, [_worker(worker) for worker in status.workers])
    clients = ("name", "pid", "version", "in_flight", "requests")
    output.table("clients", clients, [[client.get(name) for name in clients] for client in status.clients])


def _index(index: Mapping[str, Any]) -> str:
    """Return where the index of many vectors stands; nothing while there are few."""
    if index.get("state") in (None, "none"):
        return ""
    return f"{index['state']}, {index['vectors']} vectors"


def _worker(worker: Mapping[str, Any]) -> list[object]:
    rss_bytes = worker.get("rss_bytes")
    error = worker.get("error")
    return [
        *(worker.get(name) for name in ("kind", "pid", "state", "restarts", "in_flight")),
        None if rss_bytes is None else round(rss_bytes / MEBIBYTE),
        error.get("message") if isinstance(error, dict) else error,
    ]


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@click.command()
@json_option
@with_settings
def stop(settings: Settings, *, as_json: bool) -> None:
    """Stop the database's cluster, after the requests in flight are answered."""
    with _client(settings) as client:
        try:
            client.stop()
            stopped = True
        except ClusterUnreachableError:
            stopped = False
    if as_json:
        output.document({"state": "stopped", "database": str(settings.database), "was_running": stopped})
    else:
        click.echo("stopped" if stopped else f"no cluster runs for {settings.database}")


def _become(module: str, settings: Settings) -> None:
    """Run another package's main module in this process; by name, because memmux imports none of its users."""
    sys.argv = [module, *settings.flags()]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


@click.command()
@from_option
@with_settings
def serve(settings: Settings) -> None:
    """Serve the database in the foreground, until a stop or Ctrl-C. Clients do this by themselves."""
    _become("router", settings)


@click.command()
@from_option
@with_settings
def mcp(settings: Settings) -> None:
    """Speak MCP on standard input and output: the command that an MCP host is given."""
    _become("mcp_dealer", settings)
