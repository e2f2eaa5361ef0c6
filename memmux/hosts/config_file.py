"""A client's file as it is read: its text, the servers in it, and the changes that are made to it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from memmux.errors import ClientFileError
from memmux.hosts import entry as entries
from memmux.hosts import http_entry, json_edit, toml_edit, writing
from memmux.hosts.catalogue import Format, Host
from memmux.hosts.entry import Entry, Kind
from memmux.hosts.json_edit import Keys

Shadows = Callable[[str], bool]
"""Says whether a command is a script that `memmux install --shadow` made."""


class Editor(Protocol):
    """The functions for a format: one reads it, others change one member of it."""

    def read(self, text: str, /) -> Any:
        """Return the value of a text; raise ValueError if it has none."""

    def put(self, text: str, path: Keys, value: object, /) -> str:
        """Return the text with a value at a path; raise ValueError if that can't be."""

    def drop(self, text: str, path: Keys, /) -> str:
        """Return the text without what is at a path; raise ValueError if that can't be."""


_EDITORS: Mapping[Format, Editor] = {Format.JSON: json_edit, Format.TOML: toml_edit}


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: the value that comes to `path`, or, with None, that what is there goes."""

    path: Keys
    value: object = None


@dataclass(frozen=True, slots=True)
class Server:
    """A server in a client's file: where its entry is, the entry as it stands there, and what it runs."""

    path: Keys
    raw: Mapping[str, Any]
    entry: Entry | None
    kind: Kind

    @property
    def name(self) -> str:
        """What the client calls it."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class Document:
    """A client's file. content: its bytes, None if there is no file. text: the same, decoded. value: what it says."""

    client: Host
    file: Path
    content: bytes | None
    text: str
    value: Mapping[str, Any]

    @classmethod
    def of(cls, client: Host, file: Path) -> Document:
        """Read a file; raise ClientFileError if it can't be read, or says nothing that can be understood."""
        return cls.parse(client, file, writing.read(file))

    @classmethod
    def parse(cls, client: Host, file: Path, content: bytes | None) -> Document:
        """Understand the bytes of a file; raises as `of` does."""
        try:
            text = (content or b"").decode()
            value = _EDITORS[client.format].read(text)
        except UnicodeDecodeError:
            raise _broken(file, "it is not UTF-8") from None
        except ValueError as error:
            raise _broken(file, str(error)) from None
        if not isinstance(value, Mapping):
            raise _broken(file, "the whole is no object")
        if not isinstance(value.get(client.servers, {}), Mapping):
            raise _broken(file, f"{client.servers} is no object")
        return cls(client, file, content, text, value)

    @property
    def private(self) -> bool:
        """Whether the file holds secrets of the client's own; that of a project does not."""
        return self.client.private and self.file.name == self.client.file[-1]

    def at(self, name: str) -> Keys:
        """Return where the entry of that name is, or would be."""
        return (self.client.servers, name)

    def servers(self, shadows: Shadows) -> list[Server]:
        """Return the servers that the client starts everywhere, and then those of its scopes."""
        return list(self._servers(shadows))

    def _servers(self, shadows: Shadows) -> Iterator[Server]:
        scopes = self.value.get(self.client.scopes) if self.client.scopes else None
        holders: list[tuple[Keys, Any]] = [((), self.value)]
        if isinstance(scopes, Mapping):
            holders += [((self.client.scopes, scope), value) for scope, value in scopes.items()]
        for path, holder in holders:
            named = holder.get(self.client.servers) if isinstance(holder, Mapping) else None
            for name, raw in named.items() if isinstance(named, Mapping) else ():
                entry = entries.parse(raw)
                place = (*path, self.client.servers, name)
                kind = Kind.HTTP if http_entry.parse(raw) is not None else entries.kind(entry, shadows)
                yield Server(place, raw if isinstance(raw, Mapping) else {}, entry, kind)

    def edited(self, edits: Sequence[Edit]) -> str:
        """Return the text with these changes, having checked that it says just what it should.

        Raises ClientFileError if it does not: then the file is one that can't be changed without harm.
        """
        editor, text = _EDITORS[self.client.format], self.text
        try:
            for edit in edits:
                text = editor.drop(text, edit.path) if edit.value is None else editor.put(text, edit.path, edit.value)
            said = editor.read(text)
            text.encode()  # a path of another encoding is no text
        except ValueError as error:
            raise _broken(self.file, str(error)) from None
        if said != _expected(self.value, edits, said):
            raise _broken(self.file, "a change to it would change more than that")
        return text


def _broken(file: Path, why: str) -> ClientFileError:
    return ClientFileError(f"{file} can't be understood and was left as it is: {why}; correct it, then run this again")


def _expected(value: Mapping[str, Any], edits: Sequence[Edit], said: Mapping[str, Any]) -> Any:
    """Return what a file should say after these changes; `said` is what it does say.

    What is empty then may be gone, as a table of TOML that was there by its members alone.
    """
    changed: Any = copy.deepcopy(dict(value))
    for edit in edits:
        holder = changed
        for key in edit.path[:-1]:
            holder = holder.setdefault(key, {})
        if edit.value is None:
            holder.pop(edit.path[-1], None)
            if not holder and holder is changed.get(edit.path[0]) and edit.path[0] not in said:
                del changed[edit.path[0]]
        else:
            holder[edit.path[-1]] = edit.value
    return changed
