"""The doctor on the entries of hosts: which database each uses, and what the variables in it do.

A host starts a server with the variables of the entry and hardly any other, so the settings of a client are there and
not in this shell.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from memmux.cluster import find
from memmux.config import mms_database, mms_variables, unadopted, variables
from memmux.config.loader import load
from memmux.config.settings import PREFIX, Settings
from memmux.config.user_folders import APPLICATION
from memmux.doctor.finding import Finding, error, ok, warning
from memmux.doctor.hosts import files
from memmux.errors import ClientFileError, SettingInvalidError
from memmux.hosts import mms_setup
from memmux.hosts.arguments import Arguments
from memmux.hosts.config_file import Document, Server, Shadows
from memmux.hosts.entry import Entry, Kind
from memmux.hosts.machine import Machine
from memmux.hosts.shadow import shadows as made_by_us

NAME = "databases"  # of the findings about them
THEIRS = "mcp-memory"  # of those about variables and hooks of mcp-memory-service


def of_entries(settings: Settings, machine: Machine, folder: Path, shadows: Shadows = made_by_us) -> Iterator[Finding]:
    """Yield what each entry of memmux means, and where clients disagree; then what of a set-up has no counterpart."""
    users: dict[str, list[str]] = defaultdict(list)
    for document, server in _servers(machine, folder, shadows):
        assert server.entry is not None
        label = f"{document.client.label}: {server.name} in {document.file}"
        env = server.entry.env or {}
        if server.kind is Kind.MEMMUX:
            for name, remedy in variables.unread(env).items():
                yield warning("settings", f"{label} sets {name}, which is ignored; {remedy}")
            yield from _database(label, server.entry, settings, machine, users)
            if without := mms_variables.ignored(mms_database.own(env)):
                yield ok(THEIRS, f"{label} sets without effect: {', '.join(without)}")
        for sentence in mms_setup.of_variables(env):
            yield warning(THEIRS, f"{label}: {sentence}")
    if len(users) > 1:
        uses = "; ".join(f"{', '.join(names)}: {memory}" for memory, names in users.items())
        yield warning(NAME, f"clients use {len(users)} databases and do not share their memories: {uses}")
    for sentence in mms_setup.of_hooks(machine):
        yield warning(THEIRS, sentence)


def _servers(machine: Machine, folder: Path, shadows: Shadows) -> Iterator[tuple[Document, Server]]:
    for client, file, _ in files(machine, folder):
        try:
            document = Document.of(client, file)
        except ClientFileError:
            continue  # `of_hosts` says so
        yield from (
            (document, server)
            for server in document.servers(shadows)
            if server.entry is not None and server.kind is not Kind.OTHER
        )


def _database(
    label: str, entry: Entry, shell: Settings, machine: Machine, users: dict[str, list[str]]
) -> Iterator[Finding]:
    """Yield which memory an entry means, and whether it is that of this shell; note who uses it."""
    try:
        theirs = settings_of(entry)
    except SettingInvalidError as failure:
        if entry.varies:
            yield ok(NAME, f"{label} has a variable in it that the client replaces, so what it uses is not known here")
            return
        yield error(NAME, f"{label} does not start: {failure.message}")
        return
    env = entry.env or {}
    names_one = any(
        name in env for name in (*mms_database.PATHS, mms_database.BASE)
    )  # the default place is the shell's
    if names_one and (said := unadopted.sentence(theirs, env)) is not None:
        yield ok("adoption", f"{label}: {said}")
    meant, here = _memory(theirs, _default(entry, machine, theirs)), _memory(shell, shell.where)
    users[meant].append(label.partition(":")[0])
    if meant == here:
        yield ok(NAME, f"{label} uses {meant}")
    else:
        if (silence := find.silence(theirs)) is not None:
            yield error(NAME, f"{label} uses {meant}: {silence.message}")
        yield warning(
            NAME,
            f"{label} uses {meant}, and this shell {here}; to have them share it, give both the same {PREFIX}DATABASE "
            f"and {PREFIX}REMOTE, or neither",
        )


def settings_of(entry: Entry) -> Settings:
    """Return the settings of what an entry starts; raise SettingInvalidError."""
    return load(Arguments.parse(entry.args).settings, entry.env or {})


def _memory(settings: Settings, database: str) -> str:
    return database if settings.remote is None else f"the remote {settings.remote.stem}"


def _default(entry: Entry, machine: Machine, theirs: Settings) -> str:
    """Return the database: where none is named, the platform's data folder as the client sees it."""
    moved = machine.environment.get("XDG_DATA_HOME") and "XDG_DATA_HOME" not in (entry.env or {})
    if moved and sys.platform == "linux" and theirs.database == Settings().database:
        return str((machine.home / ".local" / "share" / APPLICATION / "memories.db").resolve())
    return theirs.where
