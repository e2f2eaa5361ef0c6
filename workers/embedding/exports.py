"""Exported models: where each one is, what its manifest says, and whether it may be used.

An export is a folder in the cache, named after the model and its weights. Its manifest is written last and the folder
appears by one rename, so a folder with a manifest is whole and was verified.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from memmux.config.settings import Settings
from memmux.version import __version__
from workers.embedding.sources import Source, models_folder

FORMAT = 2  # of manifest and graph; each has its own place, as two versions of memmux may share a cache
GRAPH = "model.onnx"
GRAPH_DATA = "model.onnx.data"  # the weights, apart, so that they are mapped instead of copied
TOKENIZER = "tokenizer.json"
MANIFEST = "manifest.json"
_FILES = (GRAPH, GRAPH_DATA, TOKENIZER)
_MAKERS = ("torch", "sentence-transformers", "transformers", "onnxscript", "onnxruntime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of an export.

    inputs: the names of the graph's inputs, each int64 of shape (texts, tokens). padding: the token that fills up.
    weights, configuration: SHA-256 of the weights and of the other files of the model that was exported.
    sizes: of the export's files, in bytes. difference: the greatest one to sentence-transformers when it was verified.
    """

    format: int = FORMAT
    model: str
    dimensions: int
    max_tokens: int
    inputs: tuple[str, ...]
    padding: int
    source: str
    weights: str
    configuration: str
    sizes: Mapping[str, int]
    versions: Mapping[str, str]
    difference: float


@dataclass(frozen=True, slots=True)
class Export:
    """The folder of an exported model, and its manifest."""

    folder: Path
    manifest: Manifest

    def discard(self) -> None:
        """Make the export count as absent, so that it is made again."""
        (self.folder / MANIFEST).unlink(missing_ok=True)


def place(settings: Settings, source: Source) -> Path:
    """Return the folder where the export of a model belongs."""
    return models_folder(settings) / f"{source.name.replace('/', '--')}-{source.digest[:12]}-{FORMAT}"


def find(settings: Settings, source: Source) -> Export | None:
    """Return the export of a model, if there is a whole one of this very model."""
    folder = place(settings, source)
    try:
        fields = orjson.loads((folder / MANIFEST).read_bytes())
        manifest = Manifest(**{**fields, "inputs": tuple(fields["inputs"])})
        fits = (
            manifest.format == FORMAT
            and (manifest.model, manifest.weights) == (source.name, source.digest)
            and manifest.configuration == configuration(source)
            and manifest.sizes == sizes(folder)
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Export(folder, manifest) if fits else None


def sizes(folder: Path) -> dict[str, int]:
    """Return the sizes of an export's files, in bytes."""
    return {name: (folder / name).stat().st_size for name in _FILES}


def configuration(source: Source) -> str:
    """Return the SHA-256, hex, of what beside its weights makes a model: tokenizer, pooling, lengths."""
    digest = hashlib.sha256()
    for path in sorted(source.folder.rglob("*.json")):
        digest.update(path.relative_to(source.folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of everything that takes part in an export."""
    return {"memmux": __version__, **{name: importlib.metadata.version(name) for name in _MAKERS}}


def refuse(settings: Settings, source: Source, reason: str) -> None:
    """Remember that the model can't be exported, so that it is not tried again until a version changes."""
    fields = {"reason": reason, "configuration": configuration(source), "versions": versions()}
    _refusal(settings, source).write_bytes(orjson.dumps(fields))


def refused(settings: Settings, source: Source) -> str | None:
    """Return why the model can't be exported, None if nothing is known against it."""
    try:
        fields = orjson.loads(_refusal(settings, source).read_bytes())
        same = fields["versions"] == versions() and fields["configuration"] == configuration(source)
        return str(fields["reason"]) if same else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _refusal(settings: Settings, source: Source) -> Path:
    folder = place(settings, source)
    return folder.with_name(f"{folder.name}.refused.json")
