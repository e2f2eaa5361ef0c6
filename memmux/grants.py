"""Grants: what a client may do. Local clients may do everything; a client from elsewhere, what its key says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from memmux.errors import SettingInvalidError


class Role(StrEnum):
    """How much a client may do; each role may do what those before it may."""

    READ = "read"  # search, list and read memories
    WRITE = "write"  # and store, change, delete and restore them
    ADMIN = "admin"  # and everything about the database and the cluster as a whole

    def includes(self, other: Role) -> bool:
        """Return whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one client may do.

    name: of the key; empty for a local client, who has none. namespaces: the only ones that it may touch; None for all
    of them. requests_s: how many requests a second, in_flight: how many at the same time, memories: how many live ones
    a namespace may hold when it stores another; None where there is no such bound beside the cluster's own.
    """

    name: str = ""
    role: Role = Role.ADMIN
    namespaces: tuple[str, ...] | None = None
    requests_s: float | None = None
    in_flight: int | None = None
    memories: int | None = None

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
        """Return what `to_json` wrote; raise SettingInvalidError for anything else."""
        try:
            values = dict(fields, role=Role(fields["role"]))
            if values.get("namespaces") is not None:
                values["namespaces"] = tuple(map(str, values["namespaces"]))
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise SettingInvalidError(f"this is no grant: {error}; make the key anew with `memmux key add`") from None


LOCAL = Grant()
"""What a client on the cluster's own socket may do: only this user's processes reach it."""
