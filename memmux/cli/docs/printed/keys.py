"""What commands about keys print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NotRequired, TypedDict


class Key(TypedDict):
    """The rights of a key."""

    name: str
    role: Literal["read", "write", "admin"]
    namespaces: NotRequired[Sequence[str]]
    requests_s: NotRequired[float]
    in_flight: NotRequired[int]
    memories: NotRequired[int]


class NewKey(Key):
    """path: of the file for its client. listens: whether a cluster does. expires: if it does."""

    expires: NotRequired[datetime]
    endpoint: str
    path: str
    listens: bool


class NewToken(Key):
    """With --http. token: shown this once. url: where HTTP is served, or will be. expires: if it does."""

    expires: NotRequired[datetime]
    token: str
    url: str


class KnownKey(Key):
    """A key as it is kept. public: of one for tcp. http: whether it has a token. valid: whether it lets in."""

    public: NotRequired[str]
    http: bool
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    valid: bool


class Keys(TypedDict):
    """All keys, revoked ones too."""

    keys: Sequence[KnownKey]


class Revoked(TypedDict):
    """running: whether a cluster knows of it."""

    name: str
    revoked: Literal[True]
    running: bool


class Connected(TypedDict):
    """path: where the key is kept; name is None after --local."""

    name: str | None
    endpoint: NotRequired[str]
    path: NotRequired[str]
    default: bool
