"""The onnx backend: a model's graph, built from its files, run by onnxruntime: no torch, and little to load."""

from __future__ import annotations

import ctypes
import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from memmux.config.settings import Settings
from memmux.errors import MemmuxError, ModelInvalidError
from memmux.logs import log
from memmux.wire.embeddings import Window
from workers.embedding import probes, sources
from workers.embedding.graph import architecture, build, packed
from workers.embedding.graph.architecture import TOKENIZER, Architecture
from workers.embedding.graph.build import INPUTS
from workers.embedding.graph.packed import GRAPH, GRAPH_DATA
from workers.embedding.interface import Vectors
from workers.embedding.sources import Source
from workers.embedding.windows import ModelTokenizer
from workers.runtime import heap
from workers.runtime.jobs import Alive, silent

_ERRORS_ONLY = 3  # onnxruntime's severity: it would write warnings to stderr
_LEAST_EXTERNAL = 1000  # bytes of a tensor that goes into the file beside the graph
_MALLOPT_MMAP_THRESHOLD = -3  # mallopt(3)
_MMAP_THRESHOLD = 1_000_000  # bytes of a block that goes back to the system when it is freed


class OnnxEmbedder:
    """A model run by onnxruntime in `session`; raises ModelInvalidError if its tokenizer can't be loaded."""

    backend = "onnx"
    packs = True
    threads = True
    degraded = ()

    def __init__(self, source: Source, of: Architecture, session: onnxruntime.InferenceSession) -> None:
        self.name = source.name
        self.dimensions = of.hidden
        self._of = of
        self._session = session
        # What a large batch took is given back: else each worker keeps it for good.
        self._options = onnxruntime.RunOptions()
        self._options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        path = source.folder / TOKENIZER
        try:
            self._tokenizer = ModelTokenizer(Tokenizer.from_file(str(path)), of.max_tokens)
        except Exception as error:  # the library raises nothing narrower
            raise ModelInvalidError(f"{path} can't be loaded: {error}; install the model again") from error
        self.max_tokens = self._tokenizer.max_tokens

    def windows(self, text: str, alive: Alive = silent) -> tuple[Window, ...]:
        """Return the windows of `text`."""
        return self._tokenizer.windows(text, alive)

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:  # noqa: ARG002  # all texts are alike
        """Return one unit row per text, of zeros for one without a token."""
        ids = [np.array(self._tokenizer.encode(text).ids, np.int64) for text in texts]
        shares = np.zeros((len(ids), sum(map(len, ids))), np.float32)
        end = 0
        for row, tokens in enumerate(ids):
            begin, end = end, end + len(tokens)
            shares[row, begin : min(begin + 1, end) if self._of.pooling == "cls" else end] = 1
        if not shares.size:
            return np.zeros((len(texts), self.dimensions), dtype=np.float32)
        shares /= np.maximum(1, shares.sum(axis=1, keepdims=True))
        places = np.concatenate([self._of.places(tokens) for tokens in ids])
        numbers = np.repeat(np.arange(len(ids)), [len(tokens) for tokens in ids])
        given = dict(zip(INPUTS, (np.concatenate(ids), places, numbers, shares), strict=True))
        rows: Vectors = self._session.run(None, given, self._options)[0]
        return rows


def load(settings: Settings, source: Source) -> OnnxEmbedder:
    """Return the model, from its packed graph, which is made first where there is none; that takes half a second.

    Where the cache can't be written, or what was just made can't be loaded, the graph runs over the model's own file.
    Raises ModelUnsupportedError if no graph of it can be built, and ModelInvalidError if its files are not what they
    should be.
    """
    if (found := packed.find(settings, source)) is not None:
        try:
            return _open(source, found)
        except ModelInvalidError as error:
            log.get().warning("graph_discarded", folder=str(found.folder), error=error.message)
            found.discard()
    of = architecture.read(source.folder)
    try:
        return _open(source, _made(settings, source, of))
    except (OSError, ModelInvalidError) as error:
        embedder = _straight(source, of)  # which raises if it was the model's fault
        probes.verify(embedder, source.digest)
        log.get().warning("graph_not_kept", folder=str(packed.place(settings, source)), error=str(error))
        return embedder


