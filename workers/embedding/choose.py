"""The choice of a backend: the one that the settings name, or the best that is there."""

from __future__ import annotations

from dataclasses import dataclass

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelInvalidError
from memmux.logs import log
from workers.embedding import exports, sources
from workers.embedding.interface import Embedder
from workers.embedding.sources import Source
from workers.runtime.child import Child

# Each backend is imported where it is chosen: torch costs seconds and half a gigabyte, onnxruntime a tenth of that.


@dataclass(frozen=True, slots=True)
class Choice:
    """A loaded embedder.

    export_wanted: a better one would be there if the model were exported.
    """

    embedder: Embedder
    export_wanted: bool = False


def choose(settings: Settings) -> Choice:
    """Return the embedder that `settings` ask for, loaded.

    With the choice `onnx` and no export yet, this exports first, which takes about half a minute.
    Raises ModelMissingError or ModelInvalidError when there is no model that can be loaded.
    """
    if settings.embedder is EmbedderChoice.HASH:
        from workers.embedding.hashing import HashEmbedder

        return Choice(HashEmbedder())
    source = sources.find(settings)
    if settings.embedder is EmbedderChoice.TORCH:
        return Choice(_torch(source))
    embedder = _onnx(settings, source)
    if embedder is None and settings.embedder is EmbedderChoice.ONNX:
        return Choice(_exported_first(settings, source))
    if embedder is not None:
        return Choice(embedder)
    return Choice(_torch(source), export_wanted=exports.refused(settings, source) is None)


def _torch(source: Source) -> Embedder:
    from workers.embedding.torch_backend import TorchEmbedder

    return TorchEmbedder(source)


def _onnx(settings: Settings, source: Source) -> Embedder | None:
    """Return the embedder of the model's export; None if there is none, or one that can't be loaded."""
    export = exports.find(settings, source)
    if export is None:
        return None
    from workers.embedding.onnx_backend import OnnxEmbedder

    try:
        return OnnxEmbedder(export)
    except ModelInvalidError as error:
        log.get().warning("export_discarded", folder=str(export.folder), error=error.message)
        export.discard()
        return None


def _exported_first(settings: Settings, source: Source) -> Embedder:
    exporter = Child("export", settings)
    try:
        exporter.wait()
    finally:
        exporter.close()
    embedder = _onnx(settings, source)
    if embedder is None:
        reason = exports.refused(settings, source) or "the export failed, and its log in the state folder says why"
        raise ModelInvalidError(f"{source.name} can't run on onnxruntime: {reason}; set MEMMUX_EMBEDDER to auto")
    return embedder
