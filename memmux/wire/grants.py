"""Grants: what a client may do. Local clients may do everything; a client from elsewhere, what its key says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from memmux import limits
from memmux.errors import ArgumentInvalidError, NotAllowedError, SettingInvalidError
from memmux.wire.roles import Role

if TYPE_CHECKING:
    from memmux.wire.operations import Operation  # which names the role that each one needs

TOKEN_PREFIX = "mmx_"  # noqa: S105 - how a key's token begins, for people and for programs that look for secrets
NAME = re.compile(rf"[A-Za-z0-9_.-]{{0,{limits.KEY_CHARACTERS}}}")  # no slash: it ends the name in the change log
_NAMESPACES_BYTES = 8 << 10  # of all namespaces of a key together, as they go in a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The rights of one client.

    name: of the key; empty for a local client, who has none. namespaces: the only ones that it may touch, of which the
    first is meant where it names none; None for all of them. requests_s: how many requests a second, in_flight: how
    many at the same time, memories: how many live ones a namespace may hold when it stores another; None where there is
    no such bound beside the cluster's own. Raises ArgumentInvalidError or SettingInvalidError.
    """

    name: str = ""
    role: Role = Role.ADMIN
    namespaces: tuple[str, ...] | None = None
    requests_s: float | None = None
    in_flight: int | None = None
    memories: int | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ArgumentInvalidError(
                f"{self.name!r} can't be the name of a key; take 1 to {limits.KEY_CHARACTERS} letters, digits or any "
                "of - _ ."
            )
        named = self.namespaces or ()
        if len(named) > limits.KEY_NAMESPACES or sum(len(name.encode()) for name in named) > _NAMESPACES_BYTES:
            raise SettingInvalidError(
                f"a key is bound to at most {limits.KEY_NAMESPACES} namespaces of {_NAMESPACES_BYTES} bytes together; "
                "give it fewer"
            )

    @property
    def limited(self) -> bool:
        """Whether there is anything that it may not do, or know, of the whole cluster."""
        return self.role is not Role.ADMIN or self.namespaces is not None

    def check(self, operation: Operation) -> None:
        """Raise NotAllowedError unless its client may ask for that."""
        if not self.role.includes(operation.needs):
            raise NotAllowedError(
                f"{operation.name} needs the role {operation.needs}, and the key {self.name!r} has the role "
                f"{self.role}; ask whoever runs the cluster for a key that has it"
            )
        if operation.whole and self.namespaces is not None:
            raise NotAllowedError(
                f"{operation.name} is about the whole database, and the key {self.name!r} is bound to namespaces; "
                "do it on the machine of the database, or with a key that is not"
            )

    def check_namespace(self, name: str) -> None:
        """Raise NotAllowedError unless the client may touch the namespace `name`."""
        if self.namespaces is not None and name not in self.namespaces:
            allowed = ", ".join(self.namespaces) or "none"
            raise NotAllowedError(f"the key {self.name!r} does not allow the namespace {name!r}; it allows {allowed}")

    def to_json(self) -> dict[str, object]:
        """Return it as it is kept; bounds that it has not are left out."""
        fields: dict[str, object] = {"name": self.name, "role": str(self.role)}
        bounds = {
            "namespaces": None if self.namespaces is None else list(self.namespaces),
            "requests_s": self.requests_s,
            "in_flight": self.in_flight,
            "memories": self.memories,
        }
        return fields | {name: bound for name, bound in bounds.items() if bound is not None}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote; raise SettingInvalidError or ArgumentInvalidError for anything else."""
        try:
            values = dict(fields, role=Role(fields["role"]))
            if values.get("namespaces") is not None:
                values["namespaces"] = tuple(map(str, values["namespaces"]))
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise SettingInvalidError(f"this is no grant: {error}; make the key anew with `memmux key add`") from None


LOCAL = Grant()
"""What a client on the cluster's own socket may do: only this user's processes reach it."""

API_KEY, WEB = "api-key", "web"
BUILT_IN: Mapping[str, Grant] = MappingProxyType(
    {API_KEY: Grant(name=API_KEY, role=Role.WRITE), WEB: Grant(name=WEB, role=Role.ADMIN)}
)
"""What a local client may name though no file has it: the token in the variable MCP_API_KEY, the owner's browser."""
