"""Authentication: the answers to ZAP's questions (RFC 27), and the keys by which they are given.

`decide` is pure. libzmq asks once for each connection, when its CURVE handshake has proven that the client has the
secret key that belongs to the public one; what the answer's User-Id says, it then says of each message.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from zmq.utils import z85

from memmux.config.paths import Places
from memmux.errors import KeyFileError
from memmux.logs import log
from memmux.trust import keys
from memmux.trust.keys import Keys

_VERSION = b"1.0"
_FRAMES = 7  # of a question about CURVE: version, request id, domain, address, routing id, mechanism, public key
_PUBLIC_BYTES = 32
ALLOWED, DENIED = b"200", b"400"
QUIET_S = 60.0  # in which a refusal is logged once, however often the client tries
_REMEMBERED = 1024
_UNREAD = object()  # no signature equals it


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one question.

    request_id: of the question. address: of the client. user: its public key, if it may come in; empty if not. name: of
    the key, if it is known. reason: why not.
    """

    request_id: bytes
    address: str
    user: str = ""
    name: str = ""
    reason: str = ""

    def reply(self) -> list[bytes]:
        """Return the frames for ZAP; a refused client learns no reason."""
        status = ALLOWED if self.user else DENIED
        return [_VERSION, self.request_id, status, b"", self.user.encode(), b""]


def decide(question: Sequence[bytes], known: Keys) -> Verdict:
    """Return whether the client that ZAP asks about may come in: only over CURVE, with a key that is valid."""
    request_id = question[1] if len(question) > 1 else b""
    address = question[3].decode("ascii", errors="replace") if len(question) > 3 else ""  # noqa: PLR2004 - as of _FRAMES
    if len(question) != _FRAMES or question[0] != _VERSION:
        return Verdict(request_id, address, reason="not understood")
    mechanism, public = question[5:]
    if mechanism != b"CURVE" or len(public) != _PUBLIC_BYTES:
        return Verdict(request_id, address, reason="without CURVE")
    user = z85.encode(public).decode("ascii")
    key = known.find(user)
    if key is None:
        return Verdict(request_id, address, reason="unknown key")
    if key.revoked is not None:
        return Verdict(request_id, address, name=key.name, reason="revoked key")
    return Verdict(request_id, address, user, key.name)


class Keyring:
    """The keys of a database, read anew when their file has changed.

    While the file can't be read or believed no key is valid, and `keys_unreadable` in the log says why, once for each
    reason; it is read again whenever it is looked at, as what was wrong may pass without a change of the file. The
    first reading raises the KeyFileError instead.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._read_as: Hashable = None  # what the file was when it was read, whole; _UNREAD if it could not be
        self._wrong = ""
        self.keys = self._read()

    def refresh(self) -> bool:
        """Return whether it was read anew, since it has changed or could not be read; `keys` is then what it says."""
        if self._read_as == self._signature():
            return False
        try:
            self.keys = self._read()
        except KeyFileError as error:
            self.keys = Keys()
            if self._wrong != error.message:
                log.get().error("keys_unreadable", error=error.message)
            self._wrong = error.message
        else:
            self._wrong = ""
            log.get().info("keys_read", serial=self.keys.serial, valid=len(self.keys.valid))
        return True

    def _read(self) -> Keys:
        before, self._read_as = self._signature(), _UNREAD
        try:
            found = keys.read(self._places)
        except OSError as error:  # it could be opened, and not be read
            raise KeyFileError(f"{self._places.keys} can't be read: {error.strerror}; it is tried again") from None
        if before is not None and found == Keys():
            raise KeyFileError(f"{self._places.keys} was not there when it was to be read; it is tried again")
        if before == self._signature():  # else it was changed while it was read
            self._read_as = before
        return found

    def _signature(self) -> Hashable:
        """Return what is another once the file was written, replaced, removed or opened to others."""
        try:
            found = self._places.keys.stat()
        except OSError:
            return None
        return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Refusals:
    """Remembers which refusals were logged lately: a client that is refused tries again several times a second."""

    def __init__(self) -> None:
        self._said: OrderedDict[Hashable, float] = OrderedDict()

    def news(self, refusal: Hashable, now: float) -> bool:
        """Return whether this refusal was not logged within QUIET_S, and take it for logged."""
        said = self._said.get(refusal)
        if said is not None and now - said < QUIET_S:
            return False
        self._said[refusal] = now
        self._said.move_to_end(refusal)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        return True
