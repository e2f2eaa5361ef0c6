"""The command `memmux settings`, and what is said where a running cluster has other settings than those that are given.

The clients of a database share its cluster, so the settings of whoever started it are in force, but for a client's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields

import click

from memmux.cli import output
from memmux.cli.mistakes import close_value
from memmux.cli.options import SETTINGS, json_option, with_settings
from memmux.cluster import endpoint as endpoints
from memmux.config.loader import load_with_sources
from memmux.config.paths import Places
from memmux.config.settings import CLIENTS_OWN, Settings
from memmux.config.values import NONE
from memmux.errors import ArgumentInvalidError, MemmuxError

DEFAULT = "default"
_LOOK_S = 2.0  # for a cluster that is asked what it runs with


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, as the command shows it.

    value: as a flag has it; None for what the platform decides. source: which flag, variable or file says so, or
    `default`. cluster: what the running cluster has; None where none runs, or each client has its own. text: what it
    is for.
    """

    name: str
    value: str | None
    source: str
    cluster: str | None
    text: str

    @property
    def differs(self) -> bool:
        """Whether the running cluster has another value."""
        return self.cluster is not None and self.cluster != (self.value or "")


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--changed", is_flag=True, help="Only those that are not the default, or differ in the running cluster.")
@json_option
@with_settings(applied=True)
def settings(current: Settings, *, names: tuple[str, ...], changed: bool, as_json: bool) -> None:
    """Show the settings: what each is, which flag, variable or file says so, and what the running cluster has.

    Each NAME is also the option --name, the variable MEMMUX_NAME and a key of memmux.toml. `memmux restart` has the
    cluster take up what is changed.
    """
    unknown = [name for name in names if _plain(name) not in SETTINGS]
    if unknown:
        meant = close_value(_plain(unknown[0]), SETTINGS)
        there = f"did you mean {meant}? " if meant else ""
        raise ArgumentInvalidError(f"there is no setting {unknown[0]!r}; {there}`memmux settings` lists them all")
    asked = set(map(_plain, names)) or set(SETTINGS)
    _, sources = load_with_sources(click.get_current_context().obj)
    found = [one for one in _settings(current, sources, running(current)) if one.name in asked]
    if changed:
        found = [one for one in found if one.source != DEFAULT or one.differs]
    if as_json:
        output.document({"settings": found})
        return
    if len(names) == 1:
        output.line(found[0].text if found else "as it is by default")
    rows = [(one.name, one.value or "", one.source, one.cluster if one.differs else "") for one in found]
    output.table("settings (in cluster: what the running cluster has instead)", COLUMNS, rows)


COLUMNS = ("name", "value", "source", "in cluster")


def _plain(name: str) -> str:
    return name.lower().removeprefix("--").replace("-", "_").removeprefix("memmux_")


def _settings(current: Settings, sources: Mapping[str, str], cluster: Mapping[str, str]) -> list[Setting]:
    written = current.written()
    return [
        Setting(
            name=known.name,
            value=written.get(known.name),
            source=sources.get(known.name, DEFAULT),
            cluster=cluster.get(known.name, "") if cluster and known.name not in CLIENTS_OWN else None,
            text=SETTINGS[known.name][1],
        )
        for known in fields(Settings)
    ]


def running(current: Settings) -> Mapping[str, str]:
    """Return the settings that the running cluster was started with; none if none runs, or it does not say."""
    endpoint = None if current.remote is not None else endpoints.read(Places(current))
    if endpoint is None or not endpoint.alive():
        return {}
    from memmux.client.blocking import Client  # only where there is a cluster to ask

    with suppress(MemmuxError), Client(settings=current, name="cli", start=False, observer=True) as client:
        return client.status(timeout_s=_LOOK_S).settings
    return {}


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that a cluster has and its predecessor had, where they are not the same; as flags have them."""

    name: str
    before: str
    after: str

    @property
    def sentence(self) -> str:
        """What is told of it."""
        return f"{self.name}: {self._shown(self.before)} → {self._shown(self.after)}"

    def _shown(self, value: str) -> str:
        nothing = "off" if self.name in _SWITCHED_OFF else NONE
        return nothing if value in _SWITCHED_OFF.get(self.name, ("", NONE)) else value


_SWITCHED_OFF = {"http": ("", NONE), "listen": ("", NONE), "metrics_port": ("0",)}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """Return how the settings of two clusters differ, but for a client's own and what only one of them has heard of."""
    names = [known.name for known in fields(Settings) if known.name not in CLIENTS_OWN]
    pairs = ((name, before.get(name), after.get(name)) for name in names) if before and after else ()
    return [Change(name, had or "", has or "") for name, had, has in pairs if (had or "") != (has or "")]


def ignored(current: Settings, flags: Mapping[str, object]) -> list[str]:
    """Return a sentence for each flag that is given and that the running cluster does not go by."""
    given = [name for name in flags if name not in CLIENTS_OWN]
    cluster = running(current) if given else {}
    written = current.written()
    return [
        f"--{name.replace('_', '-')} {written.get(name, '')} has no effect on the running cluster, which has "
        f"{cluster.get(name) or 'none'}; `memmux restart --{name.replace('_', '-')} {written.get(name, '')}` changes it"
        for name in given
        if cluster and cluster.get(name, "") != written.get(name, "")
    ]
