"""What commands print that write configurations of MCP hosts, or make a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from memmux.cli.docs.printed.failures import Failure
from memmux.hosts.trial import Trial


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
