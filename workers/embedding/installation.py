"""Installations of models: a folder of our own, made beside its place, which it takes when it is whole and right.

Whatever ends it before, there is no half model; what came from the hub stays beside, and the next try goes on with it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from memmux.config.settings import Settings
from memmux.errors import MemmuxError, ModelInvalidError, ModelMissingError, of_system
from memmux.files import durable, private
from memmux.files.lock import FileLock
from memmux.logs import log
from workers.embedding import hub, sources, weights
from workers.embedding.hub import Told
from workers.embedding.sources import WHEEL_MODEL, Source

_TEXTS = (".json", ".txt", ".model")  # what tokenizers and settings are in
_MODULE = re.compile(r"\d+_\w+")  # a folder of a pipeline's; others have weights for other libraries
_DEFAULT = ("config.json", "modules.json", "tokenizer.json", "model.safetensors", "1_Pooling/config.json")


def silent(done: int, total: int) -> None:
    """Tell nobody."""


def find(settings: Settings, told: Told = silent) -> Source:
    """Return the files of the model that `settings` name, downloaded first if they are nowhere here.

    Raises ModelMissingError when they are out of reach, ModelInvalidError when they are not what they should be, and
    StorageError when they can't be written.
    """
    try:
        return sources.find(settings)
    except (ModelMissingError, ModelInvalidError) as error:
        if sources.is_folder(settings.model) or settings.model == sources.NANO:
            raise
        found = error
    repository = sources.repository(settings)

    def write(folder: Path) -> None:
        log.get().info("model_download_began", repository=repository)
        try:
            hub.fetch(repository, folder, wanted, told)
        except MemmuxError as error:
            log.get().warning("model_download_failed", repository=repository, error=error.message)
            raise
        log.get().info("model_downloaded", repository=repository)

    try:
        return _install(settings, write, lambda _here: True)
    except ModelMissingError:
        if isinstance(found, ModelInvalidError):
            raise found from None  # there is one, and what is wrong with it says more
        raise


def copy(settings: Settings, folder: Path, told: Told = silent) -> Source:
    """Return the model that `settings` name, which `folder` has, as a copy; nothing is copied if it is here already.

    Raises ModelMissingError if there is no such folder, ModelInvalidError if it is not that model, and StorageError.
    """
    repository = sources.repository(settings)
    name = repository.removeprefix(sources.HOUSE)
    if not folder.is_dir():
        raise ModelMissingError(f"there is no folder {folder}; name one that holds the files of {name}")
    lacking = [file for file in (_DEFAULT if name == WHEEL_MODEL else ()) if not (folder / file).is_file()]
    if lacking or not sources.whole(folder):
        missing = ", ".join(lacking) or "config.json or model.safetensors"
        raise ModelInvalidError(f"{folder} is not a whole model: it has no {missing}; name the folder of one")
    folder = folder.resolve()
    source = Source(name, folder, weights.digest(folder, sources.models_folder(settings) / weights.MEMORY))
    if not source.known():
        raise ModelInvalidError(f"the weights in {folder} are not those of {name}; name the folder of that model")

    def write(partial: Path) -> None:
        names = wanted([path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()])
        done, total = 0, sum((folder / name).stat().st_size for name in names)
        for file in sorted(names):
            (partial / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file, partial / file)
            told(done := done + (folder / file).stat().st_size, total)

    return _install(settings, write, lambda here: here.digest == source.digest)


def wanted(names: Sequence[str]) -> set[str]:
    """Return which files of a model are used here: its settings, its tokenizer, and weights of one form."""
    texts = set()
    forms: dict[str, set[str]] = {"safetensors": set(), "bin": set()}
    for name in names:
        path = PurePosixPath(name)
        if len(path.parts) > 2 or (len(path.parts) == 2 and not _MODULE.fullmatch(path.parts[0])):  # noqa: PLR2004
            continue
        if path.suffix in _TEXTS:
            texts.add(name)
        elif path.match("model*.safetensors"):
            forms["safetensors"].add(name)
        elif path.match("pytorch_model*.bin"):
            forms["bin"].add(name)
    return texts | (forms["safetensors"] or forms["bin"])


def _install(settings: Settings, write: Callable[[Path], None], good: Callable[[Source], bool]) -> Source:
    """Make the installation, one process at a time, unless there is a good one: whoever waited finds the work done."""
    place = sources.place(settings)
    partial = place.with_name(f".{place.name}{durable.PARTIAL}")
    with _written(place), _locked(place):
        with suppress(ModelMissingError, ModelInvalidError):
            if good(here := sources.find(settings)):
                return here
        partial.mkdir(exist_ok=True)
        try:
            write(partial)
            _check(settings, partial)
        except ModelInvalidError:
            shutil.rmtree(partial, ignore_errors=True)  # nothing to go on with
            raise
        except MemmuxError:
            with suppress(OSError):
                partial.rmdir()  # if nothing came at all
            raise
        shutil.rmtree(place, ignore_errors=True)
        durable.rename(partial, place)
        return sources.find(settings)


def _check(settings: Settings, folder: Path) -> None:
    name = sources.repository(settings).removeprefix(sources.HOUSE)
    if not sources.whole(folder):
        raise ModelInvalidError(f"{name} is not a model that sentence-transformers can load; name another")
    memory = sources.models_folder(settings) / weights.MEMORY
    if not Source(name, folder, weights.digest(folder, memory)).known():
        raise ModelInvalidError(
            f"the weights that came are not those of {name}, and were removed; {sources.remedy(name)}"
        )


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    private.make_folder(place.parent, sync=False)
    with FileLock(place.with_name(f".{place.name}.lock")) as lock:
        lock.wait()
        yield


@contextmanager
def _written(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise of_system(error, f"the model can't be written into {place}") from None
