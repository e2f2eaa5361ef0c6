"""The weights of a model: which files they are, and their digest, remembered so that no start has to read them all."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import orjson

from memmux.errors import ModelInvalidError
from memmux.files import durable, private

MEMORY = "digests.json"  # in the folder of exported models


def files(folder: Path) -> list[Path]:
    """Return the files that hold the weights of the model in `folder`; none if it is not a whole model."""
    for pattern in ("model*.safetensors", "pytorch_model*.bin", "e5-small-q4.bin"):
        if found := sorted(folder.glob(pattern)):
            return found
    return []


def digest(folder: Path, memory: Path) -> str:
    """Return the SHA-256 of the weights in `folder`, hex; of several files, that of their digests.

    memory: where digests are remembered, by path, size and time of change; made if it is missing.
    Raises ModelInvalidError when the weights can't be read.
    """
    try:
        found = [_remembered(path.resolve(), memory) for path in files(folder)]
    except OSError as error:
        raise ModelInvalidError(f"the model's weights in {folder} can't be read: {error.strerror}") from None
    if not found:
        raise ModelInvalidError(f"{folder} holds no weights (model.safetensors); name the folder of a whole model")
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()


def _remembered(path: Path, memory: Path) -> str:
    state = path.stat()
    known = _load(memory)
    entry = known.get(str(path))
    if isinstance(entry, dict) and (entry.get("bytes"), entry.get("mtime_ns")) == (state.st_size, state.st_mtime_ns):
        return str(entry["sha256"])
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    known[str(path)] = {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": sha256}
    with contextlib.suppress(OSError):  # a cache folder that can't be written costs time, nothing else
        private.make_folder(memory.parent, sync=False)
        # What is lost is computed again. A cache may be shared, so the umask says who may read it.
        durable.write(memory, orjson.dumps(known), mode=None, sync=False)
    return sha256


def _load(memory: Path) -> dict[str, object]:
    try:
        known = orjson.loads(memory.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return known if isinstance(known, dict) else {}
