"""Completion: which values a shell offers for the arguments and options of a command; the shell's part is click's.

It runs at each press of a key, so it starts no cluster, and is silent about whatever fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType

import click
from click.shell_completion import CompletionItem

VARIABLE = "_MEMMUX_COMPLETE"  # which click's scripts set, and click looks at
PATIENCE_S = 1.0  # for the cluster, if one runs

Values = Callable[[], Iterable[str]]


def _modes() -> Iterable[str]:
    from memmux.wire.requests import Mode

    return Mode


def _hosts() -> Iterable[str]:
    from memmux.hosts.catalogue import HOSTS

    return HOSTS


def _pages() -> Iterable[str]:
    from memmux.cli.manual import pages

    return pages()


def _codes() -> Iterable[str]:
    from memmux.cli import degraded
    from memmux.errors import ERRORS
    from memmux.logs.events import EVENTS

    return [*ERRORS, *degraded.SENTENCES, *(event.name for event in EVENTS)]


def _choices(name: str) -> Iterable[str]:
    """Return the values of a setting that has few."""
    from memmux.config import settings

    return {"embedder": settings.EmbedderChoice, "tools": settings.ToolList, "log_level": settings.LogLevel}[name]


def _flags() -> Iterable[str]:
    return ("true", "false")


def _namespaces() -> Iterable[str]:
    """Return the namespaces that the running cluster has; none if there is none."""
    from memmux.client.blocking import Client
    from memmux.config.loader import load
    from memmux.errors import MemmuxError

    with suppress(MemmuxError, OSError):
        settings = load({"request_timeout_s": str(PATIENCE_S)})
        with Client(settings=settings, name="completion", start=False) as client:
            return [count.name for count in client.namespaces()]
    return []


_BY_NAME: Mapping[str, Values] = MappingProxyType(
    {
        "mode": _modes,
        "client": _hosts,
        "page": _pages,
        "code": _codes,
        "namespace": _namespaces,
        "namespaces": _namespaces,
        **{name: partial(_choices, name) for name in ("embedder", "tools", "log_level")},
        **dict.fromkeys(("gateway", "traces", "log_content"), _flags),
    }
)
_FILES: Mapping[str, str] = MappingProxyType({"FILE": "file", "PATH": "file", "FOLDER": "dir"})
"""What click's scripts call a file and a folder, by what the help calls them."""


def asked() -> bool:
    """Return whether this process is to complete, and to do nothing else."""
    return VARIABLE in os.environ


def offer(command: click.Command) -> None:
    """Let a command, and those in it, complete the values that are known."""
    for parameter in command.params:
        named = (parameter.metavar or parameter.name or "").strip("[].").upper()
        if values := _BY_NAME.get(parameter.name or ""):
            _replace(parameter, partial(_matching, values))
        elif kind := _FILES.get(named):
            _replace(parameter, partial(_paths, kind))
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        offer(inner)


def _replace(parameter: click.Parameter, complete: Callable[[click.Context, str], list[CompletionItem]]) -> None:
    if not isinstance(parameter.type, click.Choice):
        setattr(parameter, "shell_complete", complete)  # noqa: B010 - a method, for this one


def _matching(values: Values, _: click.Context, typed: str) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values() if value.startswith(typed)]


def _paths(kind: str, _: click.Context, typed: str) -> list[CompletionItem]:
    return [CompletionItem(typed, type=kind)]
