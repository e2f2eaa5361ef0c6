"""The choice of a backend: the one that the settings name, or the best that is there."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection
from dataclasses import replace

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelMissingError, ModelUnsupportedError
from memmux.installation import adding
from memmux.logs import log
from workers.embedding import installation, sources
from workers.embedding.hashing import HashEmbedder, is_hash
from workers.embedding.interface import Embedder, Named
from workers.embedding.sources import Source

# Each backend is imported where it is chosen: torch costs seconds and half a gigabyte, onnxruntime a tenth of that.


def choose(settings: Settings) -> Embedder:
    """Return the embedder that `settings` ask for, loaded.

    Raises ModelMissingError, ModelInvalidError or ModelUnsupportedError when there is no model that can be loaded.
    """
    if settings.embedder is EmbedderChoice.HASH:
        return _hashing(settings)
    return load(settings, installation.find(settings))


def known(settings: Settings, model: Named) -> Embedder:
    """Return the model with whose vectors a database was filled, loaded from this machine; raise as `choose` does."""
    named = _naming(settings, model)
    hashed = named.embedder is EmbedderChoice.HASH
    return _same(_hashing(named) if hashed else load(named, sources.find(named)), model)


def known_shared(settings: Settings, model: Named) -> Embedder | None:
    """Return that model if all processes share its weights; raise as `choose_shared` does."""
    found = choose_shared(_naming(settings, model))
    return None if found is None else _same(found, model)


def _naming(settings: Settings, model: Named) -> Settings:
    """Return the settings with which a database was filled."""
    source = model.source or model.name
    if is_hash(source):
        return replace(settings, embedder=EmbedderChoice.HASH, model=source)
    auto = settings.embedder is EmbedderChoice.HASH or source == sources.NANO
    return replace(settings, embedder=EmbedderChoice.AUTO if auto else settings.embedder, model=source)


def _same(found: Embedder, model: Named) -> Embedder:
    if found.name != model.name:
        raise ModelMissingError(f"{model.source or model.name} is another model now, whose vectors are {found.name}'s")
    return found


def load(settings: Settings, source: Source) -> Embedder:
    """Return the model in `source`, run by what `settings` ask for; raise as `choose` does."""
    if settings.model == sources.NANO:
        return _nano(settings, source)
    if settings.embedder is EmbedderChoice.TORCH:
        if not torch_is_there():
            raise ModelUnsupportedError(f"MEMMUX_EMBEDDER is torch, so run `{adding('memmux[models]')}`, or unset it")
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
        return _hashing(settings)
    if settings.model == sources.NANO:
        return _nano(settings, sources.find(settings))
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


def _hashing(settings: Settings) -> Embedder:
    return HashEmbedder(settings.model)


def _nano(settings: Settings, source: Source) -> Embedder:
    if settings.embedder is not EmbedderChoice.AUTO:
        raise ModelUnsupportedError(
            f"MEMMUX_EMBEDDER is {settings.embedder}, and {sources.NANO} has an engine of its own; unset it"
        )
    from workers.embedding.nano_backend import NanoEmbedder

    return NanoEmbedder(source)


def _torch(source: Source) -> Embedder:
    from workers.embedding.torch_backend import TorchEmbedder

    return TorchEmbedder(source)
