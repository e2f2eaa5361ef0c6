"""Backfill: how memories that were stored without an embedder, or with another model, get their vectors.

The read stage answers with a frame of texts, the embed stage adds their vectors, and the write stage keeps them. While
an audit is open, the texts are its sample, and the write stage compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.wire.checks import check_range
from workers.storage.records.embeddings import DIMENSIONS, MODEL_CHARACTERS

OPERATION = "vectors.backfill"
FRAMES = 4  # at the write stage: the body, the texts, and the two of an embedding
TEXT_BYTES = 64 << 10  # of the contents of one turn: some 5 s of one core, after which the vectors are kept and found
SAMPLE_BYTES = 4 << 20  # of the contents of a sample, which is judged as one
Text = tuple[str, str]
"""Id and content of a memory."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """The body of vectors.backfill: up to `limit` memories shall have vectors of `model`, of so many `dimensions`.

    max_tokens: of one window of the model, if that is known. source: what the settings call the model. beside: the
    name of the other model that is loaded, by which searches go on until this one has all memories. skip: how many of
    those that wait are passed over.
    """

    model: str
    dimensions: int
    limit: int
    max_tokens: int | None = None
    source: str = ""
    beside: str = ""
    skip: int = 0

    @classmethod
    def from_body(cls, body: bytes) -> Backfill:
        """Read the body; raise ArgumentInvalidError or LimitOutOfRangeError if it is not one."""
        fields = _loaded(body)
        try:
            asked = cls(
                fields["model"],
                fields["dimensions"],
                fields["limit"],
                fields.get("max_tokens"),
                fields.get("source", ""),
                fields.get("beside", ""),
                fields.get("skip", 0),
            )
        except (TypeError, KeyError):
            raise ArgumentInvalidError("a backfill names its model, dimensions and limit") from None
        if not isinstance(asked.model, str) or not 0 < len(asked.model) <= MODEL_CHARACTERS:
            raise ArgumentInvalidError(f"a model's name has 1 to {MODEL_CHARACTERS} characters")
        if not isinstance(asked.source, str) or not isinstance(asked.beside, str):
            raise ArgumentInvalidError("what a backfill says of models are texts")
        check_range("dimensions", asked.dimensions, 1, DIMENSIONS)
        check_range("limit", asked.limit, 1, limits.BATCH_MEMORIES)
        check_range("skip", asked.skip, 0, 1 << 53)
        if asked.max_tokens is not None:
            check_range("max_tokens", asked.max_tokens, 1, 1 << 53)
        return asked


@dataclass(frozen=True, slots=True)
class Texts:
    """The read stage's finding: memories without a vector, or the sample of the audit with that id."""

    memories: Sequence[Text]
    audit: int | None = None


def frame(waiting: Sequence[Text], audit: int | None = None) -> bytes:
    """Return the frame of texts: of `waiting`, the first, and as many more as a turn, or a sample, may take.

    audit: the id of the one that they are the sample of.
    """
    taken: list[dict[str, str]] = []
    size, most = 0, TEXT_BYTES if audit is None else SAMPLE_BYTES
    for memory_id, content in waiting:
        size += len(content.encode())
        if taken and size > most:
            break
        taken.append({"id": memory_id, "content": content})
    return orjson.dumps({"memories": taken, **({} if audit is None else {"audit": audit})})


def texts(data: bytes) -> Texts:
    """Read the frame of texts; raise ArgumentInvalidError if it is not one."""
    fields = _loaded(data)
    audit = fields.get("audit")
    try:
        found = [(memory["id"], memory["content"]) for memory in fields["memories"]]
    except (TypeError, KeyError):
        found = [("", None)]
    if not all(isinstance(text, str) for pair in found for text in pair) or not isinstance(audit, int | None):
        raise ArgumentInvalidError("the frame after the body does not hold the memories that were read")
    return Texts(found, audit)


def _loaded(data: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise ArgumentInvalidError("a frame of the backfill is not a JSON object")
    return fields
