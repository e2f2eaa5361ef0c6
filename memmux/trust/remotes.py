"""Remotes: clusters on other machines, each a file that `memmux key add` wrote there and `memmux connect` took in here.

They are kept as `remotes/NAME.json` beside `memmux.toml`; the setting `remote` names one, by its name or its path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from memmux.config.paths import make_private
from memmux.errors import ClusterUnreachableError, KeyFileError, MemmuxError, SettingInvalidError
from memmux.trust import secret_files
from memmux.trust.key import check_name
from memmux.wire.addresses import Address, parse
from memmux.wire.curve import Curve, KeyPair, is_key
from memmux.wire.roles import Role

FORMAT = "memmux-remote"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A cluster elsewhere, and the key with which this machine comes in.

    name: of the key. endpoint: where the cluster listens. server: its public key. own: the client's pair. role: of the
    key; None where the file was written before files said so.
    """

    name: str
    endpoint: str
    server: str
    own: KeyPair = field(repr=False)
    role: Role | None = None

    @property
    def address(self) -> Address:
        """Where the cluster listens."""
        return parse(self.endpoint)

    @property
    def curve(self) -> Curve:
        """What a connection to it needs."""
        return Curve(self.server, self.own)

    def unreachable(self) -> ClusterUnreachableError:
        """Return the error for a cluster that does not answer, which is all that a client who is refused sees."""
        return ClusterUnreachableError(
            f"{self.endpoint} does not answer the key {self.name!r}: the machine or its cluster may be down, or the "
            "cluster may not listen there; a firewall may be between; the key may be revoked; or the cluster may have "
            "a new key of its own. On that machine run `memmux status` and `memmux key list`, and if need be "
            "`memmux key add`; then, here, `memmux connect`"
        )

    def to_bytes(self) -> bytes:
        """Return the file."""
        fields = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "endpoint": self.endpoint,
            "server": self.server,
            "public": self.own.public,
            "secret": self.own.secret,
            **({} if self.role is None else {"role": str(self.role)}),
        }
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> Remote:
        """Return what a file says; raise KeyFileError if it is none that `memmux key add` wrote."""
        try:
            return _understood(orjson.loads(content))
        except (ValueError, TypeError, KeyError, MemmuxError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise KeyFileError(
                f"{path} can't be used, as it is no key file, or not a whole one: {what}; take the file as "
                "`memmux key add` wrote it, or have another one made"
            ) from None


def _understood(fields: Any) -> Remote:
    """Return the remote that the fields are; raise whatever happens if they are none."""
    if fields["format"] != FORMAT:
        raise ValueError(f"it is no file of {FORMAT}")
    if fields["version"] != VERSION:
        raise ValueError(f"it is of version {fields['version']}, this memmux knows {VERSION}")
    if bad := [name for name in ("server", "public", "secret") if not is_key(fields[name])]:
        raise ValueError(f"{bad[0]!r} is no CURVE key")
    parse(fields["endpoint"], "'endpoint'")
    check_name(fields["name"])
    own = KeyPair(fields["public"], fields["secret"])
    role = Role(fields["role"]) if "role" in fields else None
    return Remote(name=fields["name"], endpoint=fields["endpoint"], server=fields["server"], own=own, role=role)


def folder(config: Path) -> Path:
    """Return where remotes are kept, given where memmux.toml is."""
    return config.parent / "remotes"


def path_of(name: str, config: Path) -> Path:
    """Return the file of the remote of that name."""
    return folder(config) / f"{name}.json"


def read(path: Path) -> Remote:
    """Return the remote that is kept there; raise SettingInvalidError if there is none, or KeyFileError."""
    try:
        return Remote.from_bytes(secret_files.read(path), path)
    except FileNotFoundError:
        raise SettingInvalidError(
            f"remote names {path}, which does not exist; run `memmux connect FILE` with the file of your key, or "
            "`memmux connect --local` to use the memory of this machine"
        ) from None


def keep(remote: Remote, path: Path) -> None:
    """Keep a remote for this user alone; one of the same name and cluster is replaced, as after a new key."""
    make_private(path.parent, sync=True)
    if path.exists() and read(path).server != remote.server:
        raise KeyFileError(f"{path} leads to another cluster; choose another name with --name, or remove that file")
    secret_files.write(path, remote.to_bytes())
