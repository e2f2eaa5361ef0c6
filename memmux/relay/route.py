"""The route: which socket a relay connects to, found once and kept in a small file for all that are started alike.

Relays are alike if they have the same arguments, the same variables that matter, and the same working directory; the
file is named by a digest of these. It says which configuration files were read, so that it is valid as long as these
stay as they are.
"""

from __future__ import annotations

import _blake2
import _socket
import os
import sys

from memmux.relay.frames import pack_fields, unpack_fields
from memmux.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = "1"
PREFIXES = ("MEMMUX_", "MCP_", "XDG_")  # of the variables that settings come from
NAMES = ("HOME", "TMPDIR", "LOG_LEVEL")  # and the others
TOLD = ("HOME", "TZ", "OTEL_")  # how those begin that a gateway is told of, beside the settings
READ_BYTES = 1 << 16
_MODE, _PRIVATE_FOLDER = 0o170077, 0o040000  # kind and rights of others; those of a folder that is ours alone
_STALL = "--stall-s="  # how its flag begins
SHARED, PRIVATE = "shared", "private"


class Route:
    """The way to a gateway.

    socket: where it listens. flags: the settings, as flags. mode: whether one for all is wanted, or one of its own.
    """

    __slots__ = ("flags", "mode", "socket")

    def __init__(self, socket: str, flags: tuple[str, ...], mode: str = SHARED) -> None:
        self.socket = socket
        self.flags = flags
        self.mode = mode

    @property
    def stall_s(self) -> float:
        """How long the router waits for a gateway that says nothing, in seconds."""
        return next((float(flag[len(_STALL) :]) for flag in self.flags if flag.startswith(_STALL)), 0.0)

    def pack(self, files: Iterable[str] = ()) -> bytes:
        """Return the route as its file has it; files: those that were read to find it."""
        return pack_fields(
            [
                ("format", FORMAT),
                ("socket", self.socket),
                ("mode", self.mode),
                *(("flag", flag) for flag in self.flags),
                *(("file", f"{_state(file)} {file}") for file in files),
            ]
        )

    @classmethod
    def unpack(cls, content: bytes) -> Route | None:
        """Return the route that the content of a file describes; None if it is none, or what was read has changed."""
        fields = unpack_fields(content)
        said = dict(fields)
        if said.get("format") != FORMAT or not said.get("socket"):
            return None
        for name, value in fields:
            state, _, file = value.partition(" ")
            if name == "file" and _state(file) != state:
                return None
        flags = tuple(value for name, value in fields if name == "flag")
        return cls(said["socket"], flags, said.get("mode", SHARED))


def _state(file: str) -> str:
    """Return what changes when a file does."""
    try:
        found = os.stat(file)
    except OSError:
        return "-"
    return f"{found.st_mtime_ns}.{found.st_size}.{found.st_ino}"


def folder(environment: Mapping[str, str]) -> str:
    """Return where the files of routes are: beside the sockets, as far as the environment says where those are."""
    if named := environment.get("MEMMUX_RUNTIME_DIR"):
        base = named
    elif runtime := environment.get("XDG_RUNTIME_DIR"):
        base = f"{runtime}/memmux"
    else:
        base = f"{environment.get('TMPDIR') or '/tmp'}/memmux-{os.getuid()}"  # noqa: S108 - a folder that must be ours
    return f"{base}/routes"


def path(arguments: Iterable[str], environment: Mapping[str, str], cwd: str) -> str:
    """Return the file of the route of relays with these arguments, variables and working directory."""
    known = [f"{name}={value}" for name, value in environment.items() if name.startswith(PREFIXES) or name in NAMES]
    parts = (__version__, sys.executable, *arguments, "", *sorted(known), "", cwd)
    name = _blake2.blake2b("\0".join(parts).encode(errors="surrogateescape"), digest_size=12).hexdigest()
    return f"{folder(environment)}/{name}"


def read(file: str) -> Route | None:
    """Return the route in a file, if nobody else can have written it and nothing has changed that it depends on."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return None
        return Route.unpack(os.read(descriptor, READ_BYTES))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def make_folder(file: str) -> bool:
    """Return whether the folder of a route's file is there and this user's alone; it is made if it is missing."""
    routes = file.rpartition("/")[0]
    try:
        for made in (routes.rpartition("/")[0], routes):
            try:
                os.mkdir(made, 0o700)
            except FileExistsError:
                pass
        found = os.lstat(routes)
    except OSError:
        return False
    return found.st_uid == os.geteuid() and found.st_mode & _MODE == _PRIVATE_FOLDER


def connect(path: str) -> _socket.socket | None:
    """Return a connection to the socket at a path; None if nobody listens there, or there is no room."""
    try:
        made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        made.setblocking(False)
        made.connect(path)
    except OSError:
        made.close()
        return None
    return made
