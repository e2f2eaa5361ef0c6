"""Signing: texts that the cluster gives out and knows again, as cookies and ids of sessions over HTTP.

A text is the base64url form of an HMAC-SHA256 (RFC 2104), the time at which it expires, and the payload, which anybody
can read. The secret is kept beside the database, so what was signed outlasts restarts and upgrades.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import secrets
import struct
import time
from collections.abc import Callable, Hashable

import orjson

from memmux.config.paths import Places, open_lock
from memmux.errors import KeyFileError
from memmux.files import private
from memmux.trust import secret_files

FORMAT = "memmux-signing"
SECRET_BYTES = 32
MOST_CHARACTERS = 4096  # of a text; what is longer nobody has signed
_MAC_BYTES = 32
_UNTIL = struct.Struct(">d")  # seconds since 1970; infinity for what does not expire


class Signer:
    """What signs for the cluster of a database. clock: the time, in seconds since 1970.

    The secret is made when it is first needed, and read anew when its file has changed: `renew` so ends everything that
    any process has signed. Each method may raise KeyFileError, which says the remedy, and StoragePermissionError.
    """

    def __init__(self, places: Places, clock: Callable[[], float] = time.time) -> None:
        self._places = places
        self._clock = clock
        self._read_as: Hashable = None  # what the file was when it was read
        self._secret = b""

    def sign(self, purpose: str, payload: bytes, until: float | None = None) -> str:
        """Return a text of A-Z, a-z, 0-9, - and _ by which `payload` is known again, for that purpose alone.

        until: when it expires, in seconds since 1970; None for never.
        """
        body = _UNTIL.pack(math.inf if until is None else until) + payload
        signed = base64.urlsafe_b64encode(_mac(self._known(make=True), purpose, body) + body)
        return signed.rstrip(b"=").decode()

    def read(self, purpose: str, text: str) -> bytes | None:
        """Return what was signed; None if it is forged, altered, expired, or was signed for another purpose."""
        signed = _decoded(text)
        secret = self._known(make=False)
        if signed is None or not secret:
            return None
        mac, body = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, _mac(secret, purpose, body)):
            return None
        (until,) = _UNTIL.unpack_from(body)
        return body[_UNTIL.size :] if self._clock() < until else None

    def renew(self) -> None:
        """Take another secret: whatever was signed until now is known to nobody any more."""
        with open_lock(self._places.keys_lock) as lock:
            lock.wait()
            self._make()

    def _known(self, *, make: bool) -> bytes:
        """Return the secret; empty if there is none and it is not to be made."""
        before = private.signature(self._places.signing)
        if self._read_as is not None and self._read_as == before:
            return self._secret
        self._read_as = None  # what can't be read this time is read again
        secret = self._read()
        if not secret and make:
            with open_lock(self._places.keys_lock) as lock:
                lock.wait()
                if private.signature(self._places.signing) is None:  # somebody else may have made it meanwhile
                    self._make()
            before, secret = private.signature(self._places.signing), self._read()
            if not secret:
                raise KeyFileError(f"{self._places.signing} was removed while it was to be read; try again")
        if secret:
            self._secret, self._read_as = secret, before
        return secret

    def _read(self) -> bytes:
        """Return the secret in the file; empty if there is none."""
        try:
            return _secret_of(secret_files.read(self._places.signing))
        except FileNotFoundError:
            return b""
        except ValueError:
            raise KeyFileError(
                f"{self._places.signing} holds no secret; remove it: all cookies and sessions over HTTP end then, and "
                "`memmux web` opens the page again"
            ) from None

    def _make(self) -> None:
        fields = {"format": FORMAT, "secret": secrets.token_hex(SECRET_BYTES)}
        secret_files.write(self._places.signing, orjson.dumps(fields) + b"\n")


def _secret_of(content: bytes) -> bytes:
    """Return the secret that a file holds; raise ValueError if it is no such file."""
    fields = orjson.loads(content)
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ValueError("it is another file")
    secret = bytes.fromhex(str(fields.get("secret")))
    if len(secret) != SECRET_BYTES:
        raise ValueError("it is no secret of ours")
    return secret


def _mac(secret: bytes, purpose: str, body: bytes) -> bytes:
    named = purpose.encode()
    return hmac.digest(secret, struct.pack(">I", len(named)) + named + body, hashlib.sha256)


def _decoded(text: str) -> bytes | None:
    """Return the bytes of a text as `sign` writes it, of which each has one spelling; None if it is none."""
    if len(text) > MOST_CHARACTERS or not text.isascii():
        return None
    try:
        signed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    if len(signed) < _MAC_BYTES + _UNTIL.size or base64.urlsafe_b64encode(signed).rstrip(b"=").decode() != text:
        return None
    return signed
