"""The objects of the schema: tables, indexes, views and triggers, compared with those that the migrations make.

A file that somebody else had in hand may bring its own. A trigger changes rows without a line in the change log, a view
in the place of ours may be endless. Nothing of the file is evaluated to find that out.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import apsw

from memmux.errors import DatabaseAlteredError
from workers.storage.sqlite import engine, queries, schema

_SQL = queries.load("check")
_VECTORS = re.compile(r"(vec_\d+)(_\w+)?")  # the tables that each model has, and those that sqlite-vec makes for them
_HARMLESS = ("table", "index")  # of another program, as long as nothing of ours refers to them or is referred to
_NAMED = 3  # objects that an error names


@dataclass(frozen=True, slots=True)
class _Object:
    """One object; table: which it belongs to. sql: with single spaces."""

    kind: str
    name: str
    table: str
    sql: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Differences:
    """The objects that are not as they should be, as "trigger NAME".

    foreign: that memmux did not make. changed: whose definition is another one. missing: that are not there. later:
    that only a later version of the schema has than the database says it has.
    """

    foreign: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


def compare(connection: apsw.Connection) -> Differences:
    """Return how the schema differs from that of its version; one of a later memmux is not known, and is not compared.

    Tables of another program, and indexes of them, are none of ours.
    """
    version, newest = connection.pragma("user_version"), max(schema.migrations())
    if version > newest:
        return Differences()
    wanted, known = _made(version), _made(newest)
    found = {(one.kind, one.name): one for one in _objects(connection)}
    others = {one.name for one in found.values() if _is_of_another(one, wanted)}
    foreign = [
        str(one)
        for key, one in found.items()
        if key not in wanted
        and key not in known
        and not (one.kind in _HARMLESS and one.table in others)
        and not _is_of_vectors(one, found)
    ]
    later = [str(one) for key, one in found.items() if key not in wanted and key in known]
    changed = [str(one) for key, one in wanted.items() if key in found and found[key].sql != one.sql]
    missing = [str(one) for key, one in wanted.items() if key not in found]
    return Differences(*(tuple(sorted(names)) for names in (foreign, changed, missing, later)))


def refuse_altered(connection: apsw.Connection, name: object) -> None:
    """Raise DatabaseAlteredError if the database has objects of others, or one of ours with another definition.

    name: what the database is called in the error.
    """
    differences = compare(connection)
    if differences.later:
        version = connection.pragma("user_version")
        raise DatabaseAlteredError(
            f"{name} says that its schema has version {version}, and has what only a later one has "
            f"({differences.later[0]}): its user_version was changed; restore a backup"
        )
    if not (altered := (*differences.foreign, *differences.changed)):
        return
    more = f" and {len(altered) - _NAMED} more" if len(altered) > _NAMED else ""
    if not differences.changed:
        drops = "; ".join('DROP {} "{}"'.format(*one.split(" ", 1)) for one in altered[:_NAMED])
        remedy = f"if nobody needs them, `sqlite3 FILE` and {drops}; or restore a backup"
    else:
        remedy = "restore a backup"
    raise DatabaseAlteredError(f"{name} has what memmux did not make: {', '.join(altered[:_NAMED])}{more}; {remedy}")


@lru_cache
def _made(version: int) -> MappingProxyType[tuple[str, str], _Object]:
    """Return what the migrations up to `version` make."""
    with closing(apsw.Connection(":memory:")) as fresh:
        engine.load_vectors(fresh)
        for step, script in sorted(schema.migrations().items()):
            if step <= version:
                fresh.execute(script)
        return MappingProxyType({(one.kind, one.name): one for one in _objects(fresh)})


def _objects(connection: apsw.Connection) -> list[_Object]:
    rows = engine.fetch(connection, _SQL["schema"])
    return [_Object(kind, name, table, " ".join(sql.split())) for kind, name, table, sql in rows]


def _is_of_another(one: _Object, wanted: MappingProxyType[tuple[str, str], _Object]) -> bool:
    """Return whether it is an ordinary table that has nothing to do with ours."""
    virtual = one.sql.upper().startswith("CREATE VIRTUAL")
    return one.kind == "table" and (one.kind, one.name) not in wanted and not virtual and not _refers(one)


def _refers(one: _Object) -> bool:
    """Return whether a table may refer to another one, which then can't lose rows, or is changed with it."""
    return "REFERENCES" in one.sql.upper()


def _is_of_vectors(one: _Object, found: dict[tuple[str, str], _Object]) -> bool:
    """Return whether it is a table of vec0, or one of those in which it keeps its own."""
    if one.kind != "table" or (parts := _VECTORS.fullmatch(one.name)) is None:
        return False
    whole = found.get(("table", parts[1]))
    return whole is not None and whole.sql.upper().startswith(f"CREATE VIRTUAL TABLE {parts[1].upper()} USING VEC0")
