"""Numbers: of new rows, handed out by the writer out of the counter row that its transaction has locked.

A sequence of PostgreSQL's leaves gaps, and its numbers become visible in another order; readers would miss rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

TABLES = ("changes", "memories", "vectors", "models")  # the columns of the counter row
READ = f"SELECT {', '.join(TABLES)}, writes FROM counters FOR UPDATE"  # noqa: S608 - the names are ours
WRITE = f"UPDATE counters SET {', '.join(f'{name} = %({name})s' for name in (*TABLES, 'writes'))}"  # noqa: S608 - the same
PARAMETER = "number"  # of a query that inserts a row with one
_INTO = re.compile(r"INSERT INTO (\w+)")


@cache
def table(sql: str) -> str:
    """Return the table whose rows a statement numbers; empty if it numbers none."""
    found = _INTO.match(sql) if f"%({PARAMETER})s" in sql else None
    return found[1] if found else ""


@dataclass(slots=True)
class Numbers:
    """The newest number of each table, as the transaction has it."""

    newest: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, int] = field(default_factory=dict)  # as of the savepoint

    def begin(self, row: Sequence[int]) -> None:
        """Begin with what the counter row has."""
        self.newest = dict(zip(TABLES, row, strict=True))

    def keep(self) -> None:
        """Remember them for a savepoint."""
        self._kept = dict(self.newest)

    def restore(self) -> None:
        """Take back those since the savepoint."""
        self.newest = dict(self._kept)

    def take(self, of: str) -> int:
        """Return the next number of a table."""
        self.newest[of] += 1
        return self.newest[of]
