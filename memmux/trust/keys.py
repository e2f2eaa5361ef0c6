"""Keys: which clients of other machines may come in, and what each may do; kept beside the database.

`<database>.keys` has a line of JSON for each key after one that says what it is, so that an error can name its line.
A revoked key stays, with the time, so that the log can say whose it was. `<database>.curve` has the pair by which
clients know the cluster. Both are for this user alone, and are written whole or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import orjson

from memmux import limits
from memmux.config.paths import Places, open_lock
from memmux.errors import (
    ArgumentInvalidError,
    KeyFileError,
    KeyNameTakenError,
    KeyNotFoundError,
    MemmuxError,
)
from memmux.trust import secret_files
from memmux.wire.curve import KeyPair, is_key
from memmux.wire.grants import NAME, Grant

FORMAT = "memmux-keys"
VERSION = 1
T = TypeVar("T")


def check_name(name: str) -> None:
    """Raise ArgumentInvalidError unless this can be a key's name, which may become a file's."""
    if not name or name.startswith(".") or not NAME.fullmatch(name):
        raise ArgumentInvalidError(
            f"{name!r} can't be the name of a key; take 1 to {limits.KEY_CHARACTERS} letters, digits or any of - _ . "
            "and begin with no dot"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One client's key.

    grant: what it allows, and its name. public: the client's CURVE key. created, revoked: seconds since 1970; revoked
    is None while the key is valid.
    """

    grant: Grant
    public: str
    created: float
    revoked: float | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.grant.name

    def to_json(self) -> dict[str, object]:
        """Return it as it is kept."""
        fields = {**self.grant.to_json(), "public": self.public, "created": self.created}
        return fields if self.revoked is None else {**fields, "revoked": self.revoked}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Key:
        """Return what `to_json` wrote; raise MemmuxError or ValueError for anything else."""
        rest = dict(fields)
        public, created, revoked = rest.pop("public", None), rest.pop("created", None), rest.pop("revoked", None)
        if not is_key(public):
            raise ValueError("'public' is no CURVE key")
        if type(created) not in (int, float) or type(revoked) not in (int, float, type(None)):
            raise ValueError("'created' and 'revoked' are seconds since 1970")
        _check_bounds(rest)
        grant = Grant.from_json(rest)
        check_name(grant.name)
        return cls(grant=grant, public=public, created=created, revoked=revoked)


