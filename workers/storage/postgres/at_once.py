"""At once: questions that are asked in one statement, as what takes time is each message, and not what it asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from workers.storage.connection import Query, Values
from workers.storage.postgres import queries

Row = tuple[Any, ...]
_THERE = "there"  # the column before those of each question


@dataclass(slots=True)
class _Question:
    """A question, with the values that it had last, and what came of it: no row or one; None if that is not known."""

    values: Values
    rows: list[Row] | None = None


class AtOnce:
    """Questions with one row at most, each asked with the values that it had last: so it is mostly asked again.

    Their values have names of their own, and are None before they are first asked.
    """

    def __init__(self, *asked: Query) -> None:
        texts = [queries.text(query) for query in asked]
        self._questions = {
            query: _Question(dict.fromkeys(queries.ASKED.findall(sql))) for query, sql in zip(asked, texts, strict=True)
        }
        joined = "\n".join(
            f"LEFT JOIN (SELECT true AS {_THERE}, q.* FROM (\n{sql}\n) AS q) AS q{number} ON true"  # noqa: S608 - ours
            for number, sql in enumerate(texts)
        )
        columns = ", ".join(f"q{number}.*" for number in range(len(texts)))
        self._places: list[tuple[int, int]] = []  # of the columns of each, once they are known
        self.sql = f"SELECT {columns}\nFROM (SELECT 1) AS one\n{joined}"

    @property
    def values(self) -> Values:
        """The values of the statement."""
        return {name: value for question in self._questions.values() for name, value in question.values.items()}

    def expect(self, query: Query, values: Values) -> None:
        """Ask one of them, if it is, with these values from now on, which the server has taken before."""
        question = self._questions.get(query)
        if question is not None and question.values != values:
            question.values, question.rows = values, None

    def answered(self, cursor: psycopg.Cursor[Row]) -> None:
        """Take in what the statement gave."""
        row = cursor.fetchone()
        assert row is not None
        if not self._places:
            names = [column.name for column in cursor.description or ()]
            starts = [place for place, name in enumerate(names) if name == _THERE]
            self._places = list(zip(starts, [*starts[1:], len(names)], strict=True))
        for question, (start, end) in zip(self._questions.values(), self._places, strict=True):
            question.rows = [row[start + 1 : end]] if row[start] else []

    def get(self, query: Query, values: Values) -> list[Row] | None:
        """Return the rows of a question, if they are known."""
        question = self._questions.get(query)
        return question.rows if question is not None and question.values == values else None

    def forget(self) -> None:
        """Know no answer any more."""
        for question in self._questions.values():
            question.rows = None
