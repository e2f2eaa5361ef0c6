"""Random jobs that ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.harness.differential.side import Asked
from bench.harness.differential.values import DIMENSIONS, MODELS, NAMESPACES, WORDS, Values


class Questions:
    """Jobs that ask, by chance."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._chance = values.chance

    def questions(self) -> Iterator[Asked]:
        """Yield jobs that ask, some of them the same at each step; each is made when it is due."""
        makers = (
            self._search,
            self._search,
            self._match,
            self._list,
            self._list_deleted,
            self._get,
            self._history,
            self._changes,
            self._tags,
            self._timeline,
            self._graph,
            self._duplicates,
            self._superseded,
            self._dump,
            self._unindexed,
        )
        yield "memory.namespaces", {}, ()
        yield "admin.verify", {}, ()
        yield "memory.dump", {"vectors": self._chance.random() < 0.3, "limit": 64}, ()
        for make in self._chance.sample(makers, 6):
            yield make()

    def _search(self) -> Asked:
        mode = self._chance.choice(("hybrid", "hybrid", "semantic", "ranked", "keyword"))
        body: dict[str, Any] = {
            "query": self._values.content(4),
            "mode": mode,
            "limit": self._chance.choice((3, 10, 50)),
            "why": self._chance.random() < 0.5,
            "context": self._chance.choice((0, 2)),
            "filter": self._values.filter(),
        }
        if self._chance.random() < 0.2:
            body["min_similarity"] = 0.1
        if self._chance.random() < 0.2:
            body["only_relevant"] = True
        return "memory.search", body, self._values.made([body["query"]], self._chance.choice(MODELS[:1] * 4 + MODELS))

    def _match(self) -> Asked:
        mode = self._chance.choice(("keyword", "exact"))
        query = self._chance.choice((self._values.content(3), *WORDS, "back", "STRASSE", "zürich"))
        return "memory.match", {"query": query, "mode": mode, "filter": self._values.filter(), "limit": 20}, ()

    def _list(self) -> Asked:
        body = {"filter": self._values.filter(), "limit": 7, "offset": self._chance.choice((0, 0, 5))}
        if self._chance.random() < 0.3:
            body["unused_since"] = self._values.clock.at - 5_000
        if self._chance.random() < 0.3:
            body["client"] = self._chance.choice(("AN", "bob", "key"))
        if self._chance.random() < 0.3:
            body = {"as_of": self._values.seq(), "filter": {"namespace": self._chance.choice((None, *NAMESPACES))}}
        return "memory.list", body, ()

    def _list_deleted(self) -> Asked:
        return "memory.list", {"deleted": True, "filter": {"namespace": self._values.place()}}, ()

    def _get(self) -> Asked:
        body = {"id": self._values.id(), "namespace": self._values.place()}
        return "memory.get", {**body, **({"as_of": self._values.seq()} if self._chance.random() < 0.4 else {})}, ()

    def _history(self) -> Asked:
        return "memory.history", {"id": self._values.id(), "namespace": self._values.place()}, ()

    def _changes(self) -> Asked:
        body = {
            "after": self._values.seq(),
            "limit": 20,
            "newest": self._chance.random() < 0.5,
            "texts": self._chance.random() < 0.5,
            "namespace": self._values.place(),
        }
        if self._chance.random() < 0.3:
            body["client"] = "ANN"
        if self._chance.random() < 0.3:
            body["operations"] = ["memory.store", "memory.delete"]
        return "memory.changes", body, ()

    def _tags(self) -> Asked:
        return "memory.tags", {"namespace": self._values.place()}, ()

    def _timeline(self) -> Asked:
        by = self._chance.choice(("client", "tag", "type", "namespace"))
        return (
            "memory.timeline",
            {"by": by, "zone": "Europe/Berlin", "filter": self._values.filter(superseded=False)},
            (),
        )

    def _graph(self) -> Asked:
        return "memory.graph", {"id": self._values.id(), "namespace": self._chance.choice(NAMESPACES)}, ()

    def _duplicates(self) -> Asked:
        return "memory.duplicates", {"least": 0.7, "filter": {"namespace": self._values.place()}}, ()

    def _superseded(self) -> Asked:
        return "memory.superseded", {"filter": {"namespace": self._values.place()}}, ()

    def _dump(self) -> Asked:
        return "memory.dump", {"after": self._chance.randrange(40), "limit": 5, "vectors": True}, ()

    def _unindexed(self) -> Asked:
        skip = self._chance.randrange(3)
        asked = {"model": self._chance.choice(MODELS), "dimensions": DIMENSIONS, "limit": 8, "skip": skip}
        return "vectors.backfill", asked, ()
