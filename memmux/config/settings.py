"""Settings: the one loader. A flag wins over the environment, which wins over the TOML file, which wins over a default.

Each field of `Settings` is the flag `--name`, the variable `MEMMUX_NAME` and the key `name` of `memmux.toml`, which is
in the platform's config folder or where `MEMMUX_CONFIG` says. Below all of these, and above the defaults, rank the
variables of mcp-memory-service that mean something here (`memmux.config.mms_variables`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

from memmux import limits
from memmux.config import database_url, mms_database, mms_variables, user_folders
from memmux.config.values import NONE, NONE_MEANT, convert
from memmux.errors import SettingInvalidError
from memmux.wire.checks import shown
from memmux.wire.cues import Cue
from memmux.wire.namespaces import DEFAULT_NAMESPACE, EVERYWHERE

PREFIX = "MEMMUX_"
FOUND = "mcp-memory-service"  # the source of what follows from what was found of it on this machine
_REACHED_BY = ("listen", "http")  # of those who could not start a cluster again
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


def _data_folder() -> Path:
    return user_folders.data()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a cluster and its clients.

    database: the SQLite file; its folder is made if it is missing. Where `server` is given, there is none, and the
    files that stand beside it are all there is.
    server: the URL of a database on PostgreSQL, without a password: what is named for `database` in the form of one.
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

    database: Path = field(default_factory=lambda: _data_folder() / "memories.db")
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


def load(flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings from flags (None values are not given), the environment and the TOML file.

    Where nothing says what is to be adopted, it is looked for; see `_found`. Where nothing says which tools are listed,
    users of mcp-memory-service get as many as they had: all. Raises SettingInvalidError, which names
    the source of the value that is wrong.
    """
    return load_with_sources(flags, environment)[0]


def load_with_sources(
    flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> tuple[Settings, dict[str, str]]:
    """Return what `load` does, and where each setting comes from that is not the default: a flag, a variable, a file.

    Raises SettingInvalidError.
    """
    environment = os.environ if environment is None else environment
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for given in (_from_file(environment), _from_environment(environment), _from_flags(flags or {})):
        _take(given, hints, values, sources, environment)
    cwd, home = folders()
    known = mms_database.variables(environment, cwd, home)
    for name, value, source in mms_variables.settings(known):
        if name not in values:
            values[name] = convert(hints, name, value, source)
            sources[name] = source
    if "idle_exit_s" not in values and (served := next((name for name in _REACHED_BY if values.get(name)), "")):
        # The clients of other machines, and those over HTTP, could not start it again.
        values["idle_exit_s"], sources["idle_exit_s"] = 0.0, served
    settings = Settings(**values)
    _refuse_adoption(settings, sources)
    adopts = "adopt_from" not in values and settings.remote is None and settings.server is None
    if adopts and not begun(settings.database):
        settings = replace(settings, adopt_from=_found(environment, cwd, home, named="database" in values))
        if settings.adopt_from is not None:
            sources["adopt_from"] = FOUND
    if "tools" not in values and (mms_variables.in_use(known) or settings.adopt_from is not None or _adopted(settings)):
        settings = replace(settings, tools=ToolList.FULL)
        sources["tools"] = FOUND
    return settings, sources


def _take(
    given: Iterable[tuple[str, object, str]],
    hints: Mapping[str, Any],
    values: dict[str, Any],
    sources: dict[str, str],
    environment: Mapping[str, str],
) -> None:
    """Take in what one source names: it wins over those before it, also where it names the database in another way."""
    taken = set()
    for name, value, source in given:
        if name == "database" and database_url.is_url(value):
            name = "server"  # noqa: PLW2901 - what the URL is kept as
        meant = _at(value, environment) if name == "remote" else value
        values[name] = convert(hints, name, meant, source)
        sources[name] = source
        taken.add(name)
    if "server" in taken and "database" not in taken:
        values["database"] = database_url.home(values["server"], _data_folder())
        sources["database"] = sources["server"]
    elif "database" in taken and "server" not in taken:
        _forget("server", values, sources)  # whoever names a file means that one
    if taken & {"database", "server"} and "remote" not in taken:
        _forget("remote", values, sources)  # and whoever names a database no other machine's


def _forget(name: str, values: dict[str, Any], sources: dict[str, str]) -> None:
    values.pop(name, None)
    sources.pop(name, None)


def _refuse_adoption(settings: Settings, sources: Mapping[str, str]) -> None:
    if settings.server is not None and settings.adopt_from is not None:
        raise SettingInvalidError(
            f"{sources['adopt_from']} is for a database that is a file, and {sources['server']} names one on "
            "PostgreSQL; leave it out, and take the memories over with `memmux import FILE`"
        )


def named(sources: Mapping[str, str]) -> frozenset[str]:
    """Return the settings of `load_with_sources` that somebody has named, and that do not follow from anything."""
    return frozenset(name for name, source in sources.items() if source not in (FOUND, *_REACHED_BY))


def _adopted(settings: Settings) -> bool:
    """Return whether the database began as one of mcp-memory-service."""
    from memmux.config.paths import Places  # which are those of settings

    return Places(settings).adoption.exists()


def _found(environment: Mapping[str, str], cwd: Path, home: Path, *, named: bool) -> Path | None:
    """Return the database of mcp-memory-service that the first start adopts, if there is one.

    named: whether somebody named memmux's own. Then only what the environment itself names counts, and nothing that
    happens to be in this user's home: a database for a trial, or for a test, shall begin empty.
    """
    known = {name: value for name, value in environment.items() if value}
    found = mms_database.named(known, cwd, home) if named else mms_database.find(environment, cwd, home)
    return None if found is None else found.resolve()


def begun(database: Path) -> bool:
    """Return whether there is a database, or something that is in the way of one."""
    try:
        return database.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError:
        return True


def folders() -> tuple[Path, Path]:
    """Return the working directory and the user's home; the root stands for one that is not there."""
    try:
        cwd = Path.cwd()
    except OSError:  # it was deleted
        cwd = Path("/")
    try:
        return cwd, Path.home()
    except RuntimeError:
        return cwd, Path("/")


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


def _from_flags(flags: Mapping[str, object]) -> list[tuple[str, object, str]]:
    return [(name, value, f"--{name.replace('_', '-')}") for name, value in flags.items() if value is not None]


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, object, str]]:
    names = {f"{PREFIX}{known.name.upper()}": known.name for known in fields(Settings)}
    return [(names[key], value, key) for key, value in environment.items() if key in names and value.strip()]


