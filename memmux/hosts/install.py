"""Installation and removal: the change of a host's file, worked out before anything is written."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from memmux.config import mms_variables
from memmux.config.settings import PREFIX, ToolList
from memmux.errors import ArgumentInvalidError, ClientFileError, ReplacementNeededError, ServerNameTakenError
from memmux.hosts import entry as entries
from memmux.hosts import faults, http_entry, writing
from memmux.hosts.catalogue import Host
from memmux.hosts.config_file import Document, Edit, Server, Shadows
from memmux.hosts.entry import OURS, THEIR_INTERPRETER, Entry, Kind
from memmux.hosts.http_entry import HttpEntry
from memmux.hosts.json_edit import Keys

RECENT = 10  # backups that a removal compares the file with
_SPELLINGS = frozenset({"args", "env", "environment"})  # of clients; an entry that was copied may have another's
NAME = "memory"  # of the server, unless it has or gets another
TOOLS = f"{PREFIX}TOOLS"


class Status(StrEnum):
    """The result for a host's file."""

    INSTALLED = "installed"
    UPDATED = "updated"
    REPLACED = "replaced mcp-memory-service"
    UNCHANGED = "already installed"
    REMOVED = "removed"
    ABSENT = "not installed"


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a change: the bytes of the file before and after; None is no file.

    entry: what the client will start; None after a removal. notes: what the user should know besides. private: whether
    the file is for its user alone, whatever mode it has had.
    """

    file: Path
    name: str
    status: Status
    before: bytes | None
    after: bytes | None
    entry: Entry | None = None
    notes: tuple[str, ...] = ()
    private: bool = False

    def diff(self) -> str:
        """Return the change as a unified diff; empty if there is none."""
        before, after = ((content or b"").decode().splitlines(keepends=True) for content in (self.before, self.after))
        lines = difflib.unified_diff(before, after, str(self.file), str(self.file))
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    def apply(self, now: datetime) -> Path | None:
        """Do it; return the backup of the old file, None if nothing was there or nothing changes.

        Raises ClientFileError, and the file is then as it was.
        """
        if self.before == self.after:
            return None
        return writing.replace(self.file, self.before, self.after, now, private=self.private)


def install(document: Document, entry: Entry, shadows: Shadows, *, name: str | None = None, replace: bool) -> Plan:
    """Plan that `entry` comes into a client's file.

    name: what the client calls the server; by default it keeps the name that memmux or mcp-memory-service has there,
    or gets NAME. replace: entries of mcp-memory-service go, and their variables come along.

    Raises ReplacementNeededError if such entries are there and `replace` is not set, unless a free name is given;
    ServerNameTakenError if the name is another server's; ClientFileError if the file can't be changed.
    """
    servers = document.servers(shadows)
    chosen, old, replaced = _place(document, servers, name, replace=replace)
    env, notes = _environment(old, replaced, entry)
    if replaced and not mms_variables.in_use(env):
        env = {TOOLS: ToolList.FULL.value, **env}  # as many as its users had, which its variables say otherwise
    wanted = Entry(entry.command, entry.args, env)
    raw = entries.build(wanted, document.client)
    edits = [
        *_edits(document.at(chosen), old, raw, document.client),
        *(Edit(server.path) for server in replaced if server is not old),
    ]
    status = Status.UNCHANGED
    if edits:
        status = Status.REPLACED if replaced else Status.INSTALLED if old is None else Status.UPDATED
    after = document.edited(edits).encode() if edits else document.content
    return Plan(document.file, chosen, status, document.content, after, wanted, notes, document.private)


def install_http(
    document: Document, entry: HttpEntry, shadows: Shadows, *, name: str | None = None, replace: bool
) -> Plan:
    """Plan that an entry by which it connects to memmux comes into a client's file; all else is as of `install`.

    The file is for its user alone from then on, as it holds a token.
    """
    raw = http_entry.build(entry, document.client)
    chosen, old, replaced = _place(document, document.servers(shadows), name, replace=replace)
    edits = [Edit(server.path) for server in replaced if server is not old]
    if old is None or old.raw != raw:
        edits += [*([] if old is None else [Edit(old.path)]), Edit(document.at(chosen), raw)]
    status = Status.UNCHANGED
    if edits:
        status = Status.REPLACED if replaced else Status.INSTALLED if old is None else Status.UPDATED
    after = document.edited(edits).encode() if edits else document.content
    return Plan(document.file, chosen, status, document.content, after, private=True)


def _place(
    document: Document, servers: Sequence[Server], name: str | None, *, replace: bool
) -> tuple[str, Server | None, list[Server]]:
    """Return the name of an entry, what has it now, and the entries of mcp-memory-service that go."""
    theirs = [server for server in servers if server.kind is Kind.MMS]
    if theirs and not replace and name in {None, *(server.name for server in theirs)}:
        raise ReplacementNeededError(_offer(document, theirs))
    chosen = name or _name(document, servers, theirs)
    old = next((server for server in servers if server.path == document.at(chosen)), None)
    if old is not None and old.kind is Kind.OTHER:
        raise _taken(document, old)
    return chosen, old, theirs if replace else []


def uninstall(document: Document, shadows: Shadows, *, name: str | None = None) -> Plan:
    """Plan that the entry of memmux leaves a client's file; nothing else does.

    Where the file is just what an installation made of a backup, the backup's bytes come back, or no file.
    Raises ServerNameTakenError if the name is another server's, ArgumentInvalidError if it must be said which.
    """
    everywhere = [server for server in document.servers(shadows) if server.path == document.at(server.name)]
    found = [server for server in everywhere if (server.kind in OURS if name is None else server.name == name)]
    if not found:
        return Plan(document.file, name or NAME, Status.ABSENT, document.content, document.content)
    if len(found) > 1:
        names = ", ".join(server.name for server in found)
        raise ArgumentInvalidError(f"several servers in {document.file} are memmux: {names}; say which with --name")
    (server,) = found
    if server.kind not in OURS:
        raise _taken(document, server)
    after = _restored(document, server)
    return Plan(document.file, server.name, Status.REMOVED, document.content, after, private=document.private)


def _restored(document: Document, server: Server) -> bytes | None:
    """Return the file without an entry: as it was before, if nothing else has changed since."""
    for content in (*(writing.read(backup) for backup in writing.backups(document.file)[:RECENT]), None):
        try:
            earlier = Document.parse(document.client, document.file, content)
            again = earlier.edited([Edit(server.path, server.raw)])
        except ClientFileError:
            continue
        if again == document.text and server.name not in earlier.value.get(document.client.servers, {}):
            return content
    return document.edited([Edit(server.path)]).encode()


def _name(document: Document, servers: Sequence[Server], theirs: Sequence[Server]) -> str:
    """Return the name that memmux has already, or the one that it takes over, or the usual one."""
    ours = [server.name for server in servers if server.kind in OURS and document.at(server.name) == server.path]
    return NAME if NAME in ours else [*ours, *(server.name for server in theirs), NAME][0]


def _environment(
    old: Server | None, replaced: Sequence[Server], entry: Entry
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the variables of the new entry: the given ones win over ours, and those over the replaced ones'."""
    env: dict[str, str] = {}
    notes = []
    for server in replaced:
        theirs = dict(server.entry.env or {}) if server.entry is not None else {}
        for name in sorted(THEIR_INTERPRETER & theirs.keys()):
            notes.append(f"{name} was meant for another Python and is left out")
            del theirs[name]
        env = theirs | env
    if old is not None and old.entry is not None and old not in replaced:
        env |= old.entry.env or {}
    return env | dict(entry.env or {}), tuple(dict.fromkeys(notes))


