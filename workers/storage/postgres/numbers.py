"""Numbers: of new rows, handed out by the writer out of the counter row that its transaction has locked.

A sequence of PostgreSQL's leaves gaps, and its numbers become visible in another order; readers would miss rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

TABLES = ("changes", "memories", "vectors", "models")  # the columns of the counter row
READ = f"SELECT {', '.join(TABLES)} FROM counters FOR UPDATE"  # noqa: S608 - the names are ours
WRITE = f"UPDATE counters SET {', '.join(f'{name} = %({name})s' for name in TABLES)}"  # noqa: S608 - the same
PARAMETER = "number"  # of a query that inserts a row with one
_INTO = re.compile(r"INSERT INTO (\w+)")


def table(sql: str) -> str:
    """Return the table whose rows a statement numbers; empty if it numbers none."""
    return _INTO.match(sql)[1] if f"%({PARAMETER})s" in sql else ""  # type: ignore[index]  # it inserts then


@dataclass(slots=True)
class Numbers:
    """The newest number of each table, as the transaction has it."""

    newest: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, int] = field(default_factory=dict)  # as of the savepoint
    _before: dict[str, int] = field(default_factory=dict)  # as of the transaction's beginning

    def begin(self, row: tuple[int, ...]) -> None:
        """Begin with what the counter row has."""
        self.newest = dict(zip(TABLES, row, strict=True))
        self._before = dict(self.newest)

    @property
    def changed(self) -> bool:
        """Whether any were handed out in this transaction."""
        return self.newest != self._before

    def keep(self) -> None:
        """Remember them for a savepoint."""
        self._kept = dict(self.newest)

    def restore(self) -> None:
        """Take back those since the savepoint."""
        self.newest = dict(self._kept)

    def next(self, of: str) -> int:
        """Return the number that the next row of a table gets."""
        return self.newest[of] + 1

    def take(self, of: str, count: int = 1) -> int:
        """Return the next number of a table, the first of `count`."""
        first = self.newest[of] + 1
        self.newest[of] += count
        return first
