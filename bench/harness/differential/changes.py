"""Random jobs that write."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import orjson

from bench.harness.differential.side import Asked, Side
from bench.harness.differential.values import DIMENSIONS, MODELS, NAMESPACES, TAGS, TYPES, Values
from workers.runtime.jobs import Job


class Changes:
    """Jobs that write, by chance; dumped: memories of the latest dump; some are loaded again."""

    def __init__(self, values: Values, sides: tuple[Side, Side]) -> None:
        self.dumped: list[Any] = []
        self._values = values
        self._chance = values.chance
        self._sides = sides

    def change(self) -> tuple[Asked, str]:
        """Return a job that writes, and its idempotency key or none."""
        makers: dict[Callable[[], Asked], int] = {
            self._store: 8,
            self._batch: 2,
            self._store_similar: 1,
            self._update: 3,
            self._rewrite: 3,
            self._delete: 3,
            self._forget: 1,
            self._use: 1,
            self._undo: 3,
            self._purge: 2,
            self._load: 2,
            self._backfill: 2,
            self._health: 1,
        }
        (make,) = self._chance.choices(list(makers), list(makers.values()))
        asked, key = make(), self._chance.choice(("", "", f"key{self._chance.randrange(50)}"))
        return asked, key

    def _store(self) -> Asked:
        memory = self._values.memory()
        return "memory.store", memory, self._values.vectors([memory["content"]])

    def _batch(self) -> Asked:
        memories = [self._values.memory() for _ in range(self._chance.randrange(1, 5))]
        return "memory.store_batch", {"memories": memories}, self._values.vectors([one["content"] for one in memories])

    def _store_similar(self) -> Asked:
        memory = self._values.memory()
        return "memory.store_similar", memory, (*self._values.vectors([memory["content"]]), b"[]")

    def _update(self) -> Asked:
        body: dict[str, Any] = {"id": self._values.id(), "namespace": self._values.place()}
        if self._chance.random() < 0.6:
            body["tags"] = self._values.some(TAGS)
        if self._chance.random() < 0.5:
            body["type"] = self._chance.choice(TYPES[1:])
        if self._chance.random() < 0.6 or len(body) == 2:
            body["metadata"] = {**self._values.metadata(), "a": self._chance.choice((None, 1, "x"))}
        return "memory.update", body, ()

    def _rewrite(self) -> Asked:
        body = {
            "id": self._values.id(),
            "namespace": self._values.place(),
            "content": self._values.content(),
            "versioned": self._chance.random() < 0.5,
        }
        return "memory.rewrite", body, self._values.vectors([body["content"]])

    def _delete(self) -> Asked:
        return "memory.delete", {"id": self._values.id(), "namespace": self._values.place()}, ()

    def _forget(self) -> Asked:
        asked = {**self._values.filter(), "tags": self._values.some(TAGS)[:1] or ["x"]}
        return "memory.forget", {"filter": asked, "dry_run": self._chance.random() < 0.5}, ()

    def _use(self) -> Asked:
        return "memory.use", {"ids": [self._values.id() for _ in range(3)]}, ()

    def _undo(self) -> Asked:
        return "memory.undo", {"seq": self._values.seq(recent=True)}, ()

    def _purge(self) -> Asked:
        if self._chance.random() < 0.7:
            return "memory.purge", {"id": self._values.id(), "namespace": self._chance.choice(NAMESPACES)}, ()
        return (
            "memory.purge",
            {"before": self._values.clock.at - 20_000, "namespace": self._chance.choice(NAMESPACES)},
            (),
        )

    def _load(self) -> Asked:
        lines = []
        for one in self._chance.sample(self.dumped, min(3, len(self.dumped))):
            line = dict(one)
            if self._chance.random() < 0.5:
                line = {
                    **line,
                    "id": self._values.uuid(),
                    "content": self._values.content(),
                    "namespace": "other place",
                }
                line.pop("content_hash", None)
                line.pop("aliases", None)
            if self._chance.random() < 0.3:
                line["links"] = [
                    {"target": self._values.id(), "relation": self._chance.choice(("related", "caused by"))}
                ]
                line["origin"] = {"last_accessed": self._values.clock.at - 100.5, "rating": 0.5}
            lines.append(line)
        adopt = self._chance.random() < 0.6
        return "memory.load", {"memories": [*lines, {"id": "broken"}], "adopt": adopt, "newest": adopt}, ()

    def _backfill(self) -> Asked:
        model = self._chance.choice(MODELS)
        asked = {"model": model, "dimensions": DIMENSIONS, "limit": 8, "source": model, "beside": MODELS[0]}
        job = Job(self._values.uuid(), "vectors.backfill", (orjson.dumps(asked),), "", "test", math.inf, 1, ())
        (found,), _ = (side.do([job]) for side in self._sides)
        waiting = found[0][0]
        texts = [memory["content"] for memory in waiting["memories"]]
        return "vectors.backfill", asked, (waiting, *self._values.made(texts, model))

    def _health(self) -> Asked:
        return "health.write", {"id": self._values.uuid()}, ()
