"""The commands about the cluster: status, stop, serve and mcp."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from memmux.cli import degraded, output
from memmux.cli.become import become
from memmux.cli.options import from_option, http_options, json_option, listen_option, with_settings
from memmux.cli.settings import changes, running
from memmux.client.blocking import Client
from memmux.cluster import find, given, holder
from memmux.cluster import replace as replacing
from memmux.cluster.holder import Holder
from memmux.cluster.router_flags import SUCCEED
from memmux.cluster.steps import run
from memmux.config.loader import load_with_sources, named
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import ClusterUnreachableError
from memmux.trust import remotes
from memmux.wire.answers import Status
from memmux.wire.counts import amount
from memmux.wire.times import from_epoch

NO_CLUSTER = 3  # the exit code of `memmux status` when none runs
LOOK_S = 2.0  # for the router to look at its health
PAUSE_S = 0.02  # between two questions whether it has
MEBIBYTE = 1 << 20


def _client(settings: Settings) -> Client:
    return Client(settings=settings, name="cli", start=False)


@click.command()
@json_option
@with_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Show the state of the database's cluster; exit with 3 when none runs, or it does not answer.

    One that is starting and answers nobody yet is told with its pid and the time since when; so is one that has served
    and does not answer, as its process is stopped or hung.
    """
    with _client(settings) as client:
        try:
            found = _looked_at(client)
        except ClusterUnreachableError:
            found = None
    if found is None:
        _show_none(settings, as_json=as_json)
        click.get_current_context().exit(NO_CLUSTER)
    if as_json:
        made = found.backups.get("newest_at")
        backups = {**found.backups, "newest_at": None if made is None else from_epoch(made)}
        output.document(replace(found, backups=backups))
    else:
        _show(found, None if settings.remote is None else remotes.read(settings.remote))


def _looked_at(client: Client) -> Status:
    """Return the status; the first question has the router look at its health, which takes a moment."""
    until = time.monotonic() + LOOK_S
    while True:
        found = client.status()
        states = {kind.get("state") for kind in found.health.values()}
        if "unknown" not in states or found.state not in ("serving", "degraded") or time.monotonic() >= until:
            return found
        time.sleep(PAUSE_S)


def _show_none(settings: Settings, *, as_json: bool) -> None:
    """Say that no cluster answers."""
    if settings.remote is not None:
        remote = remotes.read(settings.remote)
        if as_json:
            output.document({"state": "unreachable", "remote": settings.remote.stem, "endpoint": remote.endpoint})
        else:
            output.line(remote.unreachable().message)
    elif (held := Holder.of(Places(settings))) is not None:
        if as_json:
            began = {"pid": held.pid, "since": held.began}
            state = "unresponsive" if held.listening else "starting"
            output.document({"state": state, "database": settings.where, **began})
        else:
            how = _unresponsive(held) if held.listening else _starting(held)
            output.line(f"a cluster for {settings.where} {how}; `memmux stop` ends it")
    elif as_json:
        output.document({"state": "stopped", "database": settings.where})
    else:
        output.line(f"no cluster runs for {settings.where}; the next client starts one")


def _starting(held: Holder) -> str:
    return f"is starting since {output.local(held.began)} (pid {held.pid}) and answers nobody yet"


def _unresponsive(held: Holder) -> str:
    return f"(pid {held.pid}) {holder.UNRESPONSIVE}"


def _show(status: Status, remote: remotes.Remote | None = None) -> None:
    output.facts(
        (
            ("remote", "" if remote is None else f"{remote.endpoint}, with the key {remote.name!r}"),
            ("state", f"{status.state}, for {_duration(status.uptime_s)}"),
            *(("degraded", degraded.sentence(code)) for code in status.degraded),
            ("read", status.fitness("read")),
            ("write", status.fitness("write")),
            ("key", _key(status.grant)),
            ("memories", _memories(status)),
            ("seq", "" if status.grant else str(status.seq)),
            ("index", _index(status.index)),
            ("wal", "" if status.grant else f"{status.wal_bytes / MEBIBYTE:.1f} MiB"),
            ("replicas", status.replicating()),
            ("model", degraded.model(status.model, status.degraded)),
            ("switch", status.switching()),
            ("database", status.database),
            ("endpoint", ", ".join(filter(None, (status.endpoint, status.listen)))),
            ("http", status.over_http()),
            ("router", (f"pid {status.pid}, " if status.pid else "") + f"version {status.version}"),
            ("waiting", ", ".join(f"{kind} {waiting}" for kind, waiting in status.queues.items() if waiting)),
        )
    )
    workers = ("kind", "pid", "state", "restarts", "in flight", "MiB", "error")
    if status.grant is None:
        gateway = [{"kind": "gateway", **status.gateway}] if status.gateway else []
        output.table(
            "workers (MiB: with what they share)", workers, [_worker(worker) for worker in (*status.workers, *gateway)]
        )
    fields = ("name", "process", "version", "in_flight", "requests")
    clients = ("name", "process", "version", "in flight", "requests")
    rows = [status.of_host(client) for client in status.clients]
    output.table("clients", clients, [[client.get(name) for name in fields] for client in rows])


