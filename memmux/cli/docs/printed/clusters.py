"""What commands about the cluster and its settings print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from memmux.cli.clusters import Cluster
from memmux.cli.settings import Setting
from memmux.doctor.finding import Finding


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
