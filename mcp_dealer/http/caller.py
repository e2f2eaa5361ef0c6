"""The caller: who sent a request over HTTP, and what that one may do."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_dealer.http.guest import UNKNOWN, Guest
from mcp_dealer.link.cluster_link import ClusterLink
from memmux.client.asynchronous import AsyncClient
from memmux.wire.grants import Grant
from memmux.wire.roles import Role

IDENTITY_CHARACTERS = 16  # of a token's digest, which tell keys of one name apart
CLIENT = "http"  # what the cluster calls a caller that says no name of its own, after the key's


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    name: of the key; `api-key` for the one in the environment, `web` for a browser of this machine's owner. grant: what
    it allows, to be known before the cluster is asked, which enforces it. link: to the cluster, shared by requests of
    the key. token: the digest of what it came with; empty for a browser. guest: what it says of itself.
    """

    name: str
    grant: Grant
    link: ClusterLink
    token: str = ""
    guest: Guest = UNKNOWN

    @property
    def identity(self) -> str:
        """The key, and not another one of the same name that was made after it was revoked."""
        return f"{self.name}/{self.token[:IDENTITY_CHARACTERS]}"

    @property
    def client(self) -> AsyncClient:
        """The client of the cluster, which lowers its rights to the key's."""
        return self.link.begin(CLIENT)

    def may(self, role: Role) -> bool:
        """Return whether its role includes that one."""
        return self.grant.role.includes(role)
