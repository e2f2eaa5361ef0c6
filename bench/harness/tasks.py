"""Tasks: what one client is told to do in one round, and what it tells when that is done; each is a line of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import orjson

from memmux.wire.requests import Mode


class Work(StrEnum):
    """What is called again and again."""

    SEARCH = "search"
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one client does in one round.

    seconds: no call begins later but the first that is timed. most: nor are there more calls than that; None for any.
    first, step: the client's nth call takes the question first + n * step, so clients that are told different firsts
    and their number as the step share the questions out among them. among: of so many of the questions; None for all.
    mode, tags: of a search. with_vectors: whether the questions' vectors are sent along, so that nothing is embedded.
    every_s: 0 for one call right after the other; otherwise a call each so many seconds, from a random moment on and
    with a little jitter. in_flight: how many calls at once at most, by `AsyncClient` if more than one.
    uncounted: so many calls come first that are not timed.
    """

    work: Work
    seconds: float
    most: int | None = None
    first: int = 0
    step: int = 1
    among: int | None = None
    mode: Mode = Mode.HYBRID
    tags: tuple[str, ...] = ()
    with_vectors: bool = False
    every_s: float = 0.0
    in_flight: int = 1
    uncounted: int = 0

    def question(self, call: int, known: int) -> int:
        """Return which of `known` questions the call takes; past the last one it begins again."""
        return (self.first + call * self.step) % min(self.among or known, known)

    def to_line(self) -> bytes:
        """Return the line that `from_line` reads."""
        return orjson.dumps(self) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Return the task that the line describes."""
        fields = orjson.loads(line)
        return cls(
            **{**fields, "work": Work(fields["work"]), "mode": Mode(fields["mode"]), "tags": tuple(fields["tags"])}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a task.

    began, ended: monotonic seconds, which all processes of a machine share, of what was timed. calls: how many there
    were, the uncounted included. latencies_ms: of the others. ids: of the memories whose storing was acknowledged.
    degraded: how many answers had to do without something.
    """

    began: float
    ended: float
    calls: int
    latencies_ms: tuple[float, ...]
    ids: tuple[str, ...] = ()
    degraded: int = 0

    def to_line(self) -> bytes:
        """Return the line that `from_line` reads."""
        return orjson.dumps(self) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Return the result that the line describes."""
        fields = orjson.loads(line)
        return cls(**{**fields, "latencies_ms": tuple(fields["latencies_ms"]), "ids": tuple(fields["ids"])})
