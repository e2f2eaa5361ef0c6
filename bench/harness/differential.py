"""The same random jobs on two engines: each step writes something, and asks much; where they differ is said.

An id that an engine made is compared by when it was seen first.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.wire.embeddings import Embedding
from memmux.wire.operations import OPERATIONS
from workers.read import ReadWorker
from workers.runtime.jobs import Answer, Job
from workers.storage import backfill
from workers.storage.interface import Reader, Writer
from workers.write import WriteWorker

Asked = tuple[str, Any, Sequence[Any]]
"""An operation, its body, and frames after that: bytes, or what they are the JSON of."""

DIMENSIONS = 8
MODELS = ("tiny", "other")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BEGAN = 1_800_000_000.0
_WORDS = [
    "backup",
    "database",
    "nightly",
    "Zürich",
    "Straße",
    "fox",
    "foxes",
    "quick",
    "brown",
    "river",
    "bank",
    "C++",
    "AT&T",
    "e-mail",
    "user_name",
    "getUserInfo",
    "v1.2.3",
    "10.0.0.5",
    "nginx",
    "重启nginx服务",
    "Резервное",
    "копирование",
    "ёлка",
    "don't",
    "Ada's",
    "İstanbul",
    "cafe",
    "café",
    "2026-11-28",
    "what",
    "why",
    "when",
    "decided",
    "prefers",
    "coffee",
    "tea",
    "meeting",
    "Monday",
    "deadline",
    "error",
    "E1234",
    "timeout",
    "fix",
    "plan",
    "road",
    "map",
    "release",
    "note",
    "x",
    "y",
    "z",
]
_TAGS = ("work", "Work", "home", "ÉTÉ", "été", "a b", "x", "project:one")
_TYPES = (None, "note", "decision", "fact")
_NAMESPACES = ("default", "default", "default", "Team", "team", "other place")
_CLIENTS = ("ann", "Ann's editor", "bob", "key/bob")
_THREADS = (None, None, None, "talk", "talk", "book")
_KEYS = ("a", "b", "nested", "source", "chunk", "conversation_id", "ключ")


@dataclass(slots=True)
class Side:
    """One engine: its workers; names: of ids, in the order of their appearance."""

    write: WriteWorker
    read: ReadWorker
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, writer: Writer, reader: Reader) -> Side:
        settings = Settings()
        side = cls(WriteWorker(settings), ReadWorker(settings))
        side.write._open, side.read._open = writer, reader
        return side

    def frames(self, *parts: Any) -> tuple[bytes, ...]:
        """Return frames with the ids that go by their names here."""
        known = {name: given for given, name in self.names.items()}

        def written(part: Any) -> bytes:
            text = orjson.dumps(part).decode()
            return re.sub(r'"(id\d+)"', lambda found: f'"{known[found[1]]}"', text).encode()

        return tuple(part if isinstance(part, bytes) else written(part) for part in parts)

    def do(self, jobs: Sequence[Job]) -> list[Any]:
        """Return what came of jobs, comparable."""
        worker = self.write if OPERATIONS[jobs[0].operation].writes else self.read
        if jobs[0].operation == backfill.OPERATION and len(jobs[0].frames) == 1:
            worker = self.read
        found = {job.id: outcome for job, outcome in worker.handle(jobs, lambda: None)}
        return [self._said(found[job.id], learn=job.operation != "memory.duplicates") for job in jobs]

    def _said(self, outcome: Answer | MemmuxError, *, learn: bool) -> Any:
        if isinstance(outcome, MemmuxError):
            return ["error", outcome.code, self._named(outcome.message, learn=learn)]
        frames = [orjson.loads(self._named(frame.decode(), learn=learn)) for frame in outcome.frames]
        return [_plain(frames), outcome.degraded, dict(outcome.done)]

    def _named(self, text: str, *, learn: bool) -> str:
        """Return a text with names for ids; learn: new ones too, where each side is known to say as much."""

        def name(found: re.Match[str]) -> str:
            return self.names.setdefault(found[0], f"id{len(self.names)}") if learn else self.names.get(found[0], "new")

        return _UUID.sub(name, text)


def _plain(value: Any) -> Any:
    """Return an answer without the beginnings of ids, which are cut where the ids of an engine differ."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if name != "short"}
    return value


