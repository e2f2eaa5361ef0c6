"""The endpoint file: written by the router once it serves, read by every client that looks for it."""

from __future__ import annotations

import errno
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from memmux.config.paths import Places
from memmux.files import durable, private
from memmux.processes import alive
from memmux.wire.curve import Curve

LINE_BYTES = 4096  # more than any READY line has
_ADDRESS = re.compile(r"ipc:///.+|tcp://[^/]+:\d{1,5}", re.DOTALL)  # a folder's name may have line breaks


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a cluster, and its router.

    address: of the router's socket for clients. pid, version: of the router. protocol: the newest it speaks.
    listen: where clients of other machines reach it, if they do. detached: whether a client started it, for all of
    them; otherwise somebody watches over its process. curve: of a cluster on another machine, what a connection to it
    needs; nothing is known of its process then, and pid is 0. given: the flags that gave it settings
    (`memmux.cluster.given`).
    """

    address: str
    pid: int
    version: str
    protocol: int
    listen: str = ""
    detached: bool = False
    curve: Curve | None = None
    given: tuple[str, ...] = ()

    def alive(self) -> bool:
        """Return whether the router's process runs; of another machine's only its answers tell, so it may."""
        return self.curve is not None or alive(self.pid)

    def to_json(self) -> dict[str, object]:
        """Return the endpoint as it stands in its file and in the READY line."""
        fields = {
            "endpoint": self.address,
            "pid": self.pid,
            "version": self.version,
            "protocol": self.protocol,
            "detached": self.detached,
        }
        more = {"listen": self.listen, "given": list(self.given)}
        return {**fields, **{name: value for name, value in more.items() if value}}

    @classmethod
    def from_json(cls, fields: object) -> Endpoint | None:
        """Return the endpoint that the JSON value describes, or None if it describes none."""
        if not isinstance(fields, dict):
            return None
        address, pid, newest = fields.get("endpoint"), fields.get("pid"), fields.get("protocol")
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            return None
        if type(pid) is not int or pid <= 0 or type(newest) is not int:
            return None
        listen, given = fields.get("listen", ""), fields.get("given")
        return cls(
            address,
            pid,
            str(fields.get("version", "")),
            newest,
            listen=listen if isinstance(listen, str) else "",
            detached=fields.get("detached") is True,
            given=tuple(map(str, given)) if isinstance(given, list) else (),
        )

    @classmethod
    def from_line(cls, line: bytes) -> Endpoint | None:
        """Return the endpoint that the file or the READY line describes, or None if it describes none."""
        try:
            return cls.from_json(orjson.loads(line))
        except orjson.JSONDecodeError:
            return None


def read(places: Places) -> Endpoint | None:
    """Return what the endpoint file says; None if there is none, it is broken, or others may have written it."""
    return _read(places.endpoint) or _read(places.endpoint_when_full)


def _read(path: Path) -> Endpoint | None:
    try:
        return Endpoint.from_line(private.read(path))
    except OSError:
        return None


def write(places: Places, endpoint: Endpoint) -> None:
    """Write the endpoint file, whole or not at all, for this user alone; raise OSError."""
    # The power does not go without the router that it names.
    line = orjson.dumps(endpoint.to_json())
    try:
        durable.write(places.endpoint, line, sync=False)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        durable.write(places.endpoint_when_full, line, sync=False)
    else:
        with suppress(OSError):
            places.endpoint_when_full.unlink(missing_ok=True)


def remove(places: Places, pid: int) -> None:
    """Remove the endpoint file if it is the one of that router."""
    for path in (places.endpoint, places.endpoint_when_full):
        endpoint = _read(path)
        if endpoint is not None and endpoint.pid == pid:
            path.unlink(missing_ok=True)