def _check_bounds(fields: Mapping[str, Any]) -> None:
    """Raise ValueError unless the bounds of a grant that are there could have been given to `memmux key add`."""
    for name, kinds in (("requests_s", (int, float)), ("in_flight", (int,)), ("memories", (int,))):
        if name in fields and (type(fields[name]) not in kinds or not 0 < fields[name] < math.inf):
            raise ValueError(f"{name!r} is not a number above 0")
    namespaces = fields.get("namespaces", [])
    if not isinstance(namespaces, list) or not all(isinstance(namespace, str) for namespace in namespaces):
        raise ValueError("'namespaces' is not a list of names")


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one database. serial: counts the changes, so that it can be asked which of them a router knows."""

    serial: int = 0
    all: tuple[Key, ...] = ()
    _by_public: Mapping[str, Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_public", {key.public: key for key in self.all})

    def find(self, public: str) -> Key | None:
        """Return the key of a client, also if it is revoked."""
        return self._by_public.get(public)

    def grant(self, public: str) -> Grant | None:
        """Return what a client may do now; None if nothing."""
        key = self._by_public.get(public)
        return None if key is None or key.revoked is not None else key.grant

    @property
    def valid(self) -> tuple[Key, ...]:
        """Those that are not revoked."""
        return tuple(key for key in self.all if key.revoked is None)

    def named(self, name: str) -> Key:
        """Return the valid key of that name; raise KeyNotFoundError."""
        found = next((key for key in self.valid if key.name == name), None)
        if found is None:
            known = ", ".join(sorted(key.name for key in self.valid)) or "none"
            raise KeyNotFoundError(f"there is no valid key {name!r}; valid are: {known}")
        return found

    def to_bytes(self) -> bytes:
        """Return the file."""
        head = {"format": FORMAT, "version": VERSION, "serial": self.serial}
        return b"".join(orjson.dumps(line) + b"\n" for line in (head, *(key.to_json() for key in self.all)))

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> Keys:
        """Return what the file says; raise KeyFileError, which names the line that is wrong and what to do."""
        lines = content.splitlines()
        head = _parsed(path, 1, lines[0] if lines else b"", _head)
        keys = [_parsed(path, number, line, Key.from_json) for number, line in enumerate(lines[1:], 2) if line.strip()]
        seen: set[str] = set()
        for key in keys:
            for unique in (key.public, *([key.name] if key.revoked is None else [])):
                if unique in seen:
                    raise KeyFileError(f"{path} has {unique!r} twice; remove one of the two lines")
                seen.add(unique)
        return cls(head, tuple(keys))


def _head(fields: Mapping[str, Any]) -> int:
    if fields.get("format") != FORMAT or type(fields.get("serial")) is not int:
        raise ValueError(f"it does not begin as a file of {FORMAT}")
    if fields.get("version") != VERSION:
        raise ValueError("it is of another version of memmux")
    serial: int = fields["serial"]
    return serial


def _parsed(path: Path, number: int, line: bytes, parse: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        fields = orjson.loads(line)
        if not isinstance(fields, dict):
            raise ValueError("it is no JSON object")  # noqa: TRY004, TRY301 - what was read is wrong, not a type
        return parse(fields)
    except (ValueError, MemmuxError) as error:
        what = error.message if isinstance(error, MemmuxError) else error
        raise KeyFileError(
            f"{path}, line {number}: {what}; correct the line, or remove it and make the key anew with `memmux key add`"
        ) from None


def read(places: Places) -> Keys:
    """Return the keys of the database; none if there is no file. Raises KeyFileError."""
    try:
        return Keys.from_bytes(secret_files.read(places.keys), places.keys)
    except FileNotFoundError:
        return Keys()


def refuse_taken(keys: Keys, name: str) -> None:
    """Raise KeyNameTakenError if a valid key has that name."""
    if any(key.name == name for key in keys.valid):
        raise KeyNameTakenError(
            f"there is a key {name!r}; choose another name, or revoke that one first with `memmux key revoke {name}`"
        )


def add(places: Places, grant: Grant, public: str, now: float) -> Keys:
    """Add a key; raise KeyNameTakenError if a valid one has its name."""
    check_name(grant.name)
    with _changing(places) as keys:
        refuse_taken(keys, grant.name)
        return _keep(places, (*keys.all, Key(grant=grant, public=public, created=now)), keys.serial + 1)


def revoke(places: Places, name: str, now: float) -> Keys:
    """Let the valid key of that name be valid no more; raise KeyNotFoundError if there is none."""
    read(places).named(name)  # before the lock: where there are no keys, none is left behind
    with _changing(places) as keys:
        meant = keys.named(name)
        ended = tuple(replace(key, revoked=now) if key is meant else key for key in keys.all)
        return _keep(places, ended, keys.serial + 1)


def pair(places: Places) -> KeyPair:
    """Return the pair by which clients know the cluster of this database; made when it is first needed."""
    try:
        return _read_pair(places.curve)
    except FileNotFoundError:
        pass
    with _locked(places):
        if not places.curve.exists():  # somebody else may have made it meanwhile
            made = KeyPair.make()
            secret_files.write(places.curve, orjson.dumps({"public": made.public, "secret": made.secret}) + b"\n")
        return _read_pair(places.curve)


def _read_pair(path: Path) -> KeyPair:
    try:
        fields = orjson.loads(secret_files.read(path))
        found = KeyPair(fields["public"], fields["secret"])
    except (ValueError, TypeError, KeyError):
        found = KeyPair("", "")
    if not is_key(found.public) or not is_key(found.secret):
        raise KeyFileError(
            f"{path} holds no key pair; put a copy of it back, or remove it and add every key anew: clients "
            "know the cluster by it"
        )
    return found


def _keep(places: Places, keys: tuple[Key, ...], serial: int) -> Keys:
    kept = Keys(serial, keys)
    secret_files.write(places.keys, kept.to_bytes())
    return kept


@contextmanager
def _changing(places: Places) -> Iterator[Keys]:
    """Yield the keys as they are, while nobody else changes them."""
    with _locked(places):
        yield read(places)


@contextmanager
def _locked(places: Places) -> Iterator[None]:
    """Hold the lock of the keys; waits for whoever has it, which is never long."""
    with open_lock(places.keys_lock) as lock:
        lock.wait()
        yield