def shared(settings: Settings) -> OnnxEmbedder | None:
    """Return the model from its packed graph; None while there is none on this machine.

    Raises ModelMissingError or ModelInvalidError when model or graph are not what they should be.
    """
    if not packed.signs(settings):
        return None
    source = sources.find(settings)
    found = packed.find(settings, source)
    return None if found is None else _open(source, found)


@dataclass(frozen=True, slots=True)
class _Files:
    """What a model is made of: the packed graph, which knows the digests of all the rest, and as what it is there."""

    source: Source
    graph: packed.Packed
    state: packed.State


@dataclass(slots=True)
class _Kept:
    """The model that processes share which are forked from this one; files: of which it is, or could not be, made."""

    files: _Files | None = None
    embedder: OnnxEmbedder | None = None


_kept = _Kept()


def keep(settings: Settings) -> None:
    """Load the model, if its packed graph is there, for this process and those that are forked from it.

    They use it as long as its files are the same; if they are, nothing is done here either. What is wrong with it,
    `shared` and `load` say in each of them.
    """
    files = _present(settings)
    if files == _kept.files:
        return
    _kept.files, _kept.embedder = files, None
    if files is not None:
        with suppress(MemmuxError):
            _kept.embedder = _new(files.source, files.graph)


def _present(settings: Settings) -> _Files | None:
    """Return the files of the model and its packed graph; None if there is none, or it is not what it should be."""
    with suppress(MemmuxError, OSError):
        if packed.signs(settings):
            source = sources.find(settings)
            if (found := packed.find(settings, source)) is not None:
                return _Files(source, found, found.state())
    return None


def _open(source: Source, found: packed.Packed) -> OnnxEmbedder:
    with suppress(OSError):
        if _kept.embedder is not None and _kept.files == _Files(source, found, found.state()):
            return _kept.embedder
    return _new(source, found)


def _new(source: Source, found: packed.Packed) -> OnnxEmbedder:
    found.check()
    embedder = OnnxEmbedder(source, found.manifest.architecture, _session(str(found.folder / GRAPH), _options()))
    probes.compare(embedder, found.manifest.vectors)
    return embedder


def _made(settings: Settings, source: Source, of: Architecture) -> packed.Packed:
    began = time.monotonic()

    def write(folder: Path) -> list[list[float]]:
        options = _options()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(folder / GRAPH)
        name = "session.optimized_model_external_initializers"
        options.add_session_config_entry(f"{name}_file_name", GRAPH_DATA)
        options.add_session_config_entry(f"{name}_min_size_in_bytes", str(_LEAST_EXTERNAL))
        options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
        vectors: list[list[float]] = probes.verify(_straight(source, of, options), source.digest).tolist()
        seconds = round(time.monotonic() - began, 2)
        log.get().info("graph_made", model=source.name, folder=str(packed.place(settings, source)), seconds=seconds)
        return vectors

    try:
        return packed.make(settings, source, of, write)
    finally:
        heap.give_back()  # 9 MiB of holes at its end


def _straight(source: Source, of: Architecture, options: onnxruntime.SessionOptions | None = None) -> OnnxEmbedder:
    """Return the model on a graph over its own file of weights, once these are what they are said to be."""
    graph, path = build.build(of, source.folder)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != source.digest:
            raise ModelInvalidError(f"{path} has changed since it was first read; install the model again")
    options = options or _options()
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    return OnnxEmbedder(source, of, _session(graph, options))


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    return options


def _session(model: str | bytes, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    _give_back_large_blocks()
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises classes that it does not export
        raise ModelInvalidError(f"the model can't be loaded: {error}") from error


def _give_back_large_blocks() -> None:
    # glibc raises its threshold with each large block that is freed, and then keeps such; others have no such call.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_MALLOPT_MMAP_THRESHOLD, _MMAP_THRESHOLD)
