"""Random values for jobs: ids, texts, filters, vectors."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from bench.harness.differential.clock import Moving
from bench.harness.differential.side import Side
from memmux.wire.embeddings import Embedding

DIMENSIONS = 8
MODELS = ("tiny", "other")
WORDS = [
    "backup", "database", "nightly", "Zürich", "Straße", "fox", "foxes", "quick", "brown", "river", "bank", "C++",
    "AT&T", "e-mail", "user_name", "getUserInfo", "v1.2.3", "10.0.0.5", "nginx", "重启nginx服务", "Резервное",
    "копирование", "ёлка", "don't", "Ada's", "İstanbul", "cafe", "café", "2026-11-28", "what", "why", "when",
    "decided", "prefers", "coffee", "tea", "meeting", "Monday", "deadline", "error", "E1234", "timeout", "fix",
    "plan", "road", "map", "release", "note", "x", "y", "z",
]  # fmt: skip
TAGS = ("work", "Work", "home", "ÉTÉ", "été", "a b", "x", "project:one")
TYPES = (None, "note", "decision", "fact")
NAMESPACES = ("default", "default", "default", "Team", "team", "other place")
CLIENTS = ("ann", "Ann's editor", "bob", "key/bob")
_THREADS = (None, None, None, "talk", "talk", "book")
_KEYS = ("a", "b", "nested", "source", "chunk", "conversation_id", "ключ")


class Values:
    """Values by chance; ids and numbers of changes are those that one side knows, and times are by its clock."""

    def __init__(self, chance: random.Random, side: Side, clock: Moving) -> None:
        self.chance = chance
        self.clock = clock
        self._side = side
        self._number = 0
        self._contents: list[str] = []

    def uuid(self) -> str:
        self._number += 1
        return f"0197{self._number:04x}-0000-7000-8000-{self.chance.randrange(1 << 48):012x}"

    def id(self) -> str:
        """Return the name of an id that was seen, an alias, or one that nobody has."""
        names = list(self._side.names.values())
        if not names or self.chance.random() < 0.08:
            return self.chance.choice(("alias1", "alias2", "nobody", self.uuid()))
        return self.chance.choice(names[-60:])

    def seq(self, *, recent: bool = False) -> int:
        newest = int(self._side.write.facts()["seq"])  # type: ignore[call-overload]
        return self.chance.randint(max(0, newest - 8) if recent else 0, newest)

    def place(self) -> Any:
        return self.chance.choice((*NAMESPACES, None, ["default", "Team"]))

    def content(self, most: int = 12) -> str:
        return " ".join(self.chance.choices(WORDS, k=self.chance.randint(1, most)))

    def some(self, of: Sequence[str]) -> list[str]:
        return self.chance.sample(of, self.chance.randrange(4))

    def metadata(self) -> dict[str, Any]:
        values = (1, 1.0, 2.5, "x", "1", True, False, None, [1, "x"], {"b": {"c": 1}, "a": 2}, "ünï", 9007199254740993)
        return {key: self.chance.choice(values) for key in self.some(_KEYS)}

    def memory(self) -> dict[str, Any]:
        content = self.content()
        if self._contents and self.chance.random() < 0.15:
            content = self.chance.choice(self._contents) + self.chance.choice(("", " "))
        self._contents.append(content)
        memory: dict[str, Any] = {"content": content, "tags": self.some(TAGS), "metadata": self.metadata()}
        memory |= {"type": self.chance.choice(TYPES), "namespace": self.chance.choice(NAMESPACES)}
        memory |= {"thread": self.chance.choice(_THREADS), "merge": self.chance.random() < 0.8}
        if memory["thread"]:
            memory["place"] = self.chance.choice((None, 1, 2, -3))
        if self.chance.random() < 0.5:
            memory["id"] = self.uuid()
        if self.chance.random() < 0.2:
            memory["created_at"] = self.clock.at - self.chance.randrange(400_000)
        if self.chance.random() < 0.2:
            memory["aliases"] = self.chance.sample(("alias1", "alias2", "alias3"), 1)
        return {name: value for name, value in memory.items() if value is not None}

    def filter(self, *, superseded: bool = True) -> dict[str, Any]:
        asked: dict[str, Any] = {"namespace": self.place()}
        if self.chance.random() < 0.3:
            asked |= {"tags": self.some(TAGS), "any_tag": self.chance.random() < 0.5}
        if self.chance.random() < 0.2:
            asked["type"] = self.chance.choice(TYPES[1:])
        if self.chance.random() < 0.2:
            asked["metadata"] = self.metadata()
        if self.chance.random() < 0.2:
            asked["after"] = self.clock.at - 100_000
        if self.chance.random() < 0.2:
            asked["before"] = self.clock.at - 3_000
        if superseded and self.chance.random() < 0.3:
            asked["include_superseded"] = True
        return asked

    def vectors(self, contents: Sequence[str]) -> Sequence[bytes]:
        """Return embeddings, or none, as while no embedder is there."""
        return self.made(contents, MODELS[0]) if self.chance.random() < 0.8 else ()

    def made(self, contents: Sequence[str], model: str) -> Sequence[bytes]:
        """Return embeddings that are near where words are the same; long texts have two windows."""
        numbers: list[float] = []
        windows: list[tuple[tuple[int, int], ...]] = []
        for content in contents:
            half = len(content) // 2
            parts = ((0, half), (half, len(content))) if len(content) > 60 else ((0, len(content)),)
            windows.append(parts)
            for start, end in parts:
                numbers += self._vector(content[start:end], model)
        data = Embedding.of_vector(model, numbers, 0).data
        return Embedding(model, DIMENSIONS, tuple(windows), data).frames()

    def _vector(self, text: str, model: str) -> list[float]:
        total = [0.01] * DIMENSIONS
        for word in text.split():
            made = random.Random(f"{model} {word}")
            total = [known + made.gauss(0, 1) for known in total]
        length = math.sqrt(sum(value * value for value in total))
        return [value / length for value in total]