def _edits(path: Keys, old: Server | None, wanted: Mapping[str, Any], client: Host) -> list[Edit]:
    """Return the changes that make an entry say what it should: member by member, so that what else it says stays."""
    if old is None:
        return [Edit(path, wanted)]
    if old.kind is Kind.HTTP:
        return [Edit(path), Edit(path, wanted)]
    # What a client wants beside the command may be the user's by now: which tools it may use.
    edits = [
        Edit((*path, key), value)
        for key, value in wanted.items()
        if key != client.env and old.raw.get(key) != value and not (key in client.shape and key in old.raw)
    ]
    if faults.connects(client, old.raw):
        edits.append(Edit((*path, faults.TRANSPORT), client.shape.get(faults.TRANSPORT)))
    edits += [Edit((*path, key)) for key in old.raw if key in _SPELLINGS and key not in (*wanted, client.env)]
    if old.kind is Kind.MMS and "cwd" in old.raw:  # their checkout
        edits.append(Edit((*path, "cwd")))
    env, had = wanted.get(client.env, {}), old.raw.get(client.env)
    if not isinstance(had, Mapping):
        return [*edits, Edit((*path, client.env), env or None)] if env or had is not None else edits
    edits += [Edit((*path, client.env, name), value) for name, value in env.items() if had.get(name) != value]
    return [*edits, *(Edit((*path, client.env, name)) for name in had if name not in env)]


def _offer(document: Document, theirs: Sequence[Server]) -> str:
    names = ", ".join(dict.fromkeys(server.name for server in theirs))
    return (
        f"{document.client.label} runs mcp-memory-service as {names} ({document.file}); to put memmux in its place, "
        "with its variables, run this again with --replace; to have both, with --name"
    )


def _taken(document: Document, server: Server) -> ServerNameTakenError:
    runs = f", which runs `{server.entry.line}`," if server.entry is not None else ""
    return ServerNameTakenError(
        f"{document.client.label} has another server called {server.name}{runs} in {document.file}, which was left as "
        "it is; choose another name with --name"
    )
