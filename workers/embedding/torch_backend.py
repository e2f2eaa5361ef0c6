"""The torch backend: sentence-transformers itself, which runs every model it knows and is the authority on each."""

from __future__ import annotations

import os
from collections.abc import Sequence

# Read when the libraries are imported: everything is on this machine by now, and one worker is one thread.
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import numpy as np  # noqa: E402  # after the environment is set
import torch  # noqa: E402  # the same
from sentence_transformers import SentenceTransformer  # noqa: E402  # the same
from tokenizers import Tokenizer  # noqa: E402  # the same
from transformers.utils import logging as transformers_logging  # noqa: E402  # the same

from memmux.errors import ModelInvalidError  # noqa: E402  # the same
from memmux.vectors import Window  # noqa: E402  # the same
from workers.embedding.interface import Vectors  # noqa: E402  # the same
from workers.embedding.sources import Source  # noqa: E402  # the same
from workers.embedding.windows import ModelTokenizer  # noqa: E402  # the same


def load(source: Source) -> SentenceTransformer:
    """Return the model, on the CPU, with one thread and no word on stdout or stderr; raise ModelInvalidError."""
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        return SentenceTransformer(str(source.folder), device="cpu", local_files_only=True)
    except Exception as error:  # the ways a model's files can be wrong are its libraries' own
        raise ModelInvalidError(f"the model in {source.folder} can't be loaded: {error}") from error


def tokenizer(model: SentenceTransformer) -> Tokenizer:
    """Return a copy of the model's tokenizer, which has settings of its own."""
    return Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())


class TorchEmbedder:
    """A model run by sentence-transformers."""

    backend = "torch"
    degraded = ()

    def __init__(self, source: Source) -> None:
        self._model = load(source)
        self.name = source.name
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 0)
        self._tokenizer = ModelTokenizer(tokenizer(self._model), self.max_tokens)

    def windows(self, text: str) -> tuple[Window, ...]:
        """Return the windows of `text`."""
        return self._tokenizer.windows(text)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text."""
        rows = self._model.encode(
            list(texts), batch_size=max(1, len(texts)), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(rows, dtype=np.float32).reshape(len(texts), self.dimensions)
