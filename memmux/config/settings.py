"""The settings of a cluster and its clients, and the flags that pass them on to another process.

Each field of `Settings` is the flag `--name`, the variable `MEMMUX_NAME` and the key `name` of `memmux.toml`;
`memmux.config.loader` reads them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import get_type_hints

from memmux import limits
from memmux.config import user_folders
from memmux.config.values import NONE, NONE_MEANT, convert
from memmux.errors import SettingInvalidError
from memmux.wire.cues import Cue
from memmux.wire.namespaces import DEFAULT_NAMESPACE, EVERYWHERE
from memmux.wire.shown import shown

PREFIX = "MEMMUX_"
CLIENTS_OWN = frozenset(
    {
        "database",
        "server",
        "adopt_from",
        "namespace",
        "ingest_roots",
        "tools",
        "gateway",
        "traces",
        "remote",
        "runtime_dir",
        "request_timeout_s",
        "start_timeout_s",
    }
)
"""The settings that each client has for itself, or that only a start reads; the others are those of a cluster."""


class EmbedderChoice(StrEnum):
    """The backend that runs the model."""

    AUTO = "auto"  # onnx where a graph can be built of the model, torch for others
    ONNX = "onnx"
    TORCH = "torch"
    HASH = "hash"  # no meaning at all: for tests, and every reply says so


class ToolList(StrEnum):
    """The tools that the MCP server lists; all of them can be called either way."""

    CORE = "core"  # what everyday work needs: small, as hosts send the list with every conversation
    FULL = "full"


class LogLevel(StrEnum):
    """The least level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a cluster and its clients.

    database: the SQLite file; its folder is made if it is missing. With `server` there is no such file, only those
    that stand beside it.
    server: the URL of a database on PostgreSQL, without a password; a URL that is given for `database` comes here.
    database_read: the URL for reads, where they shall not go to `server`.
    adopt_from: the database of mcp-memory-service from which `database` is made when it does not exist yet.
    embedder, model: what embeds texts: a backend, and a model's name or folder.
    languages: whose stems are added to the words of memories, beside English and what is usual in a script.
    cues: what of questions counts in rankings besides words and meaning.
    readers, embedders: how many workers of each kind.
    runtime_dir: where sockets are; by default the platform's runtime folder, or a private one in the temporary folder.
    state_dir, cache_dir: where logs and exported models are.
    idle_exit_s: the cluster exits when it had no client for so long; 0 never.
    request_timeout_s: how long a client waits for an answer unless told otherwise.
    start_timeout_s: how long a client waits for a cluster that it starts.
    stall_s: a worker that says nothing for so long is killed and replaced.
    drain_s: how long a stop waits for requests in flight.
    backups_dir: where backups are; by default `<database>.backups` beside the database.
    backup_interval_s: between two scheduled backups; 0 never. backup_keep: how many of them are kept.
    retention_s: deleted memories are purged after so long; 0 never.
    worker_rss_mb: a worker that has grown beyond is replaced; 0 never.
    wal_mb: a write-ahead log above it makes long reads step aside, so that it can shrink.
    index_from: how many vectors of one namespace are searched through an index of files, instead of in memory.
    client_requests_s, client_in_flight, client_memories: how many requests a second a client may send, how many may be
    unanswered, and how many memories a namespace may hold when it stores another; 0: no bound. A key's own go before.
    ingest_roots: folders whose files MCP clients may have ingested; none by default. Separated by colons.
    namespace: the one that a client of these settings means where it names none.
    gateway: whether one MCP server serves all hosts of the cluster; otherwise each has a process of its own.
    tools: which tools the MCP server lists; all of them where memmux has taken the place of mcp-memory-service.
    metrics_port: where the router tells Prometheus its metrics, on the loopback interface alone; 0 nowhere.
    health_check_s: between two checks whether the cluster can write, read and find; 0 never.
    traces: whether the MCP server makes OpenTelemetry spans.
    log_level: the least level that is logged. log_mb: MiB that all log files of a cluster may take together.
    log_content: whether what users store and ask for may stand in the logs.
    slow_ms: a request, or a stage of one, that takes so long is logged with where the time went; 0 never.
    listen: where the cluster listens for clients of other machines, `tcp://HOST:PORT`; nowhere by default.
    remote: the file of a cluster on another machine that clients use instead of one of this machine.
    http: where the gateway serves MCP, REST and a page over HTTP, `HOST:PORT`; nowhere by default.
    tls_cert, tls_key: files of the certificate and its key, in PEM, with which it speaks TLS.
    behind_proxy: whether a proxy in front of it does that, and vouches for who asks.
    http_hosts: names by which clients may call it, beside the address and localhost.
    """

    database: Path = field(default_factory=lambda: user_folders.data() / "memories.db")
    server: str | None = None
    database_read: str | None = None
    adopt_from: Path | None = None
    embedder: EmbedderChoice = EmbedderChoice.AUTO
    model: str = "all-MiniLM-L6-v2"
    languages: tuple[str, ...] = ()
    cues: tuple[Cue, ...] = tuple(Cue)
    readers: int = 2
    embedders: int = 1
    runtime_dir: Path | None = None
    state_dir: Path = field(default_factory=user_folders.state)
    cache_dir: Path = field(default_factory=user_folders.cache)
    idle_exit_s: float = 300.0
    request_timeout_s: float = 30.0
    start_timeout_s: float = 60.0
    stall_s: float = 10.0
    drain_s: float = 10.0
    backups_dir: Path | None = None
    backup_interval_s: float = 86_400.0
    backup_keep: int = 7
    retention_s: float = 30 * 86_400.0
    worker_rss_mb: int = 2048
    wal_mb: int = 256
    index_from: int = 20_000
    client_requests_s: float = 0.0
    client_in_flight: int = limits.IN_FLIGHT
    client_memories: int = 0
    ingest_roots: tuple[Path, ...] = ()
    namespace: str = DEFAULT_NAMESPACE
    gateway: bool = True
    tools: ToolList = ToolList.CORE
    metrics_port: int = 0
    health_check_s: float = 60.0
    traces: bool = False
    log_level: LogLevel = LogLevel.INFO
    log_mb: int = 64
    log_content: bool = False
    slow_ms: int = 1000
    listen: str | None = None
    remote: Path | None = None
    http: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    http_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            if not low <= getattr(self, name) <= high:
                raise SettingInvalidError(
                    f"{name} is {shown(getattr(self, name))}; it is a number from {low} to {high}"
                )
        if not self.namespace.strip() or len(self.namespace) > limits.NAMESPACE_CHARACTERS:
            raise SettingInvalidError(f"namespace is not a text of 1 to {limits.NAMESPACE_CHARACTERS} characters")
        if self.namespace.strip() == EVERYWHERE:
            raise SettingInvalidError(f"namespace is {EVERYWHERE}, which means all of them; name one otherwise")
        if not self.database.name:
            raise SettingInvalidError(f"database is {self.database}, which is a folder; name a file in it")

    @property
    def read_server(self) -> str | None:
        """The URL of the database on PostgreSQL for reads; None for a file."""
        return None if self.server is None else self.database_read or self.server

    @property
    def where(self) -> str:
        """What people call the database: its URL, or its file."""
        return self.server or str(self.database)

    def flags(self) -> list[str]:
        """Return the command-line flags that give another process these very settings."""
        return [f"--{name.replace('_', '-')}={value}" for name, value in self.written().items()]

    def written(self) -> dict[str, str]:
        """Return each setting as it is written in a flag, by its name; without those that are left to the platform."""
        given = {known.name: getattr(self, known.name) for known in fields(self)}
        for name in NONE_MEANT:
            given[name] = given[name] or NONE  # or else a process that gets them would look for one
        return {name: _written(name, value) for name, value in given.items() if value is not None}


def _written(name: str, value: object) -> str:
    between = "," if name == "http_hosts" else os.pathsep
    return between.join(map(str, value)) if isinstance(value, tuple) else str(value)


_RANGES = (
    ("readers", 1, 64),
    ("embedders", 1, 16),
    ("idle_exit_s", 0, 1e9),
    ("request_timeout_s", 0.1, 600),
    ("start_timeout_s", 1, 600),
    ("stall_s", 1, 600),
    ("drain_s", 0, 600),
    ("backup_interval_s", 0, 1e9),
    ("backup_keep", 1, 10_000),
    ("retention_s", 0, 1e10),
    ("worker_rss_mb", 0, 1 << 20),
    ("wal_mb", 1, 1 << 20),
    ("index_from", 1, 1_000_000_000),
    ("metrics_port", 0, 65_535),
    ("health_check_s", 0, 1e9),
    ("client_requests_s", 0, 1e6),
    ("client_in_flight", 1, 2 * limits.QUEUE),
    ("client_memories", 0, 1_000_000_000),
    ("log_mb", 1, 1 << 20),
    ("slow_ms", 0, 1_000_000_000),
)


def parse_flags(arguments: list[str], *, strict: bool = True) -> Settings:
    """Return the settings that `Settings.flags` wrote, and nothing from anywhere else.

    strict: whether a flag that is no setting is an error, and not left out as one of another version.
    """
    hints = get_type_hints(Settings)
    pairs = (argument.removeprefix("--").partition("=") for argument in arguments)
    named = [(name.replace("-", "_"), value) for name, _, value in pairs]
    if not strict:
        named = [(name, value) for name, value in named if name in hints]
    return Settings(**{name: convert(hints, name, value, f"--{name}") for name, value in named})


def begun(database: Path) -> bool:
    """Return whether there is a database, or something that is in the way of one."""
    try:
        return database.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError:
        return True
