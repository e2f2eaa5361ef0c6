"""The onnx backend: an exported graph run by onnxruntime, without torch: faster to start and to answer, and smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from memmux.errors import ModelInvalidError
from memmux.wire.embeddings import Window
from workers.embedding.exports import GRAPH, TOKENIZER, Export
from workers.embedding.interface import Vectors
from workers.embedding.windows import ModelTokenizer

_ERRORS_ONLY = 3  # onnxruntime's severity: it would write warnings to stderr


class OnnxEmbedder:
    """A model run by onnxruntime from the files of `export`; raises ModelInvalidError if they can't be loaded."""

    backend = "onnx"
    degraded = ()

    def __init__(self, export: Export) -> None:
        self.name = export.manifest.model
        self.dimensions = export.manifest.dimensions
        self.max_tokens = export.manifest.max_tokens
        self._inputs = export.manifest.inputs
        self._padding = export.manifest.padding
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._tokenizer = ModelTokenizer(Tokenizer.from_file(str(export.folder / TOKENIZER)), self.max_tokens)
            self._session = onnxruntime.InferenceSession(
                str(export.folder / GRAPH), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # both libraries raise classes that they do not export
            raise ModelInvalidError(f"the exported model in {export.folder} can't be loaded: {error}") from error

    def windows(self, text: str) -> tuple[Window, ...]:
        """Return the windows of `text`."""
        return self._tokenizer.windows(text)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text; the texts are padded to the longest of them."""
        encodings = [self._tokenizer.encode(text) for text in texts]
        shape = (len(texts), max((len(encoding.ids) for encoding in encodings), default=0))
        if 0 in shape:
            return np.zeros((len(texts), self.dimensions), dtype=np.float32)
        arrays = {
            "input_ids": np.full(shape, self._padding, dtype=np.int64),
            "attention_mask": np.zeros(shape, dtype=np.int64),
            "token_type_ids": np.zeros(shape, dtype=np.int64),
        }
        for row, encoding in enumerate(encodings):
            arrays["input_ids"][row, : len(encoding.ids)] = encoding.ids
            arrays["attention_mask"][row, : len(encoding.ids)] = 1
        rows: Vectors = self._session.run(None, {name: arrays[name] for name in self._inputs})[0]
        return rows
