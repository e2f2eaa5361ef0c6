"""A throwaway PostgreSQL server: the binaries of the package pgserver, and a folder that is gone afterwards.

Only the binaries are used. PostgreSQL refuses to run as root, and the package's own code then adds a user to the system
and opens folders to everybody, for good. Here root copies the binaries to where the user `nobody` may read them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.harness.measure import until

PACKAGE = "pgserver"
USER = "postgres"  # in the database, not of the system

_NOBODY = "nobody"
_START_S, _STOP_S = 60.0, 30.0
# Every page stays in memory. Where only reads are measured nothing has to survive, or to be tidied up meanwhile.
_OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "maintenance_work_mem": "512MB",
    "max_parallel_maintenance_workers": "0",  # they build in /dev/shm, which is small in containers
    "max_wal_size": "8GB",
    "max_connections": "64",
    "fsync": "off",
    "autovacuum": "off",
}


@contextmanager
def running(changes: Mapping[str, str] = MappingProxyType({})) -> Iterator[Path]:
    """Run a server, and give the folder that its socket is in; changes: of the options."""
    # A folder of its own: sockets have short paths, and `nobody` may not enter those of root.
    folder = Path(tempfile.mkdtemp(prefix="memmux-pg-")).resolve()
    try:
        binaries = _binaries(folder)
        with (folder / "log").open("ab") as log, _server(binaries, folder, log.fileno(), {**_OPTIONS, **changes}):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main_pid(folder: Path) -> int:
    """Return the process that all others of the server in this folder are children of."""
    return int((folder / "data" / "postmaster.pid").read_text().partition("\n")[0])


@contextmanager
def _server(binaries: Path, folder: Path, log: int, options: Mapping[str, str]) -> Iterator[None]:
    how: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
    how |= {"env": {"LC_ALL": "C", "PATH": os.defpath}, **_identity()}
    data = folder / "data"
    made: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "--username",
        USER,
        "--auth=trust",
        "--encoding=UTF8",
        "--no-sync",
    ]
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    if subprocess.run(made, check=False, **how).returncode:
        raise RuntimeError(f"initdb failed: {_said(folder)}")
    server = subprocess.Popen([binaries / "postgres", "-D", data, "-k", folder, *words], **how)
    try:
        with until(_START_S, "starting PostgreSQL") as wait:
            while not _ready(data / "postmaster.pid"):
                if server.poll() is not None:
                    raise RuntimeError(f"PostgreSQL ended: {_said(folder)}")
                wait()
        yield
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for clients
        try:
            server.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)  # at once, with all its children
            server.wait()


def _binaries(folder: Path) -> Path:
    """Return where the binaries are: in the package, or, for root, in a copy that `nobody` owns with the folder."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() == 0:
        for part in (package, package.with_name(f"{PACKAGE}.libs")):  # the binaries find libraries by the way there
            if part.exists():
                shutil.copytree(part, folder / part.name)
        package = folder / PACKAGE
        nobody = pwd.getpwnam(_NOBODY)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    return package / "pginstall" / "bin"


def _identity() -> dict[str, Any]:
    """Return as whom the server is to run, for `Popen`: as `nobody` if this is root, otherwise as whoever this is."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam(_NOBODY)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}


def _ready(postmaster: Path) -> bool:
    """Return whether the server takes connections, which the last line of its pid file says."""
    return postmaster.exists() and postmaster.read_text().rstrip().endswith("ready")


def _said(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")
