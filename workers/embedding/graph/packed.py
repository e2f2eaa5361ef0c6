"""Packed graphs: a model's graph as onnxruntime has optimized it, its weights packed for the processor beside it.

All processes map that file, so the weights are in memory once. It is a folder in the cache, named after the model and
its weights. Its manifest is written last and the folder appears by one rename, so a folder with a manifest is whole.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import orjson

from memmux.config.settings import Settings
from memmux.errors import ModelInvalidError
from memmux.files import durable, private
from memmux.files.lock import FileLock
from workers.embedding.graph.architecture import Architecture
from workers.embedding.sources import Source, models_folder

FORMAT = 4  # of manifest and graph; each has its own place, as two versions of memmux may share a cache
GRAPH = "model.onnx"
GRAPH_DATA = "model.onnx.data"
MANIFEST = "manifest.json"
Write = Callable[[Path], Sequence[Sequence[float]]]
State = tuple[tuple[int, int, int], ...]
"""Inode, size and time of change of each of some files."""
_FILES = (GRAPH, GRAPH_DATA)
_BLOCK = 1 << 20  # bytes read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of a packed graph.

    weights, configuration: SHA-256 of the weights and of the other files of the model that it was made of. onnxruntime:
    the version that packed it; another one packs otherwise. sizes, checksums: of its files, in bytes and as CRC-32.
    architecture: what the model is, which takes a while to read. vectors: what it made of the probes when it was new.
    """

    format: int = FORMAT
    model: str
    weights: str
    configuration: str
    onnxruntime: str
    sizes: Mapping[str, int]
    checksums: Mapping[str, int]
    architecture: Architecture
    vectors: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Packed:
    """The folder of a packed graph, and its manifest."""

    folder: Path
    manifest: Manifest

    def check(self) -> None:
        """Raise ModelInvalidError if its files are not those that were written: what is damaged loads silently."""
        try:
            damaged = [name for name in _FILES if _checksum(self.folder / name) != self.manifest.checksums[name]]
        except (OSError, KeyError) as error:
            raise ModelInvalidError(f"the packed model in {self.folder} can't be read: {error}") from None
        if damaged:
            raise ModelInvalidError(f"{self.folder / damaged[0]} is damaged")

    def state(self) -> State:
        """Return by what it shows that its files were written to, or exchanged; raise OSError if one is gone."""
        found = ((self.folder / name).stat() for name in _FILES)
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)

    def discard(self) -> None:
        """Make it count as absent, so that it is made again; one that can't be written stays."""
        with suppress(OSError):
            (self.folder / MANIFEST).unlink()


def place(settings: Settings, source: Source) -> Path:
    """Return the folder where the packed graph of a model belongs."""
    return models_folder(settings) / f"{source.name.replace('/', '--')}-{source.digest[:12]}-{FORMAT}"


def find(settings: Settings, source: Source) -> Packed | None:
    """Return the packed graph of a model, if there is a whole one of this very model and this onnxruntime."""
    folder = place(settings, source)
    try:
        fields = orjson.loads((folder / MANIFEST).read_bytes())
        manifest = Manifest(**{**fields, "architecture": Architecture(**fields["architecture"])})
        fits = (
            manifest.format == FORMAT
            and (manifest.model, manifest.weights) == (source.name, source.digest)
            and manifest.configuration == configuration(source)
            and manifest.onnxruntime == onnxruntime.__version__
            and manifest.sizes == _sizes(folder)
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Packed(folder, manifest) if fits else None


def signs(settings: Settings) -> frozenset[tuple[str, int, int]]:
    """Return the packed graphs of all models, each as its manifest's path, inode and time: another set if one is new.

    That is cheap, where `Source` takes a digest of all weights.
    """
    found = set()
    for manifest in models_folder(settings).glob(f"*-{FORMAT}/{MANIFEST}"):
        with suppress(OSError):  # it was discarded just now
            there = manifest.stat()
            found.add((str(manifest), there.st_ino, there.st_mtime_ns))
    return frozenset(found)


def make(settings: Settings, source: Source, of: Architecture, write: Write) -> Packed:
    """Make the packed graph of a model, one process at a time; whoever waited finds the work done.

    write: puts the two files into a folder and returns the vectors of the probes. Raises OSError when the cache can't
    be written, and whatever `write` raises.
    """
    folder = place(settings, source)
    private.make_folder(folder.parent, sync=False)
    with FileLock(folder.with_name(f"{folder.name}.lock")) as lock:
        lock.wait()
        if (found := find(settings, source)) is not None:
            return found
        partial = folder.with_name(f".{folder.name}{durable.PARTIAL}")
        shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed: the lock is ours
        partial.mkdir()
        try:
            vectors = write(partial)
            manifest = Manifest(
                model=source.name,
                weights=source.digest,
                configuration=configuration(source),
                onnxruntime=onnxruntime.__version__,
                sizes=_sizes(partial),
                checksums={name: _checksum(partial / name) for name in _FILES},
                architecture=of,
                vectors=vectors,
            )
            (partial / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
            shutil.rmtree(folder, ignore_errors=True)  # one that was discarded, or of another configuration
            durable.rename(partial, folder, sync=False)  # damage is noticed, and it is made again
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return Packed(folder, manifest)


def configuration(source: Source) -> str:
    """Return the SHA-256, hex, of what beside its weights makes a model: tokenizer, pooling, lengths."""
    digest = hashlib.sha256()
    for path in sorted(source.folder.rglob("*.json")):
        digest.update(path.relative_to(source.folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sizes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in _FILES}


def _checksum(path: Path) -> int:
    # A third of what a digest takes, at each start; it is against damage, not against a person.
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum
