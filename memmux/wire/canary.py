"""Canaries: memories that are stored only to see whether they are found again, by the router and by `memmux doctor`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Self

import orjson

NAMESPACE: Final = "memmux-canary"  # the router's own: nobody else can store there, and no other namespace shows it
OPERATIONS: Final = "canary."  # how the names of the operations begin that work on it


@dataclass(frozen=True, slots=True)
class CanaryMemory:
    """One memory with a word that is in no other.

    sender: who asks. word: one token, for full text as well.
    """

    word: str
    sender: str

    @classmethod
    def of(cls, unique: str, sender: str) -> Self:
        """Return the canary of something unique, such as a request's id."""
        return cls(f"canary{''.join(filter(str.isalnum, unique))}", sender)

    @property
    def content(self) -> str:
        """The memory's text."""
        return f"{self.word} is what {self.sender} stored to see whether it is found again"

    @property
    def content_hash(self) -> str:
        """A name of the memory that is known before it is stored."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    def store_body(self) -> bytes:
        """Return the arguments that store it in `NAMESPACE`."""
        return orjson.dumps({"content": self.content, "namespace": NAMESPACE})

    def search_body(self) -> bytes:
        """Return the arguments that find it by words and meaning."""
        return orjson.dumps({"query": self.word, "mode": "hybrid", "limit": 1, "filter": {"namespace": NAMESPACE}})

    def named_body(self) -> bytes:
        """Return the arguments that name it, to get it or to remove it."""
        return orjson.dumps({"id": self.content_hash, "namespace": NAMESPACE})

    def is_in(self, body: bytes) -> bool:
        """Return whether an answer holds it, without reading more of the answer than its bytes."""
        return self.word.encode() in body
