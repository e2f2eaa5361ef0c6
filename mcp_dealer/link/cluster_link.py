"""The MCP server's link to its cluster: made in the background, so that nothing of the handshake waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import zmq

from mcp_dealer.link import call_log
from mcp_dealer.link.relay_hello import RelayHello
from mcp_dealer.link.session_client import SessionClient
from mcp_dealer.link.usage import Uses
from memmux.client.asynchronous import AsyncClient
from memmux.cluster.endpoint import read
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.processes import alive
from memmux.trust import remotes
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from memmux.wire.times import zone_name

NAME = "mcp"  # what a client that does not say its name is called
NAME_CHARACTERS = 64  # of a name that a client says
GRANT_S = 2.0  # that a list of tools waits to learn what a key for another machine allows
GOODBYE_S = 0.5  # for a goodbye to the cluster; hosts kill servers that take two seconds to leave


def _kept_role(remote: Path) -> Role | None:
    """Return the role of the key that is kept there; None if the file does not say it."""
    try:
        return remotes.read(remote).role
    except MemmuxError:  # which the first call of a tool says
        return None


def _traced_client() -> type[AsyncClient]:
    from mcp_dealer.link.traces import TracedClient  # only who has spans made pays for it

    return TracedClient


def _traced_session_client() -> type[SessionClient]:
    from mcp_dealer.link.traced_session_client import TracedSessionClient  # the same

    return TracedSessionClient


class ClusterLink:
    """One `AsyncClient`, begun when the MCP client is known, so that `memmux status` can show who it is.

    settings: of its cluster. hello: of the relay; None for a client over HTTP, and in a process that
    serves its own host. context: shared with other clients. grant: of the key of a client over HTTP, whose rights, and
    no more, it shall have. about: what else the cluster is told of that client. uses: counts what the client is shown.
    """

    def __init__(
        self,
        settings: Settings,
        hello: RelayHello | None = None,
        context: zmq.Context[Any] | None = None,
        grant: Grant | None = None,
        about: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.settings = settings
        self.hello = hello
        self.grant = grant
        self._context = context
        self._about = about
        self.uses = Uses(self._running)
        self.name = NAME
        """What the cluster calls the MCP client."""
        self._client: AsyncClient | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closing = False
        self._role: object = None
        self._answered = False
        self.followed: dict[str, tuple[int, asyncio.Task[None]]] = {}
        """What the client has subscribed to: the line that said so, and who tells it."""

    @property
    def key(self) -> str:
        """The name of the key; empty if there is none."""
        return self.grant.name if self.grant is not None else ""

    @property
    def distant(self) -> bool:
        """Whether its client is at the other end of HTTP: a path of its own means nothing here."""
        return self._context is not None and self.hello is None

    def beside(self, about: Mapping[str, object]) -> ClusterLink:
        """Return another link, with the same rights, for another client."""
        return ClusterLink(self.settings, self.hello, self._context, self.grant, about)

    @property
    def begun(self) -> bool:
        """Whether it is known who is behind it."""
        return self._client is not None

    def begin(self, name: str = "") -> AsyncClient:
        """Return the client, which starts to connect on the first call; `name` says who is behind it."""
        if self._client is None:
            said = "".join(filter(str.isprintable, name)).strip()[:NAME_CHARACTERS]
            self.name = said or NAME
            self._client = self._made(self.name)
            self._connecting = asyncio.create_task(self._connect(self._client))
        return self._client

    def _made(self, name: str) -> AsyncClient:
        observer = call_log.observer(name)
        if self.key or self._context is not None:
            ours = _traced_session_client() if self.settings.traces else SessionClient
            about: dict[str, object] = {**({"key": self.key} if self.key else {}), **self._about}
            if self.hello is not None:
                about |= {**self.hello.about(), "zone": zone_name(self.hello.environment)}
            return ours(settings=self.settings, name=name, on_answer=observer, context=self._context, about=about)
        made = _traced_client() if self.settings.traces else AsyncClient
        return made(settings=self.settings, name=name, on_answer=observer)

    def _running(self) -> AsyncClient | None:
        """Return the client if there is one and its cluster runs; of another machine's only its answers tell."""
        if self.settings.remote is not None:
            return self._client
        endpoint = read(Places(self.settings))
        return self._client if endpoint is not None and alive(endpoint.pid) else None

    async def only_reads(self) -> bool:
        """Return whether it has a key that lets it read alone.

        Of a key over HTTP its grant tells. Of one for another machine, as long as the cluster has not said so, the file
        of the key does; a key of which neither does may only read.
        """
        if self.grant is not None:
            return self.grant.role is Role.READ
        if self.settings.remote is None:
            return False
        if self._connecting is not None and self._client is not None and not self._answered:
            if self._connecting.done():
                self._connecting = asyncio.create_task(self._connect(self._client))
            await asyncio.wait({self._connecting}, timeout=GRANT_S)
        if self._answered:
            return self._role == Role.READ
        return _kept_role(self.settings.remote) in (None, Role.READ)

    async def _connect(self, client: AsyncClient) -> None:
        """Have the cluster found or started; a failure is logged here and met again by the first tool call."""
        try:
            self._role = ((await client.status()).grant or {}).get("role")
            self._answered = True
        except MemmuxError as error:
            log.get().warning("cluster_not_reached", code=error.code, error=error.message)

    async def aclose(self) -> None:
        """Stop connecting, tell what is to be counted and say goodbye, within GOODBYE_S; again it does nothing."""
        for _, following in self.followed.values():
            following.cancel()
        self.followed.clear()
        if self._client is None or self._connecting is None or self._closing:
            return
        self._closing = True
        self._connecting.cancel()
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self.uses.aclose()
                await self._client.aclose()
        except (TimeoutError, MemmuxError) as error:
            log.get().warning("goodbye_failed", error=repr(error))