def _same(one: Any, other: Any) -> bool:
    """Return whether two answers are the same, but for how a product of vectors is rounded."""
    match one, other:
        case float(), float():
            return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
        case (list(), list()) | (tuple(), tuple()):
            return len(one) == len(other) and all(map(_same, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    return type(one) is type(other) and bool(one == other)


def _ended(*said: Any) -> bool:
    """Return whether the time of an answer was over before all was compared."""
    return any(answer[0] != "error" and answer[0][0]["next"] is not None for answer in said)


def _apart(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    """Yield jobs as they go to workers: writes together."""
    if OPERATIONS[jobs[0].operation].writes:
        yield jobs
    else:
        yield from ([job] for job in jobs)


class Moving:
    """A clock that both sides go by, in seconds since 1970; it stands still within a step."""

    def __init__(self) -> None:
        self.at = _BEGAN

    def __call__(self) -> float:
        return self.at


class Differential:
    """Random jobs, by a seed, on two sides, whose writers and readers go by `clock`."""

    def __init__(self, seed: int, sides: tuple[Side, Side], clock: Moving) -> None:
        self._random = random.Random(seed)
        self._sides = sides
        self._clock = clock
        self._number = 0
        self._contents: list[str] = []
        self._dumped: list[Any] = []
        self.done: dict[str, int] = {}  # jobs by what came of them

    def step(self) -> list[str]:
        """Write something and ask much; return where the sides differ."""
        self._clock.at += self._random.choice((1.0, 60.0, 4_000.0))
        differences = self._compare([self._change() for _ in range(self._random.choice((1, 1, 2, 5)))])
        for ask in self._questions():
            differences += self._compare([(ask, "")])
        return differences

    def _compare(self, asked: Sequence[tuple[Asked, str]]) -> list[str]:
        ids = [self._uuid() for _ in asked]
        client = self._random.choice(_CLIENTS)
        said = []
        for side in self._sides:
            jobs = [
                Job(job_id, operation, side.frames(body, *blobs), key, client, math.inf, 1, ())
                for job_id, ((operation, body, blobs), key) in zip(ids, asked, strict=True)
            ]
            said.append([outcome for first in _apart(jobs) for outcome in side.do(first)])
        differences = []
        for ((operation, body, _), _), one, other in zip(asked, *said, strict=True):
            kind = f"{operation} {one[1]}" if one[0] == "error" else operation
            self.done[kind] = self.done.get(kind, 0) + 1
            if not _same(one, other) and not (operation == "memory.duplicates" and _ended(one, other)):
                differences.append(f"{operation} {body}:\n  {one}\n  {other}")
            if operation == "memory.dump" and one[0] != "error" and one[0][0]["memories"]:
                self._dumped = one[0][0]["memories"]
        return differences

    # What is written.

    def _change(self) -> tuple[Asked, str]:
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
        (make,) = self._random.choices(list(makers), list(makers.values()))
        asked, key = make(), self._random.choice(("", "", f"key{self._random.randrange(50)}"))
        return asked, key

    def _store(self) -> Asked:
        memory = self._memory()
        return "memory.store", memory, self._vectors([memory["content"]])

    def _batch(self) -> Asked:
        memories = [self._memory() for _ in range(self._random.randrange(1, 5))]
        return "memory.store_batch", {"memories": memories}, self._vectors([one["content"] for one in memories])

    def _store_similar(self) -> Asked:
        memory = self._memory()
        return "memory.store_similar", memory, (*self._vectors([memory["content"]]), b"[]")

    def _update(self) -> Asked:
        body: dict[str, Any] = {"id": self._id(), "namespace": self._place()}
        if self._random.random() < 0.6:
            body["tags"] = self._some(_TAGS)
        if self._random.random() < 0.5:
            body["type"] = self._random.choice(_TYPES[1:])
        if self._random.random() < 0.6 or len(body) == 2:
            body["metadata"] = {**self._metadata(), "a": self._random.choice((None, 1, "x"))}
        return "memory.update", body, ()

    def _rewrite(self) -> Asked:
        body = {
            "id": self._id(),
            "namespace": self._place(),
            "content": self._content(),
            "versioned": self._random.random() < 0.5,
        }
        return "memory.rewrite", body, self._vectors([body["content"]])

    def _delete(self) -> Asked:
        return "memory.delete", {"id": self._id(), "namespace": self._place()}, ()

    def _forget(self) -> Asked:
        asked = {**self._filter(), "tags": self._some(_TAGS)[:1] or ["x"]}
        return "memory.forget", {"filter": asked, "dry_run": self._random.random() < 0.5}, ()

    def _use(self) -> Asked:
        return "memory.use", {"ids": [self._id() for _ in range(3)]}, ()

    def _undo(self) -> Asked:
        return "memory.undo", {"seq": self._seq(recent=True)}, ()

    def _purge(self) -> Asked:
        if self._random.random() < 0.7:
            return "memory.purge", {"id": self._id(), "namespace": self._random.choice(_NAMESPACES)}, ()
        return "memory.purge", {"before": self._clock.at - 20_000, "namespace": self._random.choice(_NAMESPACES)}, ()

    def _load(self) -> Asked:
        lines = []
        for one in self._random.sample(self._dumped, min(3, len(self._dumped))):
            line = dict(one)
            if self._random.random() < 0.5:
                line = {**line, "id": self._uuid(), "content": self._content(), "namespace": "other place"}
                line.pop("content_hash", None)
                line.pop("aliases", None)
            if self._random.random() < 0.3:
                line["links"] = [{"target": self._id(), "relation": self._random.choice(("related", "caused by"))}]
                line["origin"] = {"last_accessed": self._clock.at - 100.5, "rating": 0.5}
            lines.append(line)
        adopt = self._random.random() < 0.6
        return "memory.load", {"memories": [*lines, {"id": "broken"}], "adopt": adopt, "newest": adopt}, ()

    def _backfill(self) -> Asked:
        model = self._random.choice(MODELS)
        asked = {"model": model, "dimensions": DIMENSIONS, "limit": 8, "source": model, "beside": MODELS[0]}
        job = Job(self._uuid(), "vectors.backfill", (orjson.dumps(asked),), "", "test", math.inf, 1, ())
        (found,), _ = (side.do([job]) for side in self._sides)
        waiting = found[0][0]
        texts = [memory["content"] for memory in waiting["memories"]]
        return "vectors.backfill", asked, (waiting, *self._made(texts, model))

    def _health(self) -> Asked:
        return "health.write", {"id": self._uuid()}, ()

    # What is asked.

    def _questions(self) -> Iterator[Asked]:
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
        yield "memory.dump", {"vectors": self._random.random() < 0.3, "limit": 64}, ()
        for make in self._random.sample(makers, 6):
            yield make()

    def _search(self) -> Asked:
        mode = self._random.choice(("hybrid", "hybrid", "semantic", "ranked", "keyword"))
        body: dict[str, Any] = {
            "query": self._content(4),
            "mode": mode,
            "limit": self._random.choice((3, 10, 50)),
            "why": self._random.random() < 0.5,
            "context": self._random.choice((0, 2)),
            "filter": self._filter(),
        }
        if self._random.random() < 0.2:
            body["min_similarity"] = 0.1
        if self._random.random() < 0.2:
            body["only_relevant"] = True
        return "memory.search", body, self._made([body["query"]], self._random.choice(MODELS[:1] * 4 + MODELS))

    def _match(self) -> Asked:
        mode = self._random.choice(("keyword", "exact"))
        query = self._random.choice((self._content(3), *_WORDS, "back", "STRASSE", "zürich"))
        return "memory.match", {"query": query, "mode": mode, "filter": self._filter(), "limit": 20}, ()

    def _list(self) -> Asked:
        body = {"filter": self._filter(), "limit": 7, "offset": self._random.choice((0, 0, 5))}
        if self._random.random() < 0.3:
            body["unused_since"] = self._clock.at - 5_000
        if self._random.random() < 0.3:
            body["client"] = self._random.choice(("AN", "bob", "key"))
        if self._random.random() < 0.3:
            body = {"as_of": self._seq(), "filter": {"namespace": self._random.choice((None, *_NAMESPACES))}}
        return "memory.list", body, ()

    def _list_deleted(self) -> Asked:
        return "memory.list", {"deleted": True, "filter": {"namespace": self._place()}}, ()

    def _get(self) -> Asked:
        body = {"id": self._id(), "namespace": self._place()}
        return "memory.get", {**body, **({"as_of": self._seq()} if self._random.random() < 0.4 else {})}, ()

    def _history(self) -> Asked:
        return "memory.history", {"id": self._id(), "namespace": self._place()}, ()

    def _changes(self) -> Asked:
        body = {
            "after": self._seq(),
            "limit": 20,
            "newest": self._random.random() < 0.5,
            "texts": self._random.random() < 0.5,
            "namespace": self._place(),
        }
        if self._random.random() < 0.3:
            body["client"] = "ANN"
        if self._random.random() < 0.3:
            body["operations"] = ["memory.store", "memory.delete"]
        return "memory.changes", body, ()

    def _tags(self) -> Asked:
        return "memory.tags", {"namespace": self._place()}, ()

    def _timeline(self) -> Asked:
        by = self._random.choice(("client", "tag", "type", "namespace"))
        return "memory.timeline", {"by": by, "zone": "Europe/Berlin", "filter": self._filter(superseded=False)}, ()

    def _graph(self) -> Asked:
        return "memory.graph", {"id": self._id(), "namespace": self._random.choice(_NAMESPACES)}, ()

    def _duplicates(self) -> Asked:
        return "memory.duplicates", {"least": 0.7, "filter": {"namespace": self._place()}}, ()

    def _superseded(self) -> Asked:
        return "memory.superseded", {"filter": {"namespace": self._place()}}, ()

    def _dump(self) -> Asked:
        return "memory.dump", {"after": self._random.randrange(40), "limit": 5, "vectors": True}, ()

    def _unindexed(self) -> Asked:
        return "vectors.backfill", {"model": self._random.choice(MODELS), "dimensions": DIMENSIONS, "limit": 8}, ()

    # What they are made of.

    def _uuid(self) -> str:
        self._number += 1
        return f"0197{self._number:04x}-0000-7000-8000-{self._random.randrange(1 << 48):012x}"

    def _id(self) -> str:
        """Return the name of an id that was seen, an alias, or one that nobody has."""
        names = list(self._sides[0].names.values())
        if not names or self._random.random() < 0.08:
            return self._random.choice(("alias1", "alias2", "nobody", self._uuid()))
        return self._random.choice(names[-60:])

    def _seq(self, *, recent: bool = False) -> int:
        newest = int(self._sides[0].write.facts()["seq"])  # type: ignore[call-overload]
        return self._random.randint(max(0, newest - 8) if recent else 0, newest)

    def _place(self) -> Any:
        return self._random.choice((*_NAMESPACES, None, ["default", "Team"]))

    def _content(self, most: int = 12) -> str:
        return " ".join(self._random.choices(_WORDS, k=self._random.randint(1, most)))

    def _some(self, of: Sequence[str]) -> list[str]:
        return self._random.sample(of, self._random.randrange(4))

    def _metadata(self) -> dict[str, Any]:
        values = (1, 1.0, 2.5, "x", "1", True, False, None, [1, "x"], {"b": {"c": 1}, "a": 2}, "ünï", 9007199254740993)
        return {key: self._random.choice(values) for key in self._some(_KEYS)}

    def _memory(self) -> dict[str, Any]:
        content = self._content()
        if self._contents and self._random.random() < 0.15:
            content = self._random.choice(self._contents) + self._random.choice(("", " "))
        self._contents.append(content)
        memory: dict[str, Any] = {"content": content, "tags": self._some(_TAGS), "metadata": self._metadata()}
        memory |= {"type": self._random.choice(_TYPES), "namespace": self._random.choice(_NAMESPACES)}
        memory |= {"thread": self._random.choice(_THREADS), "merge": self._random.random() < 0.8}
        if memory["thread"]:
            memory["place"] = self._random.choice((None, 1, 2, -3))
        if self._random.random() < 0.5:
            memory["id"] = self._uuid()
        if self._random.random() < 0.2:
            memory["created_at"] = self._clock.at - self._random.randrange(400_000)
        if self._random.random() < 0.2:
            memory["aliases"] = self._random.sample(("alias1", "alias2", "alias3"), 1)
        return {name: value for name, value in memory.items() if value is not None}

    def _filter(self, *, superseded: bool = True) -> dict[str, Any]:
        asked: dict[str, Any] = {"namespace": self._place()}
        if self._random.random() < 0.3:
            asked |= {"tags": self._some(_TAGS), "any_tag": self._random.random() < 0.5}
        if self._random.random() < 0.2:
            asked["type"] = self._random.choice(_TYPES[1:])
        if self._random.random() < 0.2:
            asked["metadata"] = self._metadata()
        if self._random.random() < 0.2:
            asked["after"] = self._clock.at - 100_000
        if self._random.random() < 0.2:
            asked["before"] = self._clock.at - 3_000
        if superseded and self._random.random() < 0.3:
            asked["include_superseded"] = True
        return asked

    def _vectors(self, contents: Sequence[str]) -> Sequence[bytes]:
        """Return embeddings, or none, as while no embedder is there."""
        return self._made(contents, MODELS[0]) if self._random.random() < 0.8 else ()

    def _made(self, contents: Sequence[str], model: str) -> Sequence[bytes]:
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
