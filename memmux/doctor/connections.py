"""The doctor on entries with a URL: whether memmux answers there, asked as the client does, and to whose token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memmux.client.blocking import Client
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.doctor.finding import Finding, ok, warning
from memmux.doctor.hosts import NAME, connecting, label
from memmux.errors import MemmuxError
from memmux.hosts import http_entry, http_trial
from memmux.hosts.config_file import Document, Server, Shadows
from memmux.hosts.http_entry import HttpEntry
from memmux.hosts.http_trial import Outcome, Trial
from memmux.hosts.machine import Machine
from memmux.hosts.shadow import shadows as made_by_us
from memmux.trust import keys
from memmux.trust.key import Key

_OTHERS = 0o077  # the mode of a file that others may open


def of_connections(
    settings: Settings,
    machine: Machine,
    folder: Path,
    *,
    shadows: Shadows = made_by_us,
) -> Iterator[Finding]:
    """Yield what answers at the URL of each entry for the user and the project in `folder`, and what is amiss in it."""
    entries = list(connecting(machine, folder, shadows))
    if not entries:
        return
    served, known = _served(settings), keys.read(Places(settings))
    for document, server, option in entries:
        entry = http_entry.parse(server.raw)
        assert entry is not None  # it is of that kind
        asked = _Connection(document, server, entry, known.of_token(entry.token), served)
        yield asked.finding(http_trial.run(entry), settings)
        if wrong := asked.fault(option):
            yield warning(NAME, f"{asked.text}{wrong}")


@dataclass(frozen=True, slots=True)
class _Connection:
    """An entry with a URL. owner: whose token it has. served: where the cluster is reached; empty if nowhere."""

    document: Document
    server: Server
    entry: HttpEntry
    owner: Key | None
    served: str

    @property
    def text(self) -> str:
        return f"{label(self.document, self.server)} connects to {self.entry.url}"

    @property
    def again(self) -> str:
        """The command that writes it anew."""
        return f"`memmux install {self.document.client.name} --http --name {self.server.name}`"

    @property
    def here(self) -> bool:
        """Whether it leads to the cluster of these settings."""
        return bool(self.served) and self.entry.url.startswith(f"{self.served}/")

    def finding(self, trial: Trial, settings: Settings) -> Finding:
        """Return what is said of an answer."""
        if trial.outcome is Outcome.ANSWERS:
            key = "" if self.owner is None else f", to the key {self.owner.name!r}"
            found = f"{self.text}: memmux {trial.said} answers{key}"
            if self.here and not settings.http:
                return warning(NAME, f"{found}, as long as this cluster runs; {self.again} keeps the address")
            return ok(NAME, found)
        said = {
            Outcome.SILENT: f", where nothing answers ({trial.said}); {self._served_again(settings)}",
            Outcome.REFUSED: f" {self._refused(settings)}",
            Outcome.STRANGER: f", where another program answers ({trial.said}); end it, then `memmux restart`, or set "
            f"`http` to another address, restart, and run {self.again}",
            Outcome.UNTRUSTED: f", whose certificate this machine does not trust ({trial.said}); trust who signed it",
            Outcome.FAILS: f", which answers {trial.said}; see `memmux tail`",
        }
        return warning(NAME, f"{self.text}{said[trial.outcome]}")

    def _served_again(self, settings: Settings) -> str:
        if self.served and not self.here:
            return f"{self.again} writes {self.served}, where the cluster serves"
        if settings.http:
            return f"`memmux restart` has a cluster serve at {settings.http}, and then {self.again} writes that"
        return f"{self.again} has every cluster serve there, from the next `memmux restart` on"

    def _refused(self, settings: Settings) -> str:
        if self.owner is None:
            return f"with a token that is refused: no key of {settings.where} has it; {self.again} writes another"
        if why := self.owner.why_not(time.time()):
            return f"with the token of the key {self.owner.name!r}, which is {why}; {self.again} writes another key's"
        return (
            f"and is refused, although the key {self.owner.name!r} is valid for {settings.where}: the cluster there "
            f"is of another database; {self.again} writes the address of this one's"
        )

    def fault(self, option: str) -> str:
        """Return what is wrong with the entry itself, or who can read the token in it; empty if nothing is."""
        client = self.document.client
        if option:
            return " with a token that all see who share the project; take it out there"
        if client.remote is None or self.server.raw != {
            **self.server.raw,
            **http_entry.build(self.entry, client),
        }:
            return f" in a form that is not {client.label}'s; run {self.again}"
        if self.document.file.stat().st_mode & _OTHERS:
            return f", and others may read its token; run `chmod 600 {self.document.file}`"
        return ""


def _served(settings: Settings) -> str:
    """Return where the cluster of these settings serves HTTP; empty if nowhere, or if none runs."""
    try:
        with Client(settings=settings, name="doctor", start=False) as client:
            return client.status().http
    except MemmuxError:
        return ""
