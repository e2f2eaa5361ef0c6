"""CURVE: the key pairs by which both ends of a tcp connection know each other (ZeroMQ RFC 26, CurveZMQ).

Keys are texts of 40 characters, Z85 (RFC 32) of 32 bytes.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import Final

CHARACTERS: Final = 40
_Z85 = frozenset(string.ascii_letters + string.digits + ".-:+=^!/*?&<>()[]{}@%$#")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A public key, and the secret one that belongs to it, which never leaves its file."""

    public: str
    secret: str = field(repr=False)

    @classmethod
    def make(cls) -> KeyPair:
        """Return a new pair."""
        import zmq  # only who makes keys pays for it

        public, secret = zmq.curve_keypair()
        return cls(public.decode(), secret.decode())


@dataclass(frozen=True, slots=True)
class Curve:
    """A client's side of a connection: the public key of the only server that it talks to, and its own pair."""

    server: str
    own: KeyPair


def is_key(text: object) -> bool:
    """Return whether the value is written as a key is."""
    return isinstance(text, str) and len(text) == CHARACTERS and _Z85.issuperset(text)
