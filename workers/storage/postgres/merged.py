"""Merging: statements that only change rows become one, as each that is sent costs both sides as much as several rows.

All parts of such a statement see the tables as they were before it; triggers and references have their turn after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from workers.storage.connection import Values
from workers.storage.postgres.queries import ASKED

Statement = tuple[str, Values]


def merged(statements: Sequence[Statement]) -> Statement:
    """Return one statement that does what all of these do, of which none needs what another one inserts."""
    if len(statements) == 1:
        return statements[0]
    values = {f"{name}_{place}": value for place, (_, given) in enumerate(statements) for name, value in given.items()}
    return _text(tuple(sql for sql, _ in statements)), values


@cache
def _text(statements: tuple[str, ...]) -> str:
    """Return the text of a merged statement, in which the names of values have the place of theirs behind them."""
    *parts, last = (ASKED.sub(rf"%(\1_{place})s", sql) for place, sql in enumerate(statements))
    before = ",\n".join(f"part_{place} AS (\n{sql}\n)" for place, sql in enumerate(parts))
    return f"WITH {before}\n{last}"
