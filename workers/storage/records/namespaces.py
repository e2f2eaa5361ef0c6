"""Namespaces: which one a request means by a name, and what is said where there is none of that name.

Names are compared as tags are. A namespace is there while it has live memories. The exact spelling goes first, so that
two of before that differ only in case both stay within reach; else the one that is spelled otherwise is meant.

A key that is bound to namespaces names them exactly: another spelling could be another namespace, which is not its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from memmux.errors import ArgumentInvalidError, NotFoundError
from memmux.wire.requests import (
    DEFAULT_NAMESPACE,
    Changes,
    Delete,
    Duplicates,
    Forget,
    Get,
    Graph,
    History,
    List,
    Purge,
    Search,
    Store,
    StoreBatch,
    Superseded,
    Tags,
    Timeline,
    Update,
)
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import rows
from workers.storage.records.filters import normal
from workers.storage.records.rows import Named

_SQL = queries.load("namespaces")
BodyT = TypeVar("BodyT")
NAMED = 10  # namespaces that a note names


@dataclass(frozen=True, slots=True)
class Placed(Generic[BodyT]):
    """A request with the names of the namespaces that it means; notes: which of those that it names are not there."""

    asked: BodyT
    notes: tuple[str, ...] = ()

    def not_found(self, error: NotFoundError) -> NotFoundError:
        """Return what is said in place of `error`: that there is no such namespace, if that is why."""
        return NotFoundError("; ".join(self.notes)) if self.notes and not isinstance(error, rows.GoneError) else error


class Namespaces:
    """The namespaces that the transaction of a connection sees.

    among: the only ones that the client may know, which it names exactly; None for all.
    """

    def __init__(self, connection: Connection, among: Sequence[str] | None = None) -> None:
        self._connection = connection
        self._among = among
        self._live: list[str] | None = None
        self._there: dict[str, bool] = {}

    def place(self, asked: BodyT) -> Placed[BodyT]:
        """Return the request as it is meant.

        Raises NotFoundError, and ArgumentInvalidError where a memory may be in any namespace and is in several.
        """
        body: Any = asked
        named: Named = None
        meant, there = self._judges(asked)
        match asked:
            case Store():
                body = _moved(asked, self._meant(asked.namespace))
            case StoreBatch():
                body = replace(asked, memories=self._together(asked.memories))
            case List(as_of=int()):  # which namespaces there were then is not asked
                body = _filtered(asked, _all(self._past, asked.filter.namespace))
            case Search() | List() | Forget() | Timeline() | Duplicates() | Superseded():
                named = _all(meant, asked.filter.namespace)
                body = _filtered(asked, named)
            case Tags() | Changes():
                named = _all(meant, asked.namespace)
                body = replace(asked, namespace=named)
            case History() | Get(as_of=int()):
                place = asked.namespace
                one = self._past(place) if isinstance(place, str) else self._home(asked.id, place, past=True)
                body = replace(asked, namespace=one)
            case Get() | Delete() | Update() | Graph():
                named = _all(meant, asked.namespace)
                named = named if isinstance(named, str) else self._home(asked.id, named)
                body = replace(asked, namespace=named)
            case Purge():
                body = replace(asked, namespace=self._past(asked.namespace))
        return Placed(body, self._missing(named, there))

    def _judges(self, asked: object) -> tuple[Callable[[str], str], Callable[[str], bool]]:
        """Return what says which namespace a request means by a name, and whether that is there."""
        match asked:
            case List(deleted=True):
                return self._past, self._was_there
            case Timeline() | Changes():
                return self._ever, self._was_there
        return self._meant, self._is_there

    def _together(self, memories: Sequence[Store]) -> tuple[Store, ...]:
        """Return memories that are stored at once, those of one new namespace under its first spelling."""
        new: dict[str, str] = {}
        placed: list[Store] = []
        for memory in memories:
            name = self._meant(memory.namespace)
            if self._among is None and not self._is_there(name):
                name = new.setdefault(normal(name), name)
            placed.append(_moved(memory, name))
        return tuple(placed)

    def _meant(self, name: str) -> str:
        """Return the namespace that is meant by a name; the name itself where there is none."""
        if self._among is not None or self._is_there(name):
            return name
        alike = _alike(name, self._names())
        return max(alike, key=self._size) if len(alike) > 1 else next(iter(alike), name)

    def _past(self, name: str) -> str:
        """Return the namespace that is meant where deleted memories count, too."""
        if self._among is not None or self._was_there(name):
            return name
        return next(iter(_alike(name, [*self._names(), *self._gone()])), name)

    def _ever(self, name: str) -> str:
        """Return the namespace that is meant by a name where there is one; else as where deleted memories count."""
        meant = self._meant(name)
        return meant if self._is_there(meant) else self._past(name)

    def _missing(self, named: Named, there: Callable[[str], bool]) -> tuple[str, ...]:
        """Return a note for each of the namespaces that are named, and are not there."""
        names = (named,) if isinstance(named, str) else named or ()
        gone = [name for name in names if not there(name)]
        if not gone or (gone == [DEFAULT_NAMESPACE] and not self._names()):
            return ()
        known = self._names()
        more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
        others = f"there are {', '.join(map(repr, known[:NAMED]))}{more}" if known else "there is none yet"
        return tuple(f"no such namespace {name!r}; {others}" for name in gone)

    def _home(self, memory_id: str, named: tuple[str, ...] | None, *, past: bool = False) -> str:
        """Return the one of several namespaces, or of all, that a memory is in, or past: was in; see `rows.homes`."""
        connection = self._connection
        homes = rows.homes(connection, memory_id, named or self._names())
        if past or not homes:
            gone = rows.past_homes(connection, memory_id, named or self._among)
            for name in () if past else sorted(gone):
                rows.refuse_gone(connection, memory_id, name)
            homes |= gone if past else set()
        if not homes:
            where = "any namespace" if named is None else f"the namespaces {', '.join(named)}"
            raise NotFoundError(f"there is no memory {memory_id!r} in {where}; {rows.finding(memory_id)}")
        if len(homes) > 1:
            told = ", ".join(map(repr, sorted(homes)))
            raise ArgumentInvalidError(f"several namespaces have a memory {memory_id!r}: {told}; name one of them")
        return homes.pop()

    def _names(self) -> list[str]:
        """Return those that are there, and that the client may know, by name; found along an index, a step for each."""
        if self._live is None:
            found = [name for (name,) in self._connection.fetch(_SQL["live"])]
            self._live = [name for name in found if self._among is None or name in self._among]
        return self._live

    def _gone(self) -> list[str]:
        """Return those, to a client that may know all, in which there are deleted memories."""
        return [name for (name,) in self._connection.fetch(_SQL["deleted"])]

    def _is_there(self, name: str) -> bool:
        if (there := self._there.get(name)) is None:
            there = self._there[name] = bool(self._connection.value(_SQL["is_there"], {"namespace": name}))
        return there

    def _was_there(self, name: str) -> bool:
        return self._is_there(name) or bool(self._connection.value(_SQL["was_there"], {"namespace": name}))

    def _size(self, name: str) -> int:
        size: int = self._connection.value(_SQL["size"], {"namespace": name})
        return size


def _moved(memory: Store, name: str) -> Store:
    """Return what is stored in the namespace of that name; a copy, which is checked anew, only where it is another."""
    return memory if memory.namespace == name else replace(memory, namespace=name)


def _filtered(asked: Any, named: Named) -> Any:
    """Return a request for the memories of these namespaces; a copy only where they are others."""
    return asked if named == asked.filter.namespace else replace(asked, filter=replace(asked.filter, namespace=named))


def _all(meant: Callable[[str], str], named: Named) -> Named:
    """Return what is meant by each name, each once."""
    if isinstance(named, tuple):
        return tuple(dict.fromkeys(map(meant, named)))
    return None if named is None else meant(named)


def _alike(name: str, known: Sequence[str]) -> list[str]:
    """Return those of the names that are compared as equal to `name`."""
    folded = normal(name)
    return [other for other in known if normal(other) == folded]
