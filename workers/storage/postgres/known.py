"""What is known: rows that a writer has read or written, and need not ask for again.

It holds from one transaction to the next as long as no other writer was in between, which the counter row tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workers.storage.connection import Query, Values

Rows = list[tuple[Any, ...]]

_ANSWERED, _SAME_CONTENT = Query("writer", "answered"), Query("writer", "same_content")
_IS_THERE, _RUN = Query("namespaces", "is_there"), Query("threads", "run")
_HAS, _MEMORIES = Query("vectors", "has"), Query("vectors", "memories")
_MODELS = {Query("vectors", name) for name in ("model", "current", "coming", "others")}
_KEPT = {_ANSWERED, _SAME_CONTENT, _IS_THERE, _RUN, _HAS, _MEMORIES, *_MODELS}
_KEPT |= {Query("vectors", "source"), Query("audits", "count"), Query("fulltext", "version")}
_ASIDE = {
    Query("writer", "insert_tag"),
    Query("writer", "insert_memory_tag"),
    Query("writer", "put_health_check"),
    Query("links", "add_alias"),
    Query("links", "use"),
    Query("links", "put_uses"),
    Query("postings", "add"),
    Query("postings", "add_texts"),
}
"""What changes nothing that is kept here."""

_MOST = 10_000  # answers that are kept to one question

Key = tuple[tuple[str, object], ...]
Stored = tuple[int, str, str]
"""Row, client and namespace of the memory that a client stored last."""


class Known:
    """The answers to questions that a writer asks of each job."""

    def __init__(self) -> None:
        self._answers: dict[Query, dict[Key, Rows]] = {query: {} for query in _KEPT}
        self._stored: dict[int, Values] = {}  # memories that are new in the transaction
        self.fresh: list[tuple[int, str, str]] | None = []
        """Row, hash and content of the memories that are new; None if others may have changed, too."""

    def begin(self) -> None:
        """Begin a transaction."""
        self._stored.clear()
        self.fresh = []
        for answers in self._answers.values():
            if len(answers) > _MOST:
                answers.clear()

    def clear(self) -> None:
        """Know nothing any more."""
        for answers in self._answers.values():
            answers.clear()
        self._stored.clear()
        self.fresh = None

    def get(self, query: Query, values: Values) -> Rows | None:
        """Return the rows of a query, if they are known."""
        answers = self._answers.get(query)
        return answers.get(_key(values)) if answers else None

    def put(self, query: Query, values: Values, rows: Rows) -> None:
        """Keep the rows of a query."""
        if (answers := self._answers.get(query)) is not None:
            answers[_key(values)] = rows

    def looked(
        self, keys: Sequence[str], contents: Sequence[tuple[str, str]], found: Iterable[tuple[Any, ...]]
    ) -> None:
        """Keep what `ahead` in together.sql found of keys and contents, and that of the others there is nothing."""
        answered: dict[str, Rows] = {}
        same: dict[tuple[str, str], Rows] = {}
        for name, content_hash, row, memory_id, fingerprint, answer in found:
            if content_hash is None:
                answered[name] = [(fingerprint, answer)]
            else:
                same[name, content_hash] = [(row, memory_id)]
        for key in keys:
            self.put(_ANSWERED, {"key": key}, answered.get(key, []))
        for place, content_hash in contents:
            asked = {"namespace": place, "content_hash": content_hash}
            self.put(_SAME_CONTENT, asked, same.get((place, content_hash), []))

    def unknown_runs(self, stored: Iterable[Stored]) -> list[Stored]:
        """Return those of which it is not known which run they belong to."""
        return [one for one in stored if self.get(_RUN, _asked(one)) is None]

    def runs(self, stored: Iterable[Stored], found: Iterable[tuple[int, str, int, float]]) -> None:
        """Keep what `runs` in together.sql found of memories."""
        there = {(row, client): [(run, at)] for row, client, run, at in found}
        for one in stored:
            self.put(_RUN, _asked(one), there.get(one[:2], []))

    def changed(self, query: Query, values: Values, number: int) -> None:
        """Take in what a change does; number: of the row that is new."""
        match query.name:
            case "insert_memory":
                self._memory(values, number)
            case "insert_change" if values["before"] is None and values["row"] in self._stored:
                self._first(values)
            case "insert_answer":
                self.put(_ANSWERED, {"key": values["key"]}, [(values["fingerprint"], values["answer"])])
            case "insert" if query.file == "vectors":
                self._vector(values)
            case "insert_change":
                pass
            case _ if query not in _ASIDE:
                self.clear()

    def _memory(self, values: Values, row: int) -> None:
        namespace, digest = values["namespace"], values["content_hash"]
        self._stored[row] = values
        if self.fresh is not None:
            self.fresh.append((row, str(digest), str(values["content"])))
        self.put(_SAME_CONTENT, {"namespace": namespace, "content_hash": digest}, [(row, values["id"])])
        self.put(_IS_THERE, {"namespace": namespace}, [(True,)])
        for answer in self._of((_MEMORIES,)):
            answer[:] = [(count + 1,) for (count,) in answer]

    def _first(self, values: Values) -> None:
        """Take in the first change of a memory, which says whose it is."""
        row, memory = values["row"], self._stored[int(str(values["row"]))]
        if memory["thread"] is None:
            run = row if memory["run"] is None else memory["run"]
            asked = {"row": row, "client": values["client"], "namespace": memory["namespace"]}
            self.put(_RUN, asked, [(run, memory["at"])])

    def _vector(self, values: Values) -> None:
        model, first = values["model"], values["window"] == 0
        self.put(_HAS, {"memory": values["memory"], "model": model}, [(True,)])
        for answer in self._of(_MODELS):
            answer[:] = [
                (found, name, dimensions, memories + first, vectors + 1)
                if found == model
                else (found, name, dimensions, memories, vectors)
                for found, name, dimensions, memories, vectors in answer
            ]

    def _of(self, kinds: Iterable[Query]) -> Sequence[Rows]:
        return [rows for kind in kinds for rows in self._answers[kind].values()]


def _key(values: Values) -> Key:
    return tuple(sorted(values.items()))


def _asked(stored: Stored) -> Values:
    """Return the values of the question which run a memory belongs to."""
    return dict(zip(("row", "client", "namespace"), stored, strict=True))
