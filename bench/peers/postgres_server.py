"""A throwaway PostgreSQL server with pgvector, in a folder that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from memmux.postgres import programs, servers
from memmux.postgres.server import USER

__all__ = ["PACKAGE", "USER", "main_pid", "running"]
PACKAGE = programs.PACKAGE

# Every page stays in memory. Where only reads are measured nothing has to survive, or to be tidied up meanwhile.
_OPTIONS: Mapping[str, str] = {
    "shared_buffers": "1GB",
    "maintenance_work_mem": "512MB",
    "max_parallel_maintenance_workers": "0",  # they build in memory that is shared, which is small in containers
    "max_wal_size": "8GB",
    "max_connections": "64",
    "fsync": "off",
    "autovacuum": "off",
}


@contextmanager
def running(changes: Mapping[str, str] = MappingProxyType({})) -> Iterator[Path]:
    """Run a server, and give the folder that its socket is in; changes: of the options."""
    with servers.running() as place:
        yield place.primary(port=None, **{**_OPTIONS, **changes}).folder


def main_pid(folder: Path) -> int:
    """Return the process that all others of the server in this folder are children of."""
    return int((folder / "data" / "postmaster.pid").read_text().partition("\n")[0])
