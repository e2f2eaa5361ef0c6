"""The set-up of the model, as a task: it is got, checked, and made ready for the first search.

`python -P -m workers setup [--from=FOLDER] FLAGS…`; lines that say how far it is come before the answer.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelInvalidError, ModelMissingError
from workers.embedding import choose, installation, sources, weights
from workers.embedding.hub import Told

FROM = "--from="
_EVERY_S = 0.1  # between two lines


def run(settings: Settings, arguments: Sequence[str]) -> dict[str, object]:
    """Return which model is ready; raise the error that says why there is none."""
    # There is nothing to tidy up, and nobody left to tell: an interrupt ends it at once, and so does a reader who went.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    began = time.monotonic()
    before = _there(settings)
    told = _teller()
    folders = [argument.removeprefix(FROM) for argument in arguments if argument.startswith(FROM)]
    source = installation.copy(settings, Path(folders[0]), told) if folders else installation.find(settings, told)
    if settings.embedder is EmbedderChoice.HASH:
        settings = replace(settings, embedder=EmbedderChoice.AUTO)
    embedder = choose.load(settings, source)
    return {
        "model": source.name,
        "folder": str(source.folder),
        "new": before != str(source.folder),
        "sha256": source.digest,
        "bytes": sum(path.stat().st_size for path in weights.files(source.folder)),
        "backend": embedder.backend,
        "dimensions": embedder.dimensions,
        "seconds": round(time.monotonic() - began, 3),
    }


def _there(settings: Settings) -> str | None:
    """Return the folder of the model that is here already."""
    try:
        return str(sources.find(settings).folder)
    except (ModelMissingError, ModelInvalidError):
        return None


def _teller() -> Told:
    """Return what prints how much is done, now and then and at the end."""
    last = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done >= total or now - last >= _EVERY_S:
            last = now
            sys.stdout.buffer.write(orjson.dumps({"progress": [done, total]}) + b"\n")
            sys.stdout.buffer.flush()

    return tell
