"""The torch backend: sentence-transformers itself, which runs every model it knows and is the authority on each."""

from __future__ import annotations

import os
from collections.abc import Sequence

# Read when the libraries are imported: everything is on this machine by now, and one worker is one thread.
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from memmux.errors import ModelInvalidError
from memmux.wire.embeddings import Window
from workers.embedding.interface import Vectors
from workers.embedding.sources import Source
from workers.embedding.windows import ModelTokenizer
from workers.runtime.jobs import Alive, silent

_MAX_TOKENS = 512  # of a model that does not say


def load(source: Source) -> SentenceTransformer:
    """Return the model, on the CPU, with one thread and no word on stdout or stderr; raise ModelInvalidError."""
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # the library types it not
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the same
    try:
        return SentenceTransformer(str(source.folder), device="cpu", local_files_only=True)
    except Exception as error:  # the ways a model's files can be wrong are its libraries' own
        raise ModelInvalidError(f"the model in {source.folder} can't be loaded: {error}") from error


def tokenizer(model: SentenceTransformer) -> Tokenizer:
    """Return a copy of the model's tokenizer, which has settings of its own."""
    return Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())


def max_tokens(model: SentenceTransformer) -> int:
    """Return how many tokens of a text the model reads, special tokens included."""
    return int(model.max_seq_length or _MAX_TOKENS)


class TorchEmbedder:
    """A model run by sentence-transformers."""

    backend = "torch"
    packs = False
    threads = False
    degraded = ()

    def __init__(self, source: Source) -> None:
        self._model = load(source)
        self.name = source.name
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        self._tokenizer = ModelTokenizer(tokenizer(self._model), max_tokens(self._model))
        self.max_tokens = self._tokenizer.max_tokens

    def windows(self, text: str, alive: Alive = silent) -> tuple[Window, ...]:
        """Return the windows of `text`."""
        return self._tokenizer.windows(text, alive)

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:  # noqa: ARG002  # all texts are alike
        """Return one unit row per text."""
        rows = self._model.encode(
            list(texts), batch_size=max(1, len(texts)), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(rows, dtype=np.float32).reshape(len(texts), self.dimensions)
