"""The cache of query embeddings: people and programs ask the same things again."""

from __future__ import annotations

from collections import OrderedDict

from memmux.wire.embeddings import Embedding

CACHE_BYTES = 1 << 20  # texts and vectors together: some five hundred queries of 384 dimensions


class QueryCache:
    """Embeddings by model and text; the least recently used goes first.

    hits, misses: how often `get` found one, and did not.
    """

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self.hits = 0
        self.misses = 0
        self._most = most
        self._bytes = 0
        self._found: OrderedDict[tuple[str, str], Embedding] = OrderedDict()

    def get(self, model: str, text: str) -> Embedding | None:
        """Return the embedding of `text` by `model`, if it is here."""
        embedding = self._found.get((model, text))
        if embedding is None:
            self.misses += 1
            return None
        self.hits += 1
        self._found.move_to_end((model, text))
        return embedding

    def put(self, text: str, embedding: Embedding) -> None:
        """Keep `embedding`, and let go of old ones while there are too many bytes."""
        replaced = self._found.pop((embedding.model, text), None)
        if replaced is not None:
            self._bytes -= _size(text, replaced)
        self._found[embedding.model, text] = embedding
        self._bytes += _size(text, embedding)
        while self._bytes > self._most:
            (_, oldest), dropped = self._found.popitem(last=False)
            self._bytes -= _size(oldest, dropped)


def _size(text: str, embedding: Embedding) -> int:
    return 4 * len(text) + len(embedding.data)  # 4: the most that a character takes in memory
