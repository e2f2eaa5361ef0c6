from __future__ import annotations

from pathlib import Path

import pytest

from memmux.errors import NetworkFileSystemError
from workers.storage.sqlite import filesystem

MOUNTS = r"""27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:40 / /home rw shared:5 - nfs4 server:/home rw
41 40 0:41 / /home/me/local\040disk rw - xfs /dev/vdb rw
42 27 0:42 / /media rw - ext4 /dev/vdc rw
43 27 0:43 / /media rw - fuse.sshfs me@server: rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/x.db", "ext4"),
        ("/home/me/x.db", "nfs4"),
        ("/homes/x.db", "ext4"),
        ("/home/me/local disk/x.db", "xfs"),
        ("/media/x.db", "fuse.sshfs"),
    ],
)
def test_the_innermost_and_latest_mount_holds_a_file(path: str, kind: str) -> None:
    assert filesystem.file_system(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / / rw - {kind} server rw\n")
    monkeypatch.setattr(filesystem, "MOUNTS", mounts)
    with pytest.raises(NetworkFileSystemError, match=kind):
        filesystem.refuse_network(tmp_path / "x.db")


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "tmpfs", "overlay", "fuse.fuseiso"])
def test_a_local_file_system_is_welcome(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / / rw - {kind} /dev/vda rw\n")
    monkeypatch.setattr(filesystem, "MOUNTS", mounts)
    filesystem.refuse_network(tmp_path / "x.db")


def test_where_no_mounts_are_listed_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "MOUNTS", tmp_path / "nothing")
    filesystem.refuse_network(tmp_path / "x.db")
