"""Sessions of MCP over HTTP, in the protocol's versions that have a handshake.

The id of a session is a signed text which says all that is needed to begin it anew: so a session outlives the gateway,
and one that nobody has used for a while costs nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import orjson
from mcp.server.connection import Connection
from mcp.server.runner import serve_connection
from mcp.server.streamable_http import StreamableHTTPServerTransport
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp.shared.transport_context import TransportContext
from mcp_types import InitializeRequestParams
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION
from pydantic import ValidationError

from mcp_dealer.http.caller import Caller
from mcp_dealer.http.clients import IDLE_S
from mcp_dealer.http.mcp_events import Events, SessionEvents
from mcp_dealer.http.mcp_followers import NUMBER, Followers, FollowingLine
from mcp_dealer.link.asked import LINK, AskedLine
from mcp_dealer.link.change_watch import RESOURCE
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.sdk.server import MemoryServer
from memmux.logs import log

PURPOSE = "mcp-session"  # of what is signed
CLOSE_S = 1.0  # for a session to end
SAID_BYTES = 1500  # of capabilities that an id may hold; a client that says more is taken to have said none
NAME_CHARACTERS = 64  # of a client's name and version in it
ENDED = 4096  # ids of sessions that clients have ended, which are known for a while


class Signing(Protocol):
    """What signs ids: a `memmux.trust.signing.Signer`."""

    def sign(self, purpose: str, payload: bytes, until: float | None = None) -> str:
        """Return the text that stands for the payload."""

    def read(self, purpose: str, text: str) -> bytes | None:
        """Return the payload; None if nobody has signed that."""


class NoRoomError(Exception):
    """Raised where there are as many sessions as there may be, and all are in use."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the id of a session says. name: its own. key: the `Caller.identity` of who opened it. params: of it."""

    name: str
    key: str
    params: Mapping[str, Any]

    @classmethod
    def of(cls, caller: Caller, params: Mapping[str, Any]) -> Ticket:
        """Return that of a new session; raise ValidationError if the parameters make no sense."""
        said = InitializeRequestParams.model_validate(params, by_name=False)
        version = said.protocol_version
        capabilities = said.capabilities.model_dump(mode="json", by_alias=True, exclude_none=True)
        if len(orjson.dumps(capabilities)) > SAID_BYTES:
            capabilities = {}
        kept = {
            "protocolVersion": version if version in HANDSHAKE_PROTOCOL_VERSIONS else LATEST_HANDSHAKE_VERSION,
            "capabilities": capabilities,
            "clientInfo": {
                "name": said.client_info.name[:NAME_CHARACTERS],
                "version": said.client_info.version[:NAME_CHARACTERS],
            },
        }
        return cls(uuid.uuid4().hex, caller.identity, kept)

    def pack(self) -> bytes:
        """Return it as it is signed."""
        return orjson.dumps([self.name, self.key, self.params])

    @classmethod
    def unpack(cls, packed: bytes) -> Ticket:
        """Return what was packed."""
        return cls(*orjson.loads(packed))


class McpSession:
    """One session while it is in use. link: to the cluster, for its client alone."""

    def __init__(
        self, ticket: Ticket, session_id: str, link: ClusterLink, events: SessionEvents, followers: Followers
    ) -> None:
        self.ticket = ticket
        self.id = session_id
        self.link = link
        self.transport = StreamableHTTPServerTransport(mcp_session_id=session_id, event_store=events)
        self.used = 0
        """How many requests it has under way."""
        self.idle_since = time.monotonic()
        self._events = events
        self._followers = followers
        self._ready = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    def begin(self, server: MemoryServer, *, restored: bool) -> None:
        """Have the SDK serve it; restored: whether its client has shaken hands already."""
        self._serving = asyncio.create_task(self._serve(server, restored=restored), name="mcp-session")

    async def ready(self) -> None:
        """Return when it can be asked; until then it is in use."""
        self.used += 1
        try:
            await self._ready.wait()
        finally:
            self.used -= 1

    async def _serve(self, server: MemoryServer, *, restored: bool) -> None:
        LINK.set(self.link)
        try:
            async with self.transport.connect() as (incoming, outgoing):
                dispatcher: JSONRPCDispatcher[TransportContext] = JSONRPCDispatcher(
                    incoming, outgoing, inline_methods=frozenset({"initialize"})
                )
                connection = Connection.for_loop(dispatcher, session_id=self.id)
                if restored:
                    said = InitializeRequestParams.model_validate(self.ticket.params, by_name=False)
                    connection.client_params, connection.protocol_version = said, said.protocol_version
                    connection.initialized.set()
                    if self.ticket.name in self._followers:
                        self._followers.add(self.ticket.name)
                        self.link.begin(said.client_info.name)
                        server.tell_of_changes(partial(connection.send_resource_updated, RESOURCE), NUMBER)
                self._ready.set()
                await serve_connection(server.lowlevel, dispatcher, connection=connection, lifespan_state=None)
        except Exception:  # noqa: BLE001 - it is begun anew with the next request
            log.get().exception("session_failed")
        finally:
            self._ready.set()

    @property
    def over(self) -> bool:
        """Whether it serves nobody any more, and is to be begun anew."""
        return self._serving is None or self._serving.done() or self.transport.is_terminated

    def asked(self, request_id: object, body: bytes) -> AskedLine:
        """Return what stands for a request, the same when it is sent again: a write of it is applied once."""
        said = hashlib.blake2b(body, digest_size=8).hexdigest()
        number = f"{str(request_id)[:NAME_CHARACTERS]}-{said}"
        return FollowingLine(self.ticket.name, number, time.time(), followers=self._followers)

    async def aclose(self) -> None:
        """End it: its client may begin it anew by its id."""
        with suppress(Exception):
            await self.transport.terminate()
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait({self._serving}, timeout=CLOSE_S)
        self._events.close()
        await self.link.aclose()


