"""The shapes of what commands print with `--json`: dataclasses of answers, and dictionaries that commands make.

`memmux.cli.docs.schema` makes the JSON Schema from them, and a test holds the commands to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NotRequired, TypedDict

from memmux.cli.clusters import Cluster
from memmux.cli.settings import Setting
from memmux.cli.top.figures import View
from memmux.doctor.finding import Finding
from memmux.hosts.trial import Trial
from memmux.ingest.report import Ingested
from memmux.mms.report import Counts, Oddity, Outcome
from memmux.transfer.formats.base import LeftOut
from memmux.transfer.jsonl import LineProblem
from memmux.transfer.take import Problem
from memmux.wire.answers import (
    Deleted,
    DuplicateGroup,
    Forgotten,
    History,
    Memory,
    Page,
    SearchResult,
    Status,
    Stored,
    Timeline,
    Undone,
    Updated,
)


class Failure(TypedDict):
    """What a failure prints on standard error."""

    code: str
    message: str
    retryable: bool
    retry_after_ms: NotRequired[int]
    degraded: NotRequired[Sequence[str]]


class NoCluster(TypedDict):
    """Where no cluster answers; pid and since of a process that holds the database."""

    state: Literal["stopped", "starting", "unresponsive", "unreachable"]
    database: NotRequired[str]
    pid: NotRequired[int]
    since: NotRequired[datetime]
    remote: NotRequired[str]
    endpoint: NotRequired[str]


class Counted(TypedDict):
    """A namespace or a tag, and how many memories it has."""

    name: str
    count: int


class Namespaces(TypedDict):
    """total: how many there are, listed or not."""

    namespaces: Sequence[Counted]
    total: int
    degraded: Sequence[str]


class Tags(TypedDict):
    """total: how many there are, listed or not."""

    tags: Sequence[Counted]
    total: int
    notes: Sequence[str]
    degraded: Sequence[str]


class Duplicates(TypedDict):
    """count: of the groups. more: whether there may be others. compared: how many memories were, with all others."""

    groups: Sequence[DuplicateGroup]
    count: int
    more: bool
    compared: int
    least: float
    notes: Sequence[str]
    degraded: Sequence[str]


class LoggedChange(TypedDict):
    """A change; deleted: whether the memory is deleted now. text: how it begins now."""

    seq: int
    id: str
    namespace: str
    at: datetime
    operation: str
    kind: Literal["stored", "changed", "deleted", "undone", "loaded"]
    client: str
    deleted: bool
    tags: Sequence[str]
    text: str


class Log(TypedDict):
    """Changes, the newest first; with --follow a document for each."""

    changes: Sequence[LoggedChange]


class NotUndone(TypedDict):
    """A change that was followed by others of its memory, which stays as it is."""

    seq: int
    code: str
    message: str


class UndoneChanges(TypedDict):
    """Of several changes, in the order in which they were undone; left: those that were not."""

    count: int
    undone: Sequence[Undone]
    left: Sequence[NotUndone]


class Purged(TypedDict):
    """count: of the memories that are gone. copies: paths of files that may still hold them."""

    count: int
    seq: int
    copies: Sequence[str]


class Exported(TypedDict):
    """count: of the memories in the file; deleted: how many of them are deleted."""

    path: str
    count: int
    deleted: int


class Given(TypedDict):
    """A database of mcp-memory-service that was written; odd: by the kind, how many are not as they were."""

    path: str
    count: int
    deleted: int
    links: int
    vectors: int
    pending: int
    odd: Mapping[str, int]
    named: Sequence[Oddity]


class Taken(TypedDict):
    """What was taken from a file of mcp-memory-service."""

    path: str
    at: datetime
    found: Counts
    outcome: Outcome
    odd: Mapping[str, int]
    named: Sequence[Oddity]
    seconds: float
    left_out: int
    became: Mapping[str, str]
    undo: Sequence[str]
    dry_run: bool


class TakenLines(TypedDict):
    """What was taken from an export of memmux; undo: what `memmux undo` takes to take it back, one after the other."""

    path: str
    count: int
    created: int
    skipped: int
    conflicts: int
    duplicates: int
    broken: int
    problems: Sequence[LineProblem]
    undo: Sequence[str]
    dry_run: bool


class TakenOthers(TypedDict):
    """What was taken from a database of memmux, or from what another program keeps; left_out: by the reason."""

    path: str
    count: int
    format: str
    threads: int
    links: int
    created: int
    skipped: int
    updated: int
    merged: int
    conflicts: int
    duplicates: int
    broken: int
    left_out: Mapping[str, int]
    problems: Sequence[Problem]
    missing: Sequence[LeftOut]
    undo: Sequence[str]
    dry_run: bool


class NotTaken(TypedDict):
    """A file, of several, that could not be imported."""

    path: str
    error: Failure


class TakenFiles(TypedDict):
    """Of several files, in their order."""

    imports: Sequence[TakenLines | TakenOthers | Taken | NotTaken]


class Backup(TypedDict):
    """count: of the live memories in it; seq: the newest change."""

    path: str
    bytes: int
    count: int
    seq: int
    seconds: float
    degraded: Sequence[str]


class Restored(TypedDict):
    """path: of the backup; kept: where the database of before is now."""

    path: str
    database: str
    kept: str | None
    passed_over: Sequence[str]
    count: int
    seq: int
    seconds: float


class CheckFinding(TypedDict):
    """Something that is wrong."""

    code: str
    what: str
    remedy: str


class Rebuilt(TypedDict):
    """What was built anew."""

    texts: int
    vectors: int
    dropped: int


class Checked(TypedDict):
    """The database at path."""

    path: str
    deep: bool
    clean: bool
    findings: Sequence[CheckFinding]
    rebuilt: Rebuilt | None
    seconds: float


class Examined(TypedDict):
    """What `memmux doctor` found."""

    healthy: bool
    findings: Sequence[Finding]


class Stopped(TypedDict):
    """After a stop."""

    state: Literal["stopped"]
    database: str
    was_running: bool


class Router(TypedDict):
    """The router of before."""

    pid: int
    version: str


class ChangedSetting(TypedDict):
    """A setting of a cluster, as flags have it: before and after a restart."""

    name: str
    before: str
    after: str


class Restarted(TypedDict):
    """before: None where none ran. service: whether a service serves again. changed: the settings that do."""

    state: Literal["serving"]
    database: str
    pid: int
    version: str
    before: Router | None
    seconds: float
    service: bool
    changed: list[ChangedSetting]


class Web(TypedDict):
    """url: opens the page once. http: where HTTP is served. opened: whether a browser was told."""

    url: str
    http: str
    opened: bool


class LoggedOut(TypedDict):
    """With --logout."""

    logged_out: Literal[True]


class Clusters(TypedDict):
    """Those that run."""

    clusters: Sequence[Cluster]


class Settings(TypedDict):
    """Those that were asked for."""

    settings: Sequence[Setting]


class Explained(TypedDict):
    """What a code means."""

    code: str
    kind: Literal["error", "event"]
    meaning: str
    more: str


class ListedPage(TypedDict):
    """A page of the documents, and its file."""

    name: str
    title: str
    path: str


class Pages(TypedDict):
    """All of them."""

    pages: Sequence[ListedPage]


class DocsPage(TypedDict):
    """One page."""

    path: str
    text: str


class Part(TypedDict):
    """What memmux made; what: its place, for people."""

    kind: str
    what: str


class Uninstalled(TypedDict):
    """failed: why what could not be removed could not. package: the command that removes the package."""

    dry_run: bool
    removed: Sequence[Part]
    kept: Sequence[Part]
    failed: Mapping[str, str]
    package: str


class Model(TypedDict):
    """The model that is ready; path: of its folder. new: whether it was not there before."""

    path: str
    model: str
    backend: str
    bytes: int
    sha256: str
    new: bool
    seconds: float


class Key(TypedDict):
    """The rights of a key."""

    name: str
    role: Literal["read", "write", "admin"]
    namespaces: NotRequired[Sequence[str]]
    requests_s: NotRequired[float]
    in_flight: NotRequired[int]
    memories: NotRequired[int]


class NewKey(Key):
    """path: of the file for its client. listens: whether a cluster does. expires: if it does."""

    expires: NotRequired[datetime]
    endpoint: str
    path: str
    listens: bool


class NewToken(Key):
    """With --http. token: shown this once. url: where HTTP is served, or will be. expires: if it does."""

    expires: NotRequired[datetime]
    token: str
    url: str


class KnownKey(Key):
    """A key as it is kept. public: of one for tcp. http: whether it has a token. valid: whether it lets in."""

    public: NotRequired[str]
    http: bool
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    valid: bool


class Keys(TypedDict):
    """All keys, revoked ones too."""

    keys: Sequence[KnownKey]


class Revoked(TypedDict):
    """running: whether a cluster knows of it."""

    name: str
    revoked: Literal[True]
    running: bool


class Connected(TypedDict):
    """path: where the key is kept; name is None after --local."""

    name: str | None
    endpoint: NotRequired[str]
    path: NotRequired[str]
    default: bool


class OverHttp(TypedDict):
    """The answer of memmux at a URL."""

    server: str
    version: str


class InstalledClient(TypedDict):
    """What became of a client's configuration; path: of its file.

    url, key, settings: with --http. settings: what memmux.toml has from now on, or would have, by name.
    """

    client: str
    path: str
    name: NotRequired[str]
    status: NotRequired[str]
    dry_run: NotRequired[bool]
    backup: NotRequired[str | None]
    notes: NotRequired[Sequence[str]]
    then: NotRequired[str | None]
    diff: NotRequired[str | None]
    url: NotRequired[str]
    key: NotRequired[str]
    settings: NotRequired[Mapping[str, str]]
    error: NotRequired[Failure]
    server: NotRequired[Trial | OverHttp]


class InstalledClients(TypedDict):
    """With --all."""

    clients: Sequence[InstalledClient]


class Script(TypedDict):
    """A script of --shadow."""

    path: str
    status: str


class Scripts(TypedDict):
    """With --shadow; path: of the folder."""

    path: str
    dry_run: bool
    scripts: Sequence[Script]


class ServiceStatus(TypedDict):
    """path: of the unit or agent."""

    name: str
    path: str
    installed: bool
    active: bool


class ServiceDone(TypedDict):
    """left_to_run: commands that could not be run."""

    action: Literal["install", "uninstall"]
    name: str
    path: str
    done: bool
    left_to_run: Sequence[str]


class ServicePlan(TypedDict):
    """With --dry-run."""

    action: Literal["install", "uninstall"]
    name: str
    path: str
    content: str | None
    commands: Sequence[str]


class DemoClient(TypedDict):
    """What one client did."""

    client: str
    stores: int
    store_p50_ms: float
    store_p95_ms: float
    searches: int
    search_p50_ms: float
    search_p95_ms: float
    found: int


class Demo(TypedDict):
    """outage_s: from the kill of the primary to the next store that was acknowledged; null without one.

    left_running: pids.
    """

    passed: bool
    engine: str
    stored: int
    found: int
    found_by_summary: int
    intact: int
    outage_s: float | None
    left_running: Sequence[int]
    seconds: float
    clients: Sequence[DemoClient]


SHAPES: Mapping[str, tuple[type[Any], ...]] = MappingProxyType(
    {
        "store": (Stored,),
        "search": (SearchResult,),
        "get": (Memory,),
        "list": (Page,),
        "update": (Updated,),
        "delete": (Deleted,),
        "forget": (Forgotten,),
        "namespaces": (Namespaces,),
        "tags": (Tags,),
        "timeline": (Timeline,),
        "duplicates": (Duplicates,),
        "ingest": (Ingested,),
        "export": (Exported, Given),
        "import": (TakenLines, TakenOthers, Taken, TakenFiles),
        "install": (InstalledClient, InstalledClients, Scripts),
        "setup": (Model,),
        "demo": (Demo,),
        "status": (Status, NoCluster),
        "clusters": (Clusters,),
        "top": (View, NoCluster),
        "settings": (Settings,),
        "stop": (Stopped,),
        "restart": (Restarted,),
        "web": (Web, LoggedOut),
        "service": (ServiceStatus, ServiceDone, ServicePlan),
        "undo": (Undone, UndoneChanges),
        "history": (History,),
        "log": (Log, LoggedChange),
        "purge": (Purged,),
        "backup": (Backup,),
        "restore": (Restored,),
        "check": (Checked,),
        "doctor": (Examined,),
        "explain": (Explained,),
        "docs": (Pages, DocsPage),
        "uninstall": (Uninstalled,),
        "key add": (NewKey, NewToken),
        "key list": (Keys,),
        "key revoke": (Revoked,),
        "connect": (Connected,),
    }
)
"""What each command prints, one of these."""

ASKED_FOR: Mapping[str, frozenset[str]] = MappingProxyType(
    {"Hit": frozenset({"why", "before", "after"}), "SearchResult": frozenset({"short"}), "Page": frozenset({"short"})}
)
"""The fields of dataclasses that are left out where they were not asked for."""
