"""A key: one client's way in, and what it may do then."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.trust.tokens import is_digest
from memmux.wire.curve import is_key
from memmux.wire.grants import NAME, Grant
from memmux.wire.times import from_epoch

EXPIRES_END = 253_402_300_800.0  # the year 10000, which no calendar here knows


def check_name(name: str) -> None:
    """Raise ArgumentInvalidError unless this can be a key's name, which may become a file's."""
    if not name or name.startswith(".") or not NAME.fullmatch(name):
        raise ArgumentInvalidError(
            f"{name!r} can't be the name of a key; take 1 to {limits.KEY_CHARACTERS} letters, digits or any of - _ . "
            "and begin with no dot"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One client's key, with one way in.

    grant: what it allows, and its name. public: the client's CURVE key, for ZeroMQ from another machine; empty if it
    has none. token: the digest of its token, for HTTP; empty if it has none. created, revoked, expires: seconds since
    1970; revoked is None until it is, expires is None for a key that is valid until it is revoked.
    """

    grant: Grant
    public: str = ""
    token: str = ""
    created: float
    revoked: float | None = None
    expires: float | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.grant.name

    @property
    def secret_of(self) -> str:
        """What no other key has: the public part of its pair, or the digest of its token."""
        return self.public or self.token

    def why_not(self, now: float) -> str:
        """Return why it lets nobody in, for people; empty while it is valid."""
        if self.revoked is not None:
            return "revoked"
        if self.expires is not None and now >= self.expires:
            return f"expired on {from_epoch(self.expires):%Y-%m-%d %H:%M} UTC"
        return ""

    def to_json(self) -> dict[str, object]:
        """Return it as it is kept."""
        fields: dict[str, object] = {
            **self.grant.to_json(),
            **({"token": self.token} if self.token else {"public": self.public}),
            "created": self.created,
        }
        ends = {"expires": self.expires, "revoked": self.revoked}
        return fields | {name: at for name, at in ends.items() if at is not None}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Key:
        """Return what `to_json` wrote; raise MemmuxError or ValueError for anything else."""
        rest = dict(fields)
        own = {name: rest.pop(name, None) for name in ("public", "token", "created", "revoked", "expires")}
        if own["token"] is None and not is_key(own["public"]):
            raise ValueError("'public' is no CURVE key")
        if own["token"] is not None and (own["public"] is not None or not is_digest(own["token"])):
            raise ValueError("'token' is no SHA-256 of a token, or stands beside a CURVE key")
        times = (own["created"], *(own[name] for name in ("revoked", "expires") if own[name] is not None))
        if not all(type(at) in (int, float) and 0 <= at < EXPIRES_END for at in times):
            raise ValueError("'created', 'revoked' and 'expires' are seconds since 1970")
        _check_bounds(rest)
        grant = Grant.from_json(rest)
        check_name(grant.name)
        return cls(grant=grant, **{name: value for name, value in own.items() if value is not None})


def _check_bounds(fields: Mapping[str, Any]) -> None:
    """Raise ValueError unless the bounds of a grant that are there could have been given to `memmux key add`."""
    for name, kinds in (("requests_s", (int, float)), ("in_flight", (int,)), ("memories", (int,))):
        if name in fields and (type(fields[name]) not in kinds or not 0 < fields[name] < math.inf):
            raise ValueError(f"{name!r} is not a number above 0")
    namespaces = fields.get("namespaces", [])
    if not isinstance(namespaces, list) or not all(isinstance(namespace, str) for namespace in namespaces):
        raise ValueError("'namespaces' is not a list of names")
