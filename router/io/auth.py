"""Authentication: the answers to ZAP's questions (RFC 27), and the keys by which they are given.

`decide` is pure. libzmq asks once for each connection, when its CURVE handshake has proven that the client has the
secret key that belongs to the public one; what the answer's User-Id says, it then says of each message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zmq.utils import z85

from memmux.config.paths import Places
from memmux.logs import log
from memmux.trust.keyring import Keyring
from memmux.trust.keys import Keys

_VERSION = b"1.0"
_FRAMES = 7  # of a question about CURVE: version, request id, domain, address, routing id, mechanism, public key
_PUBLIC_BYTES = 32
ALLOWED, DENIED = b"200", b"400"


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


def decide(question: Sequence[bytes], known: Keys, now: float) -> Verdict:
    """Return whether the client that ZAP asks about may come in: only over CURVE, with a key that is valid.

    now: in seconds since 1970, by which keys expire.
    """
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
    if key.why_not(now):
        reason = "revoked key" if key.revoked is not None else "expired key"
        return Verdict(request_id, address, name=key.name, reason=reason)
    return Verdict(request_id, address, user, key.name)


def keyring(places: Places) -> Keyring:
    """Return the keys of a database, whose changes are logged; raise KeyFileError if they can't be believed."""
    return Keyring(places, _told)


def _told(known: Keys, wrong: str) -> None:
    if wrong:
        log.get().error("keys_unreadable", error=wrong)
    else:
        log.get().info("keys_read", serial=known.serial, valid=len(known.standing))