class McpSessions:
    """The sessions of one process. signer: of their ids. most: that are open at a time. followers: who are told."""

    def __init__(self, server: MemoryServer, signer: Signing, most: int, followers: Followers) -> None:
        self._followers = followers
        self._server = server
        self._signer = signer
        self._most = most
        self._events = Events()
        self._open: OrderedDict[str, McpSession] = OrderedDict()  # the one that was used last, last
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def open(self, caller: Caller, params: Mapping[str, Any]) -> McpSession | None:
        """Return a new session; None if the parameters of its `initialize` make no sense. Raises NoRoomError."""
        try:
            ticket = Ticket.of(caller, params)
        except ValidationError:
            return None
        return await self._begin(ticket, self._signer.sign(PURPOSE, ticket.pack()), caller, restored=False)

    async def find(self, caller: Caller, session_id: str) -> McpSession | None:
        """Return the session of that id, begun anew if need be; None if it was ended, or is no session of the caller's.

        Raises NoRoomError.
        """
        session = self._open.get(session_id)
        if session is not None and not session.over:
            self._open.move_to_end(session_id)
            await session.ready()
            return session if session.ticket.key == caller.identity else None
        packed = None if session_id in self._ended else self._signer.read(PURPOSE, session_id)
        ticket = None if packed is None else Ticket.unpack(packed)
        if ticket is None or ticket.key != caller.identity:
            return None
        if session is not None:
            self._put_away(session)
        return await self._begin(ticket, session_id, caller, restored=True)

    async def _begin(self, ticket: Ticket, session_id: str, caller: Caller, *, restored: bool) -> McpSession:
        self._make_room()
        client = ticket.params["clientInfo"]
        link = caller.link.beside(caller.guest.running(client["name"], client["version"]).about())
        session = McpSession(ticket, session_id, link, SessionEvents(self._events), self._followers)
        self._open[session_id] = session
        session.begin(self._server, restored=restored)
        await session.ready()
        return session

    def end(self, session: McpSession) -> None:
        """End a session for good, as its client has asked."""
        self._ended[session.id] = None
        self._followers.remove(session.ticket.name)
        if len(self._ended) > ENDED:
            self._ended.popitem(last=False)
        self._put_away(session)

    def look(self) -> None:
        """Put away the sessions that have had no request, nor a stream, for IDLE_S; to be called now and then.

        Their clients are shown no more, as they may be gone; their ids stay good.
        """
        until = time.monotonic() - IDLE_S
        for session in [one for one in self._open.values() if not one.used and one.idle_since < until]:
            self._put_away(session)

    def _make_room(self) -> None:
        if len(self._open) < self._most:
            return
        session = next((one for one in self._open.values() if not one.used), None)
        if session is None:
            raise NoRoomError
        self._put_away(session)

    def _put_away(self, session: McpSession) -> None:
        if self._open.get(session.id) is session:
            del self._open[session.id]
        closing = asyncio.create_task(session.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Put all away."""
        for session in list(self._open.values()):
            self._put_away(session)
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_S)
