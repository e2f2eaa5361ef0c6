"""One engine of the two: its workers, what they are asked, and what they answer, comparable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bench.harness.differential.answers import plain
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.wire.operations import OPERATIONS
from workers.read import ReadWorker
from workers.runtime.jobs import Answer, Job
from workers.storage import backfill
from workers.storage.interface import Reader, Writer
from workers.write import WriteWorker

Asked = tuple[str, Any, Sequence[Any]]
"""An operation, its body, and frames after that: bytes, or what they are the JSON of."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
        return [plain(frames), outcome.degraded, dict(outcome.done)]

    def _named(self, text: str, *, learn: bool) -> str:
        """Return a text with names for ids; learn: new ones too, where each side is known to say as much."""

        def name(found: re.Match[str]) -> str:
            return self.names.setdefault(found[0], f"id{len(self.names)}") if learn else self.names.get(found[0], "new")

        return _UUID.sub(name, text)
