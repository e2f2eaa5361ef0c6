"""The objects of the schema, columns, indexes, triggers and others, compared with what migrations make.

They are made anew beside, in a schema of their own, inside a transaction that is rolled back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from workers.storage.postgres import queries, schema
from workers.storage.postgres.engine import Raw
from workers.storage.records.invariants import Finding

_SQL = queries.load("checks")


_IN_PLACE = ("function", "persistence", "row level security")  # whose definition takes the place of another


@dataclass(frozen=True, slots=True)
class _Object:
    """One object; definition: by which PostgreSQL makes it. state: what is wrong with it, if anything is."""

    kind: str
    table: str
    name: str
    definition: str
    state: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.table, self.name

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name, f"of {self.table}" if self.table else "")))

    def drop(self) -> str:
        """Return what takes it away."""
        match self.kind:
            case "constraint":
                return f"ALTER TABLE {self.table} DROP CONSTRAINT {self.name}"
            case "trigger" | "rule":
                return f"DROP {self.kind.upper()} {self.name} ON {self.table}"
            case _:
                return f"DROP {self.kind.upper()} {self.name}"

    def make(self, *, there: bool) -> str:
        """Return what makes it; there: in the place of another definition."""
        definition = self.definition
        if self.kind == "constraint":
            definition = f"ALTER TABLE {self.table} ADD CONSTRAINT {self.name} {definition}"
        return f"{self.drop()}; {definition}" if there and self.kind not in _IN_PLACE else definition

    @property
    def acts(self) -> bool:
        """Whether it changes or refuses what others write, and so what memmux does."""
        return self.kind in ("trigger", "rule", "constraint") or self.definition.startswith("CREATE UNIQUE")

    def mend(self) -> str:
        """Return what ends its state."""
        return (
            f"ALTER TABLE {self.table} ENABLE TRIGGER {self.name}"
            if self.kind == "trigger"
            else f"REINDEX INDEX {self.name}"
        )


def compare(raw: Raw, restore: str) -> Iterator[Finding]:
    """Yield how the schema of a connection differs from that of its version; what others added to it is none of ours.

    restore: the remedy where no statement helps.
    """
    scripts = schema.migrations()
    version = schema.refuse_unknown(raw, scripts)
    ((place, _, _),) = raw.execute(_SQL["place"].encode()).fetchall()
    found = _objects(raw, place)
    wanted = _made(raw, {step: script for step, script in scripts.items() if step <= version})
    tables = {table for _, table, _ in wanted}
    missing = {table for table in tables if table} - {table for _, table, _ in found}
    for table in sorted(missing):
        yield Finding("schema_wrong", f"the table {table} is missing", restore)
    for key, one in wanted.items():
        if one.table in missing:
            continue
        other = found.get(key)
        if other is not None and other.definition == one.definition:
            if other.state:
                yield Finding("schema_wrong", f"the {one} {other.state}", _run(other.mend()))
            continue
        what = f"the {one} " + ("is missing" if other is None else "is not what this memmux makes")
        remedy = restore if one.kind == "column" else _run(one.make(there=other is not None))
        yield Finding("schema_wrong", what, remedy)
    for key, one in found.items():
        # A trigger changes rows without a line in the change log; one of a later memmux is meant to.
        if one.acts and one.table in tables and key not in wanted and version <= max(scripts):
            yield Finding("schema_foreign", f"memmux did not make the {one}", _run(one.drop()))


def _run(statement: str) -> str:
    return f"run in psql, as the owner of the database: {statement};"


def _objects(raw: Raw, place: str) -> dict[tuple[str, str, str], _Object]:
    rows = raw.execute(_SQL["objects"].encode(), {"schema": place}).fetchall()
    return {one.key: one for one in (_object(*row) for row in rows)}


def _object(kind: str, table: str, name: str, definition: str, state: str) -> _Object:
    return _Object(kind, table, name, " ".join(definition.split()), state)


def _made(raw: Raw, scripts: schema.Migrations) -> dict[tuple[str, str, str], _Object]:
    """Return what the migrations make, of which nothing stays."""
    place = f"memmux_check_{os.getpid()}"
    with raw.transaction(force_rollback=True):
        raw.execute("SET TRANSACTION READ WRITE")
        raw.execute(f"CREATE SCHEMA {place}".encode())
        raw.execute(f"SET LOCAL search_path = {place}".encode())
        for _, script in sorted(scripts.items()):
            raw.execute(script.encode())
        return _objects(raw, place)
