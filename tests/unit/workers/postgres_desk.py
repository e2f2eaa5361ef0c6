"""The desk whose database is on PostgreSQL: the same jobs, and the same questions to what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.workers.desk import Desk
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter


class PostgresDesk(Desk):
    """A writer and a reader of one database on a server; home: after which files of its own are named."""

    zero = ""

    def __init__(self, url: str, home: Path, *, most_vectors: int = 200_000, languages: tuple[str, ...] = ()) -> None:
        self.url = url
        super().__init__(home, most_vectors=most_vectors, languages=languages)

    def open(self, most_vectors: int, languages: tuple[str, ...]) -> None:
        """Open both sides of the engine."""
        home = self.settings.database
        self.engine = PostgresWriter(self.url, home, now=self.clock, languages=languages)
        self.questions = PostgresReader(self.url, home, most_vectors=most_vectors)

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run SQL on the writer's connection, outside of its transactions."""
        text = query.replace("%", "%%").replace("?", "%s") if values else query
        cursor = self.engine._connection.raw.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []  # type: ignore[no-any-return]

    def check(self) -> None:
        """Raise if any view has drifted from the rows."""
        live = self.sql("SELECT count(*) FROM memories WHERE deleted_at IS NULL")
        assert live == self.sql("SELECT value::bigint FROM meta WHERE key = 'memories'")
        assert self.sql("SELECT row FROM texts ORDER BY row") == self.sql(
            "SELECT row FROM memories WHERE deleted_at IS NULL ORDER BY row"
        )
        assert self.sql("SELECT DISTINCT row FROM postings EXCEPT SELECT row FROM texts") == []
        for model, memories, vectors in self.sql("SELECT id, memories, vectors FROM models"):
            found = self.sql("SELECT count(*), count(DISTINCT memory) FROM vectors WHERE model = ?", model)
            assert found == [(vectors, memories)]
