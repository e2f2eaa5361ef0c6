"""Options that commands share: the settings, and `--json`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache, wraps
from types import MappingProxyType
from typing import Any

import click

from memmux.cli import output
from memmux.config.loader import load
from memmux.config.settings import CLIENTS_OWN, EmbedderChoice, LogLevel, Settings, ToolList
from memmux.config.variables import misspelt
from memmux.wire.cues import Cue

Decorated = Callable[..., Any]
_TAKES = "takes_settings"

SETTINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "database": ("FILE", "The SQLite file that holds the memories, or postgresql://HOST/NAME."),
        "server": ("URL", "The database on PostgreSQL; the same as its URL for --database."),
        "database_read": ("URL", "Where reads of a database on PostgreSQL go; the same URL where it is not given."),
        "adopt_from": ("FILE", "The database of mcp-memory-service that the first start takes over; none: no such."),
        "embedder": ("NAME", f"What runs the model: {', '.join(EmbedderChoice)}."),
        "model": ("NAME", "The embedding model: a name or a folder."),
        "languages": ("NAMES", "Languages whose stems are added to the words of memories, separated by commas."),
        "cues": ("NAMES", f"What of questions counts in rankings besides words and meaning: {','.join(Cue)}; or none."),
        "readers": ("N", "How many read workers."),
        "embedders": ("N", "How many embed workers."),
        "runtime_dir": ("FOLDER", "Where the sockets are."),
        "state_dir": ("FOLDER", "Where the logs are."),
        "cache_dir": ("FOLDER", "Where exported models are kept."),
        "idle_exit_s": ("SECONDS", "The cluster exits when it had no client for so long; 0: never."),
        "request_timeout_s": ("SECONDS", "How long to wait for an answer."),
        "start_timeout_s": ("SECONDS", "How long to wait for a cluster to start."),
        "stall_s": ("SECONDS", "A worker that says nothing for so long is replaced."),
        "drain_s": ("SECONDS", "How long a stop waits for requests in flight."),
        "backups_dir": ("FOLDER", "Where backups are kept."),
        "backup_interval_s": ("SECONDS", "Between two scheduled backups; 0: never."),
        "backup_keep": ("N", "How many scheduled backups are kept."),
        "retention_s": ("SECONDS", "Deleted memories are purged after so long; 0: never."),
        "worker_rss_mb": ("MIB", "A worker that has grown beyond is replaced; 0: never."),
        "wal_mb": ("MIB", "A write-ahead log above it makes long reads step aside."),
        "index_from": ("N", "From so many vectors of one namespace on an index is built for them."),
        "client_requests_s": ("N", "How many requests a second one client may send; 0: any number."),
        "client_in_flight": ("N", "How many requests of one client may be unanswered."),
        "client_memories": ("N", "How many memories a namespace may hold when a client stores another; 0: any number."),
        "ingest_roots": ("FOLDERS", "Folders whose files MCP clients may have ingested, separated by colons."),
        "namespace": ("NAME", "The part of the database that is meant where a command names none."),
        "gateway": ("BOOL", "Whether one MCP server serves all hosts of the cluster: true or false."),
        "tools": ("NAME", f"Which tools the MCP server lists: {', '.join(ToolList)}."),
        "metrics_port": ("PORT", "Where the router tells Prometheus its metrics, on 127.0.0.1; 0: nowhere."),
        "health_check_s": ("SECONDS", "Between two checks that the cluster writes, reads and finds; 0: never."),
        "traces": ("BOOL", "Whether the MCP server makes OpenTelemetry spans: true or false."),
        "log_level": ("NAME", f"The least level that is logged: {', '.join(LogLevel)}."),
        "log_mb": ("MIB", "What all log files of a cluster may take together."),
        "log_content": ("BOOL", "Whether what is stored and asked for may stand in the logs: true, false."),
        "slow_ms": ("MS", "A request that takes so long is logged with where the time went; 0: never."),
        "listen": ("ADDRESS", "Where the cluster listens for other machines: tcp://HOST:PORT; none: nowhere."),
        "remote": ("NAME", "The cluster of another machine to use, by name or file; none: this machine's own."),
        "http": ("ADDRESS", "Where MCP, REST and a page are served over HTTP: HOST:PORT; none: nowhere."),
        "tls_cert": ("FILE", "The certificate with which HTTP is served over TLS, in PEM."),
        "tls_key": ("FILE", "The key of that certificate, in PEM."),
        "behind_proxy": ("BOOL", "Whether a proxy in front of HTTP speaks TLS and vouches for who asks: true, false."),
        "http_hosts": ("NAMES", "Names by which HTTP clients may call this machine, separated by commas."),
    }
)
"""Each setting's kind of value and its help."""


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Keep a setting for `with_settings`; what stands after the command wins over what stands before it."""
    if value is not None:
        context.ensure_object(dict)[parameter.name] = value


def _setting(name: str) -> Callable[[Decorated], Decorated]:
    metavar, text = SETTINGS[name]
    flag = f"--{name.replace('_', '-')}"
    return click.option(flag, name, metavar=metavar, help=text, expose_value=False, callback=_remember)


def take_settings(command: click.Command) -> None:
    """Let the settings stand after the name of a command, too, where it has no option of that name; not in its help."""
    if not getattr(command.callback, _TAKES, False):
        return
    taken = {flag for parameter in command.params for flag in parameter.opts}
    command.params += [option for option in hidden_settings() if taken.isdisjoint(option.opts)]


@cache
def hidden_settings() -> tuple[click.Option, ...]:
    """Return an option for every setting, in no help: `memmux settings` lists them."""

    def none() -> None: ...

    for known in reversed(fields(Settings)):
        _setting(known.name)(none)
    options = click.command()(none).params
    for option in options:
        assert isinstance(option, click.Option)
        option.hidden = True
    return tuple(option for option in options if isinstance(option, click.Option))


def with_settings(command: Callable[..., None] | None = None, *, applied: bool = False) -> Decorated:
    """Call `command` with the settings first, and let `--database` stand in the help of what it becomes.

    applied: whether the command itself sees to it that they are in force; otherwise a flag that the running cluster
    does not go by is named.
    """
    if command is None:
        return lambda decorated: with_settings(decorated, applied=applied)

    @wraps(command)
    def loaded(*arguments: Any, **options: Any) -> None:
        from memmux.cli.adoption_progress import (
            announced,
            watched,
        )  # costs the client's modules, which `--help` does without
        from memmux.cluster import given  # the same

        flags = click.get_current_context().obj or {}
        for name, meant in misspelt(os.environ).items():
            output.note(f"{name} is set and ignored; {meant} was meant?")
        settings = load(flags)
        if not applied and not CLIENTS_OWN.issuperset(flags):
            from memmux.cli.settings import ignored  # few commands are given such flags

            for sentence in ignored(settings, flags):
                output.note(sentence)
        with given.by_flags(flags), watched() if applied else announced(settings):
            command(settings, *arguments, **options)

    setattr(loaded, _TAKES, True)  # which what wraps it has, too
    return _setting("database")(loaded)


def with_memories(command: Callable[..., None]) -> Decorated:
    """As `with_settings`, of a command that adds no memory: it makes no database where there is none."""

    @wraps(command)
    def checked(settings: Settings, *arguments: Any, **options: Any) -> None:
        from memmux.cluster.policy import making_no_database

        with making_no_database():
            command(settings, *arguments, **options)

    return with_settings(checked)


from_option = click.option(
    "--from",
    "adopt_from",
    metavar="FILE",
    help="As --adopt-from: take over this database of mcp-memory-service, if there is none of memmux's yet.",
    expose_value=False,
    callback=_remember,
)
"""Lets a command that starts a cluster say what the first start adopts."""


def listen_option(command: Decorated) -> Decorated:
    """Let a command that serves say, after its name too, where it listens for other machines."""
    return _setting("listen")(command)


def http_options(command: Decorated) -> Decorated:
    """Let a command that serves say, after its name too, where and how it serves HTTP."""
    address, proxy = (SETTINGS[name] for name in ("http", "behind_proxy"))
    for decorate in (
        click.option("--behind-proxy", metavar=f"[{proxy[0]}]", help=proxy[1], **_SWITCHED),
        _setting("http_hosts"),
        _setting("tls_key"),
        _setting("tls_cert"),
        click.option("--http", metavar="[HOST:PORT]", help=address[1], **_SWITCHED),
    ):
        command = decorate(command)
    return command


_SWITCHED: Mapping[str, Any] = MappingProxyType(
    {"is_flag": False, "flag_value": "true", "expose_value": False, "callback": _remember}
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
