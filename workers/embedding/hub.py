"""The hub: which files the repository of a model has, and how they come here. What was interrupted goes on.

The hub's own client says where things are and with whose rights; it can't go on with what an earlier process left, so
the files are read here.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from huggingface_hub import constants

from memmux.errors import MemmuxError, ModelInvalidError, ModelMissingError, StorageFullError
from memmux.files import durable
from workers.embedding import sources

if TYPE_CHECKING:
    import httpx2

Told = Callable[[int, int], None]
"""Is told how many bytes are here, and of how many."""

ANSWER_S = 3.0  # how long the hub may take to answer before it counts as out of reach
READ_S = 10.0  # and to send more of a file
TRIES = 5  # of a connection that breaks, without a byte more
PAUSE_S = 0.5  # between two of them
PART = ".part"  # how the name of a file ends that is not here in full
_COMMIT = ".commit"  # the file that says what the others are of
_BLOCK = 1 << 18  # bytes
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository; sha256: hex, where the hub knows it."""

    name: str
    size: int
    sha256: str | None


def fetch(repository: str, folder: Path, wanted: Callable[[Sequence[str]], set[str]], told: Told) -> None:
    """Bring the wanted files of a repository into `folder`, which may have some of them from an interrupted run.

    wanted: chooses among the names of files. Raises ModelMissingError if the hub is out of reach or has no such model,
    ModelInvalidError if what comes is not what the hub says it is, StorageFullError, and OSError.
    """
    if constants.HF_HUB_OFFLINE:
        raise ModelMissingError(
            f"the model {repository} is not on this machine, and HF_HUB_OFFLINE is set; unset it and "
            f"{sources.remedy(repository)}"
        )
    import httpx2  # slow to import, and seldom needed

    try:
        commit, files = _list(repository)
        names = wanted([file.name for file in files])
        files = [file for file in files if file.name in names]
        _begin(folder, commit)
        _refuse_full(folder, sum(file.size for file in files))
        _download(repository, commit, folder, files, told)
    except httpx2.HTTPError as error:
        raise _said(repository, error) from None
    (folder / _COMMIT).unlink()


def _list(repository: str) -> tuple[str, list[RemoteFile]]:
    """Return the newest commit of a repository and its files."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    try:
        info = HfApi().model_info(repository, files_metadata=True, timeout=ANSWER_S)
    except HFValidationError as error:
        raise ModelMissingError(f"{repository!r} is no name of a model: {error}") from None
    files = []
    for found in info.siblings or ():
        path = PurePosixPath(found.rfilename)
        if path.is_absolute() or ".." in path.parts or found.size is None:
            continue  # nothing that a model has
        files.append(RemoteFile(found.rfilename, found.size, found.lfs.sha256 if found.lfs is not None else None))
    return str(info.sha), files


def _begin(folder: Path, commit: str) -> None:
    """Keep of `folder` what is of this commit."""
    note = folder / _COMMIT
    if not note.is_file() or note.read_text() != commit:
        shutil.rmtree(folder)
        folder.mkdir()
        note.write_text(commit)


def _refuse_full(folder: Path, total: int) -> None:
    here = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != _COMMIT)
    needed, free = 2 * total - here, shutil.disk_usage(folder).free  # its weights are packed into another file
    if free < needed:
        raise StorageFullError(
            f"the model takes {needed // _MIB} MiB more in {folder.parent}, where {free // _MIB} are free; "
            "free some space, or name another place with MEMMUX_CACHE_DIR"
        )


def _download(repository: str, commit: str, folder: Path, files: Sequence[RemoteFile], told: Told) -> None:
    from huggingface_hub import hf_hub_url

    total, before = sum(file.size for file in files), 0
    for file in files:
        path = folder / file.name
        if not path.is_file() or path.stat().st_size != file.size:
            path.parent.mkdir(parents=True, exist_ok=True)
            url = hf_hub_url(repository, file.name, revision=commit)
            part = path.with_name(path.name + PART)
            _whole(url, part, file, lambda size, before=before: told(before + size, total))  # type: ignore[misc]
            durable.rename(part, path, sync=False)  # the folder is, before it takes its place
        before += file.size
        told(before, total)


def _whole(url: str, part: Path, file: RemoteFile, told: Callable[[int], None]) -> None:
    """Bring a file here in full, over as many connections as it takes; raise ModelInvalidError if it is another."""
    import httpx2

    tries = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        if before > file.size:
            part.unlink()
            continue
        if before == file.size:
            break
        try:
            _more(url, part, before, file.size, told)
        except httpx2.TransportError:
            tries = 0 if part.exists() and part.stat().st_size > before else tries + 1
            if tries == TRIES:
                raise
            time.sleep(PAUSE_S)
    if file.sha256 is not None:
        with part.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != file.sha256:
            raise ModelInvalidError(
                f"{file.name} came with the SHA-256 {found}, which should be {file.sha256}; run `memmux setup` again"
            )


def _more(url: str, part: Path, before: int, size: int, told: Callable[[int], None]) -> None:
    """Read on where `part` ends, as far as the connection holds."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # it imports what is asked for, unseen by mypy
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if before:
        headers["Range"] = f"bytes={before}-"
    with get_session().stream("GET", url, headers=headers, timeout=READ_S) as response, part.open("ab") as file:
        hf_raise_for_status(response)
        if response.status_code != 206:  # noqa: PLR2004  # it begins at the beginning
            file.truncate(0)
        for block in response.iter_bytes(_BLOCK):
            file.write(block)
            told(min(file.tell(), size))
            if file.tell() > size:
                raise ModelInvalidError(f"{url} sends more than it says; run `memmux setup` again")


def _said(repository: str, error: httpx2.HTTPError) -> MemmuxError:
    """Return what a failure of the connection, or an answer of the hub's, means."""
    from huggingface_hub.errors import HfHubHTTPError

    remedy = sources.remedy(repository)
    if not isinstance(error, HfHubHTTPError):
        return ModelMissingError(
            f"the model {repository} is not on this machine and can't be downloaded from {constants.ENDPOINT} "
            f"({type(error).__name__}: {error}); with a connection {remedy}; without one, copy its folder here and "
            "name that with `memmux setup --from FOLDER`"
        )
    status = error.response.status_code
    if status in (401, 403, 404):
        return ModelMissingError(
            f"{constants.ENDPOINT} has no model {repository}, or not for you ({status}); correct MEMMUX_MODEL, or "
            f"{remedy}"
        )
    return ModelMissingError(
        f"{constants.ENDPOINT} does not give the model {repository} now ({status}); later {remedy}"
    )
