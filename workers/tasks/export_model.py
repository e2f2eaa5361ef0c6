"""The export: makes a model's onnx graph once, verifies it against sentence-transformers, and puts it into the cache.

Run as `python -P -m workers export FLAGS…`, politely and one at a time. The exit code is 0 when the export is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from memmux.config.settings import Settings
from memmux.errors import MemmuxError, ModelInvalidError
from memmux.files import durable, private
from memmux.files.lock import FileLock
from memmux.logs import log
from workers.embedding import exports, sources
from workers.embedding.exports import GRAPH, MANIFEST, TOKENIZER, Export, Manifest
from workers.embedding.sources import Source
from workers.runtime.child import die_with_parent

NICENESS = 10
MOST_DIFFERENCE = 1e-4  # of any number of any vector
# Padded together in one batch, where a wrong graph shows: several lengths, one past any window, several scripts.
TEXTS = (
    "a",
    "How do I read a file line by line?",
    "Two words.\n\tThen, some MORE of them; naïve façade, Straße, 42 %.",
    "記憶は共有される。 Память общая. الذاكرة مشتركة 🧠",
    "The writer drains its queue into one transaction, commits once, and acknowledges everyone. " * 5,
    "a text that no model of this kind reads to its end " * 400,
)


def main(settings: Settings) -> int:
    """Export the model of `settings` unless it is done already; return the exit code."""
    logger = log.get()
    die_with_parent()
    os.nice(NICENESS)
    started = time.monotonic()
    try:
        source = sources.find(settings)
        with _alone(exports.place(settings, source)):
            if exports.find(settings, source) is not None:
                logger.info("export_found", model=source.name)
                return 0
            export = _export(settings, source)
    except ModelInvalidError as error:
        logger.warning("export_refused", model=settings.model, code=error.code, error=error.message)
        return 1
    except (MemmuxError, OSError) as error:
        logger.error("export_failed", model=settings.model, error=str(error))
        return 1
    except Exception:
        logger.exception("export_failed", model=settings.model)
        return 1
    logger.info(
        "model_exported",
        model=source.name,
        folder=str(export.folder),
        difference=export.manifest.difference,
        seconds=round(time.monotonic() - started, 1),
    )
    return 0


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold the lock of this export; whoever waited for it will find the work done."""
    private.make_folder(place.parent, sync=False)
    with FileLock(place.with_name(f"{place.name}.lock")) as lock:
        lock.wait()
        yield


def _export(settings: Settings, source: Source) -> Export:
    """Make, verify and publish the export; raise ModelInvalidError, and remember it, if the model does not allow it."""
    place = exports.place(settings, source)
    partial = place.with_name(f".{place.name}{durable.PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)  # of an export that was killed: the lock is ours
    partial.mkdir()
    try:
        export = _make(source, partial)
    except ModelInvalidError as error:
        shutil.rmtree(partial)
        exports.refuse(settings, source, error.message)
        raise
    (partial / MANIFEST).write_bytes(orjson.dumps(export.manifest, option=orjson.OPT_INDENT_2))
    shutil.rmtree(place, ignore_errors=True)  # one that was discarded, or of another configuration
    durable.rename(partial, place)
    return Export(place, export.manifest)


def _make(source: Source, folder: Path) -> Export:
    """Write the graph and the tokenizer into `folder`; return the export, verified."""
    from workers.embedding import torch_backend, torch_export  # slow to import
    from workers.embedding.onnx_backend import OnnxEmbedder

    warnings.simplefilter("ignore")  # the exporter warns of its own insides
    model = torch_backend.load(source)
    inputs = torch_export.write_graph(model, folder / GRAPH)
    torch_backend.tokenizer(model).save(str(folder / TOKENIZER))
    manifest = Manifest(
        model=source.name,
        dimensions=int(model.get_embedding_dimension() or 0),
        max_tokens=torch_backend.max_tokens(model),
        inputs=inputs,
        padding=int(model.tokenizer.pad_token_id or 0),
        source=str(source.folder),
        weights=source.digest,
        configuration=exports.configuration(source),
        sizes=exports.sizes(folder),
        versions=exports.versions(),
        difference=0.0,
    )
    exported = OnnxEmbedder(Export(folder, manifest)).embed(TEXTS)
    wanted = model.encode(list(TEXTS), batch_size=len(TEXTS), normalize_embeddings=True, show_progress_bar=False)
    difference = float(np.abs(exported - np.asarray(wanted)).max())
    if not difference <= MOST_DIFFERENCE:  # written so that NaN is refused as well
        raise ModelInvalidError(f"its graph differs by {difference:.2g} from sentence-transformers")
    return Export(folder, replace(manifest, difference=difference))