def misspelt(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are not read and look like one that is, with that one."""
    known = {known.name.upper() for known in fields(Settings)} | {"CONFIG"}
    found: dict[str, str] = {}
    for name in environment:
        bare = name.upper().removeprefix(PREFIX)
        if bare == name.upper() or name.removeprefix(PREFIX) in known:
            continue
        close = [bare] if bare in known else _close(bare, known)
        if close:
            found[name] = f"{PREFIX}{close[0]}"
    return found


def _close(name: str, known: set[str]) -> list[str]:
    from difflib import get_close_matches  # few need it

    return get_close_matches(name, known, 1, 0.75)


def config_file(environment: Mapping[str, str] | None = None) -> Path:
    """Return where memmux.toml is, or would be."""
    named = (os.environ if environment is None else environment).get(f"{PREFIX}CONFIG")
    return Path(named) if named else user_folders.config() / "memmux.toml"


def _at(remote: object, environment: Mapping[str, str]) -> object:
    """Return the file of a remote that is given by its name; of `memmux.trust.remotes`, which costs more to import."""
    if not isinstance(remote, str) or remote.strip() in ("", NONE):
        return remote
    is_name = "/" not in remote and not remote.endswith(".json")
    return config_file(environment).parent / "remotes" / f"{remote}.json" if is_name else remote


def _unread(path: Path, error: Exception) -> SettingInvalidError:
    quotes = "" if isinstance(error, OSError) else '; texts need quotes, as in log_level = "debug"'
    return SettingInvalidError(f"{path} can't be read as TOML: {error}{quotes}")


def _from_file(environment: Mapping[str, str]) -> list[tuple[str, object, str]]:
    named, path = environment.get(f"{PREFIX}CONFIG"), config_file(environment)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named:
            raise SettingInvalidError(f"{PREFIX}CONFIG names {path}, which does not exist") from None
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise _unread(path, error) from None
    import tomllib  # only who has such a file pays for it

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unread(path, error) from None
    return [(name, value, f"{path}: {name}") for name, value in values.items()]
