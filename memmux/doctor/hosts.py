"""The doctor on hosts: which are set up for memmux or mcp-memory-service, and whether what they start is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from memmux.doctor.finding import Finding, Level
from memmux.errors import ClientFileError
from memmux.hosts import faults
from memmux.hosts.catalogue import HOSTS, Host
from memmux.hosts.config_file import Document, Server, Shadows
from memmux.hosts.entry import Kind
from memmux.hosts.machine import Machine
from memmux.hosts.shadow import shadows as made_by_us

NAME = "clients"  # of the findings


def of_hosts(machine: Machine, folder: Path, shadows: Shadows = made_by_us) -> Iterator[Finding]:
    """Yield a finding for every entry that runs memmux or mcp-memory-service, for the user and the project in `folder`.

    A file that nobody can read is one too; if there is nothing at all, nor an entry with a URL, that is said.
    """
    some = False
    for client, file, option in files(machine, folder):
        for finding in _of_file(client, file, option, shadows):
            some = True
            yield finding
    if not some and not any(connecting(machine, folder, shadows)):
        yield Finding(NAME, Level.OK, f"none is set up; `memmux install CLIENT` does it for {', '.join(HOSTS)}")


def files(machine: Machine, folder: Path) -> Iterator[tuple[Host, Path, str]]:
    """Yield the files of every client, for the user and the project in `folder`, and the option that means the file."""
    for client in HOSTS.values():
        user = client.user_file(machine)
        yield client, user, ""
        if client.project and (project := client.project_file(folder)) != user:
            yield client, project, " --project"


def connecting(machine: Machine, folder: Path, shadows: Shadows) -> Iterator[tuple[Document, Server, str]]:
    """Yield the entries with a URL of memmux, each with its document and the option that means its file."""
    for client, file, option in files(machine, folder):
        try:
            document = Document.of(client, file)
        except ClientFileError:
            continue  # `of_hosts` says so
        yield from ((document, server, option) for server in document.servers(shadows) if server.kind is Kind.HTTP)


def _of_file(client: Host, file: Path, option: str, shadows: Shadows) -> Iterator[Finding]:
    try:
        document = Document.of(client, file)
    except ClientFileError as failure:
        yield Finding(NAME, Level.WARNING, f"{client.label}: {failure.message}")
        return
    for server in document.servers(shadows):
        if server.kind is Kind.HTTP:
            continue  # of which `connections` tells
        if server.kind is not Kind.OTHER:
            yield _of_server(document, server, option)
        elif wrong := faults.of_server(client, server):
            anew = f"remove it, then run `memmux install {client.name}{option}`"
            yield Finding(NAME, Level.WARNING, f"{label(document, server)}: {'; '.join(wrong)}; {anew}")
    for path, entry in faults.misplaced(document, shadows):
        place = " → ".join(path) or "the top"
        yield Finding(
            NAME,
            Level.WARNING,
            f"{client.label}: `{entry.line}` stands at {place} in {file}, where {client.label} does not look: it reads "
            f"{client.servers}; remove it there, and `memmux install {client.name}{option}` writes it where it belongs",
        )


def label(document: Document, server: Server) -> str:
    """Return how findings call an entry: by its client, its name and its file."""
    scope = f" for {server.path[1]}" if server.path != document.at(server.name) else ""
    return f"{document.client.label}: {server.name}{scope} in {document.file}"


def _of_server(document: Document, server: Server, option: str) -> Finding:
    client, entry = document.client, server.entry
    assert entry is not None  # only another server has none
    named_so = label(document, server)
    text = f"{named_so} runs `{entry.line}`"
    again = f"memmux install {client.name}{option}"
    if server.kind is Kind.MMS:
        return Finding(NAME, Level.WARNING, f"{text}, mcp-memory-service; `{again} --replace` puts memmux in its place")
    named = f"{again} --name {server.name}"
    if wrong := faults.of_server(client, server):
        return Finding(NAME, Level.WARNING, f"{named_so}: {'; '.join(wrong)}; `{named}` corrects it")
    if not os.path.dirname(entry.command):  # noqa: PTH120  # "x" and "./x" are one Path
        found = shutil.which(entry.command)
        where = "which is not found" if found is None else "which a client with another PATH does not find"
        return Finding(NAME, Level.WARNING, f"{text}, {where}; `{named}` writes where it is")
    if not os.access(entry.command, os.X_OK) or Path(entry.command).is_dir():
        return Finding(NAME, Level.WARNING, f"{text}, which is not there any more; `{named}` writes where it is now")
    return Finding(NAME, Level.OK, text)
