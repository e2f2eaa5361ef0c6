"""File systems: SQLite's locks and its shared memory hold only among the processes of one machine, on a local disk."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from memmux.errors import NetworkFileSystemError

MOUNTS = Path("/proc/self/mountinfo")
# Prefixes of the types that Linux gives to file systems which another machine may write to as well.
_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "ncpfs", "coda")
_FUSE = ("fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.davfs", "fuse.gvfsd")


def file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds the absolute `path`, given the text of mountinfo (proc(5))."""
    found, best = "", -1
    for line in mounts.splitlines():
        mount, separator, kind = line.partition(" - ")
        if not separator:
            continue
        point = PurePosixPath(_unescaped(mount.split(" ")[4]))
        # A later mount on the same point hides the earlier one.
        if path.is_relative_to(point) and len(point.parts) >= best:
            found, best = kind.split(" ")[0], len(point.parts)
    return found


def refuse_network(database: Path) -> None:
    """Raise NetworkFileSystemError if the folder of `database` is on a network file system; Linux alone can tell."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = file_system(database.parent.resolve(), mounts)
    if kind.startswith(_NETWORK + _FUSE):
        raise NetworkFileSystemError(
            f"{database} is on a network file system ({kind}), where SQLite's locks do not hold; "
            "name a place on a local disk with MEMMUX_DATABASE"
        )


def _unescaped(field: str) -> str:
    r"""Return a mountinfo field with its octal escapes, such as \040 for a space, undone."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
