"""Options that commands share: the settings, `--json`, and those that describe and select memories."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache, wraps
from types import MappingProxyType
from typing import Any

import click
import orjson

from memmux.cli import output
from memmux.config.settings import CLIENTS_OWN, EmbedderChoice, LogLevel, Settings, ToolList, load, misspelt
from memmux.errors import ArgumentInvalidError, MetadataInvalidError
from memmux.wire.cues import Cue
from memmux.wire.namespaces import EVERYWHERE, Unnamed
from memmux.wire.times import OR_WORDS, parse_time

Decorated = Callable[..., Any]
_TAKES = "takes_settings"
_AGO = re.compile(r"\d+ ?[a-z]+", re.IGNORECASE)  # as 10m
_WORD = re.compile(r"[^\W\d_]{3}")

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
        from memmux.cluster.find import making_no_database  # costs the client's modules, as above

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


def _metadata(context: click.Context, parameter: click.Parameter, value: str | None) -> object:
    del context, parameter  # the value says it all
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise MetadataInvalidError(f'--metadata is not JSON: {error}; write it like \'{{"source": "mail"}}\'') from None


def _tags(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    del context, parameter  # the value says it all
    for tag in value:
        if "," in tag:
            parts = " ".join(f"--tag {part.strip()}" for part in tag.split(",") if part.strip())
            output.note(f"{tag!r} is one tag with a comma in it; for several say {parts}")
    return value


def _metadata_option(text: str) -> Callable[[Decorated], Decorated]:
    return click.option("--metadata", metavar="JSON", callback=_metadata, help=text)


offset_option = click.option(
    "--offset", metavar="N", type=int, default=0, show_default=True, help="Leave out so many first."
)


def _own_namespace() -> str:
    """Return the namespace that the settings say, which is named only where a flag before the command says it."""
    context = click.get_current_context(silent=True)
    flags = (context.obj if context is not None else None) or {}
    name = load(flags).namespace
    return name if "namespace" in flags else Unnamed(name)


def _one_namespace(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the value of --namespace; raise ArgumentInvalidError where it means all of them, and one is needed."""
    del context, parameter  # the value says it all
    if value is not None and value.strip() == EVERYWHERE:
        raise ArgumentInvalidError(
            f"--namespace {value} means all of them, and one is needed here; `memmux namespaces` lists them"
        )
    return value


def _namespace_option(text: str, **more: Any) -> Callable[[Decorated], Decorated]:
    return click.option(
        "--namespace",
        metavar="NAME",
        default=_own_namespace,
        show_default="the setting namespace",
        help=text,
        **more,
    )


namespace_option = _namespace_option("The part of the database meant.", callback=_one_namespace)


def _combined(*options: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    def decorate(command: Decorated) -> Decorated:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


description_options = _combined(
    click.option(
        "--tag", "tags", metavar="TAG", multiple=True, callback=_tags, help="A tag; may be given several times."
    ),
    click.option("--type", "type", metavar="TYPE", help="What kind of memory it is, in one word."),
    _metadata_option("More about it: a JSON object."),
    namespace_option,
)
"""What a memory is described with: tags, type, metadata, namespace."""

_SELECTION = (
    click.option(
        "--tag",
        "tags",
        metavar="TAG",
        multiple=True,
        callback=_tags,
        help="Only with this tag; several: with all of them.",
    ),
    click.option("--any-tag", is_flag=True, help="With any of the tags instead of all."),
    click.option("--type", "type", metavar="TYPE", help="Only of this type."),
    click.option(
        "--after",
        "--since",
        "after",
        metavar="TIME",
        help="Only created at or after: 2026-11-23, 2026-11-23T14:30, yesterday, or seconds.",
    ),
    click.option("--before", metavar="TIME", help="Only created before this time."),
    click.option(
        "--when",
        metavar="WORDS",
        help="Only created then: 'yesterday', 'last week', '3 days ago', 'october 2025', 'since monday' and the like.",
    ),
)
_PLACE = (
    _namespace_option("The part of the database meant; * for every one."),
    click.option("--all-namespaces", is_flag=True, help="In every part of the database."),
)


def _everywhere(command: Decorated) -> Decorated:
    """Call `command` with None for the namespace where all are meant."""

    @wraps(command)
    def placed(*arguments: Any, all_namespaces: bool, namespace: str, **options: Any) -> None:
        everywhere = all_namespaces or namespace.strip() == EVERYWHERE
        command(*arguments, namespace=None if everywhere else namespace, **options)

    return placed


def _timed(command: Decorated) -> Decorated:
    """Call `command` with --when as what it means: `after` and `before`."""

    @wraps(command)
    def filtered(*arguments: Any, when: str | None, after: Any, before: Any, **options: Any) -> None:
        if when is not None:
            if after is not None or before is not None:
                raise ArgumentInvalidError("--when says what --after and --before say; give either it or them")
            after, before = _bounds(when)
            if not options.get("as_json"):
                output.note(f"--when {when!r} {_span(after, before)}")
        else:
            after, before = (None if text is None else moment(text) for text in (after, before))
        command(*arguments, after=after, before=before, **options)

    return filtered


def moment(text: str) -> datetime:
    """Return the time that a text names: ISO 8601, seconds since 1970, or words, of a day its beginning."""
    try:
        return parse_time(text, OR_WORDS)
    except ArgumentInvalidError:
        if _AGO.fullmatch(text.strip()):
            return moment(f"{text} ago")
        if not _WORD.search(text):  # a date with a slip of the pen is no words
            raise
        begin, _ = _bounds(text)
        if begin is None:
            raise ArgumentInvalidError(
                f"{text!r} has no beginning; name a time, like yesterday or 2026-11-23"
            ) from None
        return begin


def _span(after: datetime | None, before: datetime | None) -> str:
    """Return the time that was taken, as people here read it; its end is not part of it."""
    begin = "" if after is None else f" from {output.local(after)}"
    end = "" if before is None else f" to before {output.local(before)}"
    return f"is the time{begin}{end}"


def _bounds(expression: str) -> tuple[datetime | None, datetime | None]:
    from memmux.when import local_zone, parse  # costs 30 ms, and few commands need it

    span = parse(expression, now=datetime.now(UTC), zone=local_zone())
    return span.start, span.before


filter_options = _combined(
    *_SELECTION, _metadata_option("Only with these values: a JSON object."), *_PLACE, _everywhere, _timed
)
"""The fields of `memmux.wire.requests.Filter`, but for superseded memories, and words for a time."""

place_options = _combined(*_PLACE, _everywhere)
"""Which part of the database is meant, or all of it."""

selection_options = _combined(*_SELECTION, *_PLACE, _everywhere, _timed)
"""The fields of a filter that says which memories to delete."""
