"""The paths of one cluster's files: beside its database, and in the runtime and state folders."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from memmux.config import user_folders
from memmux.config.settings import Settings
from memmux.config.user_folders import APPLICATION
from memmux.errors import EndpointTooLongError, StorageFullError, StoragePermissionError, of_system
from memmux.files import private
from memmux.files.lock import FileLock
from memmux.processes import alive

_ELSEWHERE = "MEMMUX_RUNTIME_DIR or MEMMUX_STATE_DIR"
IPC_PATH_BYTES = 103  # what sun_path holds on macOS, without its final zero; Linux has 107


@dataclass(frozen=True, slots=True)
class Places:
    """The files of the cluster that serves one database.

    Those that clients and routers must agree on stand beside the database, so that nothing depends on the environment
    that an MCP host hands to a server.
    """

    settings: Settings

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.settings.database

    def _beside(self, suffix: str) -> Path:
        return self.database.with_name(self.database.name + suffix)

    @property
    def lock(self) -> Path:
        """Held by the router, with flock, for its whole life: one cluster per database."""
        return self._beside(".lock")

    @property
    def spawn_lock(self) -> Path:
        """Held, with flock, by the client that is starting a cluster: one start at a time."""
        return self._beside(".spawn")

    @property
    def adopting(self) -> Path:
        """The database while it is made from one of mcp-memory-service; it takes its place when it is whole."""
        return self._beside(".adopting")

    @property
    def endpoint(self) -> Path:
        """Written by the router once it serves: where it listens, its pid and version."""
        return self._beside(".endpoint")

    @property
    def endpoint_when_full(self) -> Path:
        """The endpoint file where the disk of the database has no room for it; in the folder of the sockets."""
        return runtime_folder(self.settings) / self.digest / "endpoint"

    @property
    def keys(self) -> Path:
        """Which clients of other machines may come in, and what each may do."""
        return self._beside(".keys")

    @property
    def keys_lock(self) -> Path:
        """Held, with flock, by whoever changes the keys."""
        return self._beside(".keys.lock")

    @property
    def copies(self) -> Path:
        """Which backups and exports were put where the user chose; see `memmux.files.copies`."""
        return self._beside(".copies")

    @property
    def curve(self) -> Path:
        """The key pair by which clients of other machines know this cluster."""
        return self._beside(".curve")

    @property
    def signing(self) -> Path:
        """The secret by which the cluster knows what it has signed: cookies, and sessions over HTTP."""
        return self._beside(".signing")

    @property
    def logins(self) -> Path:
        """The folder of the codes that open the page once; beside the sockets, so that none outlasts the machine."""
        return runtime_folder(self.settings) / self.digest / "logins"

    @property
    def digest(self) -> str:
        """A short name for the database, for folders that serve several."""
        return hashlib.sha256(os.fsencode(self.database)).hexdigest()[:12]

    @property
    def logs(self) -> Path:
        """The folder of the log files of this cluster's processes."""
        return self.settings.state_dir / "logs" / self.digest

    @property
    def adoption(self) -> Path:
        """The report of the adoption that the database began with."""
        return self.logs / "adoption.json"

    @property
    def backups(self) -> Path:
        """The folder of the database's backups."""
        return self.settings.backups_dir or self._beside(".backups")

    @property
    def backups_stem(self) -> str:
        """How the names of the database's backups begin; a folder that the user named may serve several databases."""
        stem = self.database.stem
        return stem if self.settings.backups_dir is None else f"{stem}.{self.digest}"

    def is_backup(self, name: str) -> bool:
        """Return whether a file of that name is a backup of this database, as `BackupFolder` calls them."""
        return re.fullmatch(rf"{re.escape(self.backups_stem)}-\d{{8}}T\d{{6}}Z-\d+\.db", name) is not None

    @property
    def mcp_socket(self) -> Path:
        """Where relays of MCP hosts connect to; for a cluster elsewhere, to this machine's gateway to it."""
        remote = self.settings.remote
        digest = self.digest if remote is None else hashlib.sha256(os.fsencode(remote)).hexdigest()[:12]
        return runtime_folder(self.settings) / digest / "mcp"

    def sockets(self, successor: int = 0) -> tuple[str, str]:
        """Return the ipc addresses for clients and for workers, in a folder of mode 0700 that this makes.

        successor: the pid of a router that starts beside another one; its workers have an address of their own.
        Raises EndpointTooLongError, and StoragePermissionError when the folder belongs to somebody else.
        """
        folder = runtime_folder(self.settings) / self.digest
        paths = [str(folder / name) for name in ("clients", f"w{successor}" if successor else "workers")]
        if (size := max(len(os.fsencode(path)) for path in paths)) > IPC_PATH_BYTES:
            raise EndpointTooLongError(
                f"the socket's path {paths[0]} has {size} bytes, the most is {IPC_PATH_BYTES}; "
                "set MEMMUX_RUNTIME_DIR to a shorter folder"
            )
        make_private(folder.parent)
        make_private(folder)
        clients, workers = (f"ipc://{path}" for path in paths)
        return clients, workers

    def left_sockets(self) -> list[Path]:
        """Return the sockets of routers that started as successors and are gone."""
        folder = runtime_folder(self.settings) / self.digest
        return [path for path in folder.glob("[mw]*") if path.name[1:].isdecimal() and not alive(int(path.name[1:]))]


def runtime_folder(settings: Settings) -> Path:
    """Return the folder of the sockets and routes of all clusters."""
    if settings.runtime_dir is not None:
        return settings.runtime_dir
    if os.environ.get("XDG_RUNTIME_DIR"):
        return user_folders.runtime()
    import tempfile  # few need it

    return Path(tempfile.gettempdir()) / f"{APPLICATION}-{os.getuid()}"


def make_private(folder: Path, *, sync: bool = False) -> None:
    """Make `folder`, and its parents, for this user alone; raise StoragePermissionError if it is somebody else's.

    sync: whether it must outlast a loss of power; those of sockets and logs need not.
    """
    try:
        private.make_folder(folder, sync=sync)
        found = folder.lstat()
    except OSError as error:
        told = of_system(error, f"the folder {folder} can't be made")
        if error.errno == errno.EROFS:
            raise StoragePermissionError(f"{told.message} with {_ELSEWHERE}") from None
        raise told from None
    if not stat.S_ISDIR(found.st_mode):
        raise StoragePermissionError(f"{folder} is no folder; move it away, or name another one")
    if found.st_uid != os.geteuid():
        raise StoragePermissionError(
            f"{folder} is not a folder of yours; run memmux as the user whose it is, or name another folder with "
            f"{_ELSEWHERE}"
        )
    if stat.S_IMODE(found.st_mode) != private.FOLDER:
        folder.chmod(private.FOLDER)


def open_lock(path: Path) -> FileLock:
    """Return one of the locks beside a database, not taken yet; the folder is made, for this user alone.

    Raises StoragePermissionError where the folder can't be made or written.
    """
    folder = path.parent
    try:
        private.make_folder(folder)
        return FileLock(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"{path} can't be made ({error.strerror}); free some space") from None
        raise StoragePermissionError(
            f"{folder} can't be written ({error.strerror}); give yourself write permission, "
            "or name another database with MEMMUX_DATABASE"
        ) from None
