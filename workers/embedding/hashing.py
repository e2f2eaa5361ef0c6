"""The hash embedder: the same text gives the same vector, and shared words give similarity. For tests.

Feature hashing (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009) of lower-cased words.
It knows nothing of meaning, so it must be asked for by name and every answer made with it says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from memmux.wire.embeddings import Window
from workers.embedding.interface import Vectors
from workers.embedding.windows import Tokens, cut
from workers.runtime.jobs import Alive, silent

_WORD = re.compile(r"\w+")
_NAME = re.compile(r"hash-([1-9]\d{0,3})")


def is_hash(name: str) -> bool:
    """Return whether vectors that are labelled so are of a hash embedder."""
    return name == "hash" or _NAME.fullmatch(name) is not None


class HashEmbedder:
    """Feature hashing of words: into as many dimensions as the default model has, or, called hash-N, into N."""

    backend = "hash"
    packs = False
    threads = False
    max_tokens = 256  # words
    degraded = ("hash_embedder",)

    def __init__(self, model: str = "") -> None:
        named = _NAME.fullmatch(model)
        self.name = model if named else "hash"
        self.dimensions = int(named[1]) if named else 384

    def windows(self, text: str, alive: Alive = silent) -> tuple[Window, ...]:
        """Return the windows of `text`, of at most `max_tokens` words each."""
        return cut(text, _words, self.max_tokens, alive)

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:  # noqa: ARG002  # all texts are alike
        """Return one unit row per text."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for index, text in enumerate(texts):
            row = rows[index]
            # Feature by feature: the row of a text without words, or whose words cancel out, is of the text itself.
            for feature in (*_WORD.findall(text.lower()), ""):
                if feature or not row.any():
                    value = int.from_bytes(blake2b((feature or text).encode(), digest_size=8).digest(), "little")
                    row[value % self.dimensions] += 1 if value >> 63 else -1
            row /= np.linalg.norm(row)
        return rows


def _words(text: str) -> Tokens:
    offsets = [match.span() for match in _WORD.finditer(text)]
    return Tokens(offsets, range(len(offsets)))
