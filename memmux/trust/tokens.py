"""Tokens: the secrets of clients over HTTP. A token is shown once; what is kept is its SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets

from memmux.wire.grants import TOKEN_PREFIX

PREFIX = TOKEN_PREFIX
SECRET_BYTES = 32
_DIGEST = re.compile(r"[0-9a-f]{64}")


def make() -> str:
    """Return a new token, of letters, digits, - and _."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def digest(token: str) -> str:
    """Return what is kept of a token: 256 random bits can't be guessed, so no salt and no slow hash is needed."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def is_digest(text: object) -> bool:
    """Return whether the value is written as a digest is."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None
