"""One question to a cluster: what is sent for it, and how its answer is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeAlias, TypeVar

from memmux import limits
from memmux.errors import (
    ArgumentInvalidError,
    CancelledError,
    LimitOutOfRangeError,
    MalformedMessageError,
    MemmuxError,
    MessageTooLargeError,
)
from memmux.wire.answers import Answer
from memmux.wire.embeddings import Embedding
from memmux.wire.operations import OPERATIONS
from memmux.wire.protocol import Message
from memmux.wire.shown import shown

TIMEOUT_MOST_S = limits.DEADLINE_MS / 1000
NAME_CHARACTERS = 128  # of a key and of a client's name, as in a header
_UNIT = 1e-6  # how far a length may be from 1
UNNAMED = ""  # the model of a caller's vectors, until the cluster has said which one is its own

T = TypeVar("T")
Vector: TypeAlias = Sequence[float]
"""An embedding: as many finite numbers as the cluster's model has dimensions, not all zero; scaled to unit length."""


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """One request that a client made, once it has ended.

    id: by which the logs of all processes know it.
    operation: what was asked for, as PROTOCOL.md names it.
    outcome: `ok`, or the code of what it failed of.
    total_ms: from the call to its end.
    detail: what the answer's header says of the way there, if there was an answer.
    """

    id: str
    operation: str
    outcome: str
    total_ms: float
    detail: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, request_id: str, operation: str, outcome: object, seconds: float) -> RequestOutcome:
        """Return what became of a request; outcome: the RESULT, the error, or None where nobody waited for either."""
        detail = outcome.header.detail if isinstance(outcome, Message) else {}
        code = outcome.code if isinstance(outcome, MemmuxError) else CancelledError.code if outcome is None else "ok"
        return cls(request_id, operation, code, round(seconds * 1000, 3), detail)


Observer: TypeAlias = Callable[[RequestOutcome], None]
"""Told of each request of a client when it has ended, in the thread or task that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One operation to be asked for, and how to read its answer.

    key: the caller's idempotency key, if there is one. timeout_s: None for the settings' request_timeout_s.
    named: whether the caller named the namespace, so that no other one will do.
    embedding: of the vectors that the caller brings; its model is the cluster's, whichever that is when it is sent.
    """

    operation: str
    read: Callable[[Message], T]
    body: bytes = b"{}"
    key: str | None = None
    timeout_s: float | None = None
    named: bool = False
    embedding: Embedding | None = None

    def __post_init__(self) -> None:
        if self.timeout_s is not None:
            check_timeout(self.timeout_s)
        if self.key is not None:
            check_name("key", self.key)
        size = limits.HEADER_BYTES + len(self.body) + sum(map(len, self.frames(UNNAMED)[1:]))
        if size > limits.MESSAGE_BYTES:
            raise MessageTooLargeError(
                f"the message would have {size} bytes, the most is {limits.MESSAGE_BYTES}; send less at once"
            )

    @property
    def writes(self) -> bool:
        """Whether the operation needs an idempotency key."""
        return OPERATIONS[self.operation].writes

    def frames(self, model: str) -> tuple[bytes, ...]:
        """Return the frames after the header, with the caller's vectors as ones of that model."""
        if self.embedding is None:
            return (self.body,)
        return self.body, *replace(self.embedding, model=model).frames()

    def answer(self, message: Message) -> T:
        """Return the answer that the RESULT holds, with its codes; raise MalformedMessageError if it holds none."""
        try:
            answer = self.read(message)
            return answer.with_degraded(message.header.degraded) if isinstance(answer, Answer) else answer
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise MalformedMessageError(
                f"the cluster's answer to {self.operation} can't be read ({error}); use the same memmux on both sides"
            ) from error


def check_timeout(timeout_s: object) -> None:
    """Raise LimitOutOfRangeError unless it is a number of seconds that a request may take."""
    number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
    if not number or not 0 < timeout_s <= TIMEOUT_MOST_S:  # type: ignore[operator]  # it is a number
        raise LimitOutOfRangeError(
            f"timeout_s is {shown(timeout_s)}; it is a number above 0, at most {TIMEOUT_MOST_S:g}"
        )


def check_name(what: str, name: object) -> None:
    """Raise ArgumentInvalidError unless `name` is a short text that a header can hold."""
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARACTERS:
        raise ArgumentInvalidError(f"{what} is not a text of 1 to {NAME_CHARACTERS} characters")
    if not name.isprintable():
        raise ArgumentInvalidError(f"{what} holds characters that can't be printed")


def embedding_of(texts: Sequence[str], vectors: Sequence[Vector]) -> Embedding:
    """Return the embedding of texts by vectors that the caller made, one each; they are scaled to unit length.

    Raises ArgumentInvalidError.
    """
    if len(vectors) != len(texts):
        raise ArgumentInvalidError(f"there are {len(vectors)} vectors for {len(texts)} texts; give one each")
    rows = [Embedding.of_vector(UNNAMED, _unit(vector), 1) for vector in vectors]
    dimensions = rows[0].dimensions
    if any(row.dimensions != dimensions for row in rows):
        raise ArgumentInvalidError("the vectors have different lengths; make them all with the cluster's model")
    windows = tuple(((0, len(text)),) for text in texts)
    return Embedding(UNNAMED, dimensions, windows, b"".join(row.data for row in rows))


def _unit(vector: Vector) -> Vector:
    try:
        length = math.hypot(*vector)
    except (TypeError, OverflowError):
        raise ArgumentInvalidError("a vector is a sequence of numbers") from None
    if not math.isfinite(length) or length == 0:
        raise ArgumentInvalidError("a vector is finite and not zero; this one has no direction")
    return vector if abs(length - 1) < _UNIT else [float(value) / length for value in vector]
