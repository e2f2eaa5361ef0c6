"""The choice of a backend: the one that the settings name, or the best that is there."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelUnsupportedError
from memmux.logs import log
from workers.embedding import installation
from workers.embedding.interface import Embedder
from workers.embedding.sources import Source

# Each backend is imported where it is chosen: torch costs seconds and half a gigabyte, onnxruntime a tenth of that.


def choose(settings: Settings) -> Embedder:
    """Return the embedder that `settings` ask for, loaded.

    Raises ModelMissingError, ModelInvalidError or ModelUnsupportedError when there is no model that can be loaded.
    """
    if settings.embedder is EmbedderChoice.HASH:
        return _hashing()
    return load(settings, installation.find(settings))


def load(settings: Settings, source: Source) -> Embedder:
    """Return the model in `source`, run by what `settings` ask for; raise as `choose` does."""
    if settings.embedder is EmbedderChoice.TORCH:
        if not torch_is_there():
            raise ModelUnsupportedError("MEMMUX_EMBEDDER is torch, so install `memmux[models]`, or unset it")
        return _torch(source)
    from workers.embedding import onnx_backend

    try:
        return onnx_backend.load(settings, source)
    except ModelUnsupportedError as error:
        if settings.embedder is EmbedderChoice.ONNX or not torch_is_there():
            raise
        log.get().info("graph_refused", model=source.name, error=error.message)
        return _torch(source)


def choose_shared(settings: Settings) -> Embedder | None:
    """Return the embedder whose weights all processes share, loaded; None while there is none on this machine.

    Raises ModelMissingError or ModelInvalidError when the model that `settings` name is not what it should be.
    """
    if settings.embedder is EmbedderChoice.HASH:
        return _hashing()
    if settings.embedder is EmbedderChoice.TORCH:
        return None
    from workers.embedding import onnx_backend

    return onnx_backend.shared(settings)


def shared_signs(settings: Settings) -> Collection[object]:
    """Return what changes when there may be another answer of `choose_shared`: cheap, where a look may not be."""
    if settings.embedder in (EmbedderChoice.HASH, EmbedderChoice.TORCH):
        return ()
    from workers.embedding.graph import packed

    return packed.signs(settings)


def torch_is_there() -> bool:
    """Return whether sentence-transformers is installed, and with it torch."""
    return importlib.util.find_spec("sentence_transformers") is not None


def _hashing() -> Embedder:
    from workers.embedding.hashing import HashEmbedder

    return HashEmbedder()


def _torch(source: Source) -> Embedder:
    from workers.embedding.torch_backend import TorchEmbedder

    return TorchEmbedder(source)
