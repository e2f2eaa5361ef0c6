"""Faults of entries: why a host does not start memmux from what its file says, although it reads as if it would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from memmux.hosts import command_lines, http_entry
from memmux.hosts import entry as entries
from memmux.hosts.arguments import Arguments
from memmux.hosts.catalogue import Host
from memmux.hosts.config_file import Document, Server, Shadows
from memmux.hosts.entry import Entry, Kind
from memmux.hosts.json_edit import Keys

_ENV = ("env", "environment")  # as clients spell it
TRANSPORT = "type"  # the key that says how a client talks to a server
STDIO = "stdio"  # how to one that it starts
_DEPTH = 5  # of keys, below which no entry is looked for


def of_server(client: Host, server: Server) -> list[str]:
    """Return what is wrong with the entry of a server that is memmux, or was meant to be; `install` corrects it."""
    entry = server.entry
    if entry is None:
        return ["it has no command to start"] if _meant(server) else []
    if server.kind is not Kind.MEMMUX:
        return []
    found = list(_line(client, server.raw))
    program, *rest = command_lines.program([*command_lines.line(entry.command), *entry.args]) or [""]
    if command_lines.name(program) == "memmux":
        found += Arguments.parse(rest).faults()
    return [*found, *_environment(client, server.raw), *_transport(client, server.raw)]


def connects(client: Host, raw: Mapping[str, Any]) -> bool:
    """Return whether an entry says that its server is one to connect to, instead of one to start."""
    return TRANSPORT in raw and raw[TRANSPORT] not in (client.shape.get(TRANSPORT), STDIO)


def misplaced(document: Document, shadows: Shadows) -> Iterator[tuple[Keys, Entry]]:
    """Yield the entries of memmux in a file where its client does not look for any, each with its path."""
    known = {server.path for server in document.servers(shadows)}
    for path, value in _objects(document.value, ()):
        entry = entries.parse(value)
        if path not in known and entries.kind(entry, shadows) is Kind.MEMMUX:
            assert entry is not None
            yield path, entry


def _meant(server: Server) -> bool:
    """Return whether an entry that starts nothing was to start memmux."""
    said = server.name == "memmux" or "memmux" in str(server.raw)
    return said and not any(key in server.raw for key in http_entry.URLS)


def _line(client: Host, raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the form of the command and its arguments."""
    command, args = raw.get("command"), raw.get("args")
    if client.one_list:
        if not isinstance(command, list):
            yield f"its command is to be one list, with the arguments in it, for {client.label}"
    elif isinstance(command, list):
        yield f"its command is a list; {client.label} takes a text, and the arguments in args"
    elif args is not None and not isinstance(args, list):
        listed = ", ".join(f'"{word}"' for word in command_lines.words(str(args)))
        yield f"its args are to be a list: [{listed}]"
    parts = [*(command if isinstance(command, list) else [command]), *(args if isinstance(args, list) else [])]
    if not all(isinstance(part, str) for part in parts):
        yield "its arguments are not all texts"
    if len(command_lines.line(str(parts[0]))) > 1 and not Path(str(parts[0])).exists():
        yield "its command holds arguments, and clients look for a program of the whole name"


def _environment(client: Host, raw: Mapping[str, Any]) -> Iterator[str]:
    for key in _ENV:
        if key in raw and key != client.env:
            yield f"{client.label} reads variables in {client.env}, and not in {key}"
    env = raw.get(client.env, {})
    if not isinstance(env, Mapping):
        yield f"its {client.env} is no object"
    elif wrong := [str(name) for name, value in env.items() if not isinstance(value, str)]:
        yield f"the values in its {client.env} are to be texts, in quotes: {', '.join(wrong)}"


def _transport(client: Host, raw: Mapping[str, Any]) -> Iterator[str]:
    if connects(client, raw):
        yield f'its type is to be "{client.shape.get(TRANSPORT, STDIO)}": memmux is started, and not connected to'


def _objects(value: object, path: tuple[str, ...]) -> Iterator[tuple[Keys, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        yield path, value
    members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    if len(path) < _DEPTH:
        for key, member in members:
            yield from _objects(member, (*path, str(key)))
