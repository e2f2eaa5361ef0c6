"""Tokens: the secrets of clients over HTTP. A token is shown once; what is kept is its SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets
from urllib.parse import unquote

from memmux.wire.grants import TOKEN_PREFIX

PREFIX = TOKEN_PREFIX
SECRET_BYTES = 32
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]+")
_SPELLINGS = 3  # how often a part of a URL may have been percent-encoded for a token in it to be seen


def make() -> str:
    """Return a new token, of letters, digits, - and _."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def digest(token: str) -> str:
    """Return what is kept of a token: 256 random bits can't be guessed, so no salt and no slow hash is needed."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def is_digest(text: object) -> bool:
    """Return whether the value is written as a digest is."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def is_in(part: str) -> bool:
    """Return whether a part of a URL has a token in it, or what is left of one."""
    return hidden(part) != part


def hidden(part: str) -> str:
    """Return a part of a URL as it is, or, if it has tokens in it, decoded and without them."""
    plain = part
    for _ in range(_SPELLINGS):
        if _TOKEN.search(plain):
            return _TOKEN.sub(f"{PREFIX}…", plain)
        plain = unquote(plain)
    return part