def _key(grant: Mapping[str, Any] | None) -> str:
    """Return what the key that limits this client allows; nothing if none does."""
    if grant is None:
        return ""
    names = grant.get("namespaces")
    return f"{grant['name']}, {grant['role']}, " + ("all namespaces" if names is None else ", ".join(names))


def _memories(status: Status) -> str:
    """Return how many memories there are; nothing if this client may not know."""
    if status.memories is None:
        return ""
    return f"{status.memories}" + (f", {status.pending} without a vector yet" if status.pending else "")


def _index(index: Mapping[str, Any]) -> str:
    """Return where the index of many vectors stands; nothing while there are few."""
    if index.get("state") in (None, "none"):
        return ""
    return f"{index['state']}, {amount(index['vectors'], 'vector')}"


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
    """Stop the database's cluster, after the requests in flight are answered; also one that does not answer."""
    with _client(settings) as client:
        try:
            client.stop()
            stopped = True
        except ClusterUnreachableError:
            stopped = _end(settings)
    if as_json:
        output.document({"state": "stopped", "database": settings.where, "was_running": stopped})
    else:
        output.line("stopped" if stopped else f"no cluster runs for {settings.where}")


def _end(settings: Settings) -> bool:
    """End a cluster that answers nobody; return whether there was one."""
    places = Places(settings)
    held = None if settings.remote is not None else Holder.of(places)
    if held is not None:
        run(holder.end(places, held))
    return held is not None


@click.command()
@json_option
@with_settings(applied=True)
def restart(settings: Settings, *, as_json: bool) -> None:
    """Replace the database's cluster by one of this version and these settings, while its clients go on.

    The new one is there before the old one stops. Requests in flight are answered, or sent again by their clients. If
    it can't take over, the old one serves on. Where it ran as a service, it does so again.

    What flags gave the old one stays, unless a flag, a variable or memmux.toml says something else now; what changes is
    printed.
    """
    from memmux.cluster import service as services  # `memmux status` does without

    find.need_local(settings)
    find.refuse_missing(settings)
    service = services.of(settings)
    served = service.installed and service.active
    if sys.stderr.isatty() and not as_json:
        output.note(
            "waiting for a new cluster to be ready, and for the old one to answer what is in flight, within "
            f"{settings.start_timeout_s + settings.drain_s:g} s"
        )
    began = time.monotonic()
    had = running(settings)
    before, after = run(replacing.restart(settings, named(load_with_sources(click.get_current_context().obj)[1])))
    seconds = round(time.monotonic() - began, 3)
    changed = changes(had, running(settings))
    resumed = served and services.resume(service)
    if as_json:
        known = None if before is None else {"pid": before.pid, "version": before.version}
        output.document(
            {
                "state": "serving",
                "database": settings.where,
                "pid": after.pid,
                "version": after.version,
                "before": known,
                "seconds": seconds,
                "service": resumed,
                "changed": changed,
            }
        )
    elif before is None:
        output.line(f"no cluster ran for {settings.where}; started version {after.version} (pid {after.pid})")
    else:
        output.line(
            f"version {before.version} (pid {before.pid}) handed over to version {after.version} (pid {after.pid}); "
            f"{seconds:.1f} s"
        )
    if as_json:
        return
    for one in changed:
        output.line(one.sentence)
    if resumed:
        output.line(f"the service {service.name} takes over from there, with the settings that it was installed with")


def _watch() -> None:
    """Have what this process logs written to the terminal, too."""
    from memmux.cli.tail.page import Page  # only who watches pays for it
    from memmux.logs import echo  # the same

    page = Page(colour=True)
    echo.to = lambda line: output.logged(page.text(line))


@click.command()
@click.option("--take-over", is_flag=True, help="If another cluster serves the database, have it hand over.")
@from_option
@listen_option
@http_options
@with_settings(applied=True)
def serve(settings: Settings, *, take_over: bool) -> None:
    """Serve the database in the foreground, until a stop or Ctrl-C. Clients do this by themselves.

    With --listen also for clients of other machines that have a key of `memmux key add`, with --http for browsers and
    whoever has a token of `memmux key add NAME --http`. On a terminal it says where it
    serves, and logs for people, from the level of --log-level on: what its router does; `memmux tail -f` has the lines
    of all its processes.
    """
    find.need_local(settings)
    if sys.stderr.isatty():
        _watch()
    become("router", settings, *given.flag(), *([SUCCEED] if take_over else []))
