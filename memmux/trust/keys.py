"""Keys: which clients of other machines, and over HTTP, may come in, and what each may do; kept beside the database.

`<database>.keys` has a line of JSON for each key after one that says what it is, so that an error can name its line.
Without a key that has a token or expires it is of version 1, as before there were such keys; any other is of version 2,
of which an older memmux says that it is of another one, and lets nobody in. A revoked key stays, with the time, so that
the log can say whose it was. `<database>.curve` has the pair by which clients know the cluster. Both are for this user
alone, and are written whole or not at all.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import orjson

from memmux.config.paths import Places, open_lock
from memmux.errors import KeyFileError, KeyNameTakenError, KeyNotFoundError, KeyRefusedError, MemmuxError
from memmux.trust import secret_files, tokens
from memmux.trust.key import Key, check_name
from memmux.wire.curve import KeyPair, is_key
from memmux.wire.grants import BUILT_IN, Grant

FORMAT = "memmux-keys"
FIRST, VERSION = 1, 2
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one database. serial: counts the changes, so that it can be asked which of them a router knows."""

    serial: int = 0
    all: tuple[Key, ...] = ()
    _by_public: Mapping[str, Key] = field(init=False, repr=False, compare=False)
    _by_name: Mapping[str, Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_public", {key.public: key for key in self.all if key.public})
        ended_first = sorted(self.all, key=lambda key: key.revoked is None)
        object.__setattr__(self, "_by_name", {key.name: key for key in ended_first})

    def find(self, public: str) -> Key | None:
        """Return the key of a client with that CURVE key, also if it is valid no more."""
        return self._by_public.get(public)

    def of_token(self, token: str) -> Key | None:
        """Return the key with that token, also if it is valid no more; how long that takes tells nothing about any."""
        digest, found = tokens.digest(token), None
        for key in self.all:
            if key.token and hmac.compare_digest(key.token, digest):
                found = key
        return found

    def grant(self, public: str, now: float) -> Grant | None:
        """Return what a client may do now, in seconds since 1970; None if nothing."""
        key = self._by_public.get(public)
        return None if key is None or key.why_not(now) else key.grant

    def grant_of(self, name: str, now: float) -> Grant:
        """Return what the key of that name allows now; raise KeyRefusedError, which says why it allows nothing."""
        if name in BUILT_IN:
            return BUILT_IN[name]
        key = self._by_name.get(name)
        why = "unknown" if key is None else key.why_not(now)
        if key is None or why:
            raise KeyRefusedError(f"the key {name!r} is {why}; `memmux key list` shows those there are")
        return key.grant

    def valid(self, now: float) -> tuple[Key, ...]:
        """Return those by which somebody may come in now."""
        return tuple(key for key in self.all if not key.why_not(now))

    @property
    def standing(self) -> tuple[Key, ...]:
        """Those that are not revoked, which have their names alone; some may have expired."""
        return tuple(key for key in self.all if key.revoked is None)

    def named(self, name: str) -> Key:
        """Return the key of that name that is not revoked; raise KeyNotFoundError."""
        found = next((key for key in self.standing if key.name == name), None)
        if found is None:
            known = ", ".join(sorted(key.name for key in self.standing)) or "none"
            raise KeyNotFoundError(f"there is no valid key {name!r}; valid are: {known}")
        return found

    def to_bytes(self) -> bytes:
        """Return the file."""
        newer = any(key.token or key.expires is not None for key in self.all)
        head = {"format": FORMAT, "version": VERSION if newer else FIRST, "serial": self.serial}
        return b"".join(orjson.dumps(line) + b"\n" for line in (head, *(key.to_json() for key in self.all)))

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> Keys:
        """Return what the file says; raise KeyFileError, which names the line that is wrong and what to do."""
        lines = content.splitlines()
        head = _parsed(path, 1, lines[0] if lines else b"", _head)
        keys = [_parsed(path, number, line, Key.from_json) for number, line in enumerate(lines[1:], 2) if line.strip()]
        seen: set[str] = set()
        for key in keys:
            for unique in (key.secret_of, *([key.name] if key.revoked is None else [])):
                if unique in seen:
                    raise KeyFileError(f"{path} has {unique!r} twice; remove one of the two lines")
                seen.add(unique)
        return cls(head, tuple(keys))


def _head(fields: Mapping[str, Any]) -> int:
    if fields.get("format") != FORMAT or type(fields.get("serial")) is not int:
        raise ValueError(f"it does not begin as a file of {FORMAT}")
    if fields.get("version") not in (FIRST, VERSION):
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
    """Raise KeyNameTakenError if a key that is not revoked has that name, or the cluster itself."""
    if name in BUILT_IN:
        raise KeyNameTakenError(f"{name!r} is a name of the cluster's own; choose another name")
    if any(key.name == name for key in keys.standing):
        raise KeyNameTakenError(
            f"there is a key {name!r}; choose another name, or revoke that one first with `memmux key revoke {name}`"
        )


def add(places: Places, key: Key) -> Keys:
    """Add a key; raise KeyNameTakenError if one that is not revoked has its name."""
    check_name(key.name)
    with _changing(places) as keys:
        refuse_taken(keys, key.name)
        return _keep(places, (*keys.all, key), keys.serial + 1)


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
