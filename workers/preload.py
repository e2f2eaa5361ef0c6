"""What workers share: their modules, and the model, loaded once before they are forked (`workers.runtime.fork_server`).

A writer has neither onnxruntime nor model, so whoever is forked first, as the writer is, need not wait for them.
"""

from __future__ import annotations

import importlib

from memmux.config.settings import EmbedderChoice, Settings
from memmux.wire.operations import Stage

_MODULES = (
    "workers.write",
    "workers.read",
    "workers.embed",
    "workers.runtime.serve",
)  # not what few need: faiss, torch
_EMBEDDING = (Stage.READ, Stage.EMBED)


class WorkerPreload:
    """Loads what the workers of a cluster need; `workers.runtime.fork_server.Preload`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._has_graph = settings.embedder in (EmbedderChoice.AUTO, EmbedderChoice.ONNX)

    def begin(self) -> None:
        """Import the workers."""
        for module in _MODULES:
            importlib.import_module(module)

    def has_more(self, kind: str) -> bool:
        """Return whether it is a worker that embeds, by a model that may have a packed graph."""
        return self._has_graph and kind in _EMBEDDING

    def load(self, kind: str) -> None:
        """Load the model from its packed graph, if there is one, and anew if it is another one by now."""
        del kind  # the model is all that there is
        from workers.embedding import onnx_backend  # once the writer, which does without, is forked

        onnx_backend.keep(self._settings)
