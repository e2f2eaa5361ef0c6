from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcp_dealer.http.caller import Caller
from mcp_dealer.http.mcp import _Links
from mcp_dealer.http.mcp_followers import Followers
from mcp_dealer.http.mcp_sessions import NAME_CHARACTERS, McpSession, McpSessions, NoRoomError
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.sdk.server import MemoryServer
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.trust.signing import Signer
from memmux.wire.grants import Grant
from memmux.wire.roles import Role

pytestmark = pytest.mark.anyio
MOST = 4  # sessions at a time
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "by-hand", "version": "1"}}


def _noted(settings: Settings) -> Path:
    return settings.database.with_name("followers")


@pytest.fixture
async def sessions(settings: Settings) -> AsyncIterator[McpSessions]:
    made = McpSessions(MemoryServer(settings), Signer(Places(settings)), MOST, Followers(_noted(settings)))
    yield made
    await made.aclose()


def _caller(settings: Settings, token: str, role: Role = Role.WRITE) -> Caller:
    grant = Grant(name="laptop", role=role)
    return Caller("laptop", grant, ClusterLink(settings, grant=grant), token=token)


@pytest.mark.parametrize("away", [False, True], ids=["in use", "put away"])
async def test_a_session_is_not_another_keys_of_the_same_name(
    settings: Settings, sessions: McpSessions, *, away: bool
) -> None:
    session = await sessions.open(_caller(settings, "the first"), INITIALIZE)
    assert session is not None
    if away:
        await sessions.aclose()
    assert await sessions.find(_caller(settings, "the second", Role.READ), session.id) is None
    assert await sessions.find(_caller(settings, "the first"), session.id) is not None


async def test_a_session_that_begins_is_not_put_away_for_another(settings: Settings, sessions: McpSessions) -> None:
    caller = _caller(settings, "a token")
    for _ in range(MOST - 1):
        used = await sessions.open(caller, INITIALIZE)
        assert used is not None
        used.used += 1
    opened = [sessions.open(caller, INITIALIZE) for _ in range(2)]
    one, other = await asyncio.gather(*opened, return_exceptions=True)
    assert isinstance(one, McpSession)
    assert not one.over
    assert isinstance(other, NoRoomError)


async def test_a_link_that_is_asked_for_is_not_closed_for_want_of_room(settings: Settings) -> None:
    links = _Links(1)
    caller = _caller(settings, "a token")
    with links.of(caller, "one", "1") as one, links.of(caller, "other", "1") as other:
        with links.of(caller, "other", "1") as again:
            assert again is other
        assert one is not other
    await links.aclose()


async def test_of_a_long_name_a_link_keeps_the_beginning(settings: Settings) -> None:
    links = _Links(1)
    with links.of(_caller(settings, "a token"), "n" * 1_000_000, "1"):
        ((_, name),) = links._known
        assert name == "n" * NAME_CHARACTERS
    await links.aclose()


async def test_a_session_that_is_restored_counts_as_heard(settings: Settings, sessions: McpSessions) -> None:
    session = await sessions.open(_caller(settings, "a token"), INITIALIZE)
    assert session is not None
    followers = Followers(_noted(settings))
    followers.add(session.ticket.name)
    await sessions.aclose()
    noted = _noted(settings) / session.ticket.name
    os.utime(noted, (1.0, 1.0))
    assert await sessions.find(_caller(settings, "a token"), session.id) is not None
    assert noted.stat().st_mtime > 1.0
