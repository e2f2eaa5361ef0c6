from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from mcp_dealer.http import clients as module
from mcp_dealer.http.clients import Clients
from mcp_dealer.http.guest import Guest
from memmux.config.settings import Settings
from memmux.wire.grants import Grant
from memmux.wire.roles import Role

pytestmark = pytest.mark.anyio
A, B, C = (Grant(name=name) for name in "abc")


async def test_a_key_has_one_link_that_closes_when_it_is_idle(settings: Settings) -> None:
    now = [0.0]
    clients = Clients(settings, None, lambda: now[0])
    async with clients.use(A) as first, clients.use(A) as again, clients.use(B) as other:
        assert first is again
        assert other is not first
        assert (first.key, other.key) == ("a", "b")
        now[0] = module.IDLE_S
        async with clients.use(C):
            pass
        clients.look()
        assert len(clients) == 3  # all of them are in use, or were just now
    now[0] += module.IDLE_S - 1
    async with clients.use(B):
        pass
    clients.look()
    assert len(clients) == 3
    now[0] += 1
    async with clients.use(B) as kept:
        clients.look()
    assert kept is other
    assert len(clients) == 1
    await clients.aclose()


async def test_a_key_has_a_link_for_each_guest_up_to_a_bound(settings: Settings) -> None:
    clients = Clients(settings, None)
    async with AsyncExitStack() as stack:
        links = [
            await stack.enter_async_context(clients.use(A, Guest(f"192.0.2.{number}", "curl/8")))
            for number in range(module.OF_KEY + 3)
        ]
        assert len(set(links)) == module.OF_KEY + 1
        assert len(set(links[module.OF_KEY :])) == 1
        assert await stack.enter_async_context(clients.use(A, Guest("192.0.2.0", "curl/8"))) is links[0]
    await clients.aclose()


async def test_a_new_key_of_a_name_has_no_link_of_the_one_before(settings: Settings) -> None:
    clients = Clients(settings, None)
    lesser = Grant(name="a", role=Role.READ)
    async with clients.use(A) as first, clients.use(lesser) as second:
        assert (await first.only_reads(), await second.only_reads()) == (False, True)
    await clients.aclose()


def test_without_a_key_there_is_no_link_with_all_rights(settings: Settings) -> None:
    with pytest.raises(ValueError, match="all rights"):
        Clients(settings, None).own(Grant())


def test_a_link_of_its_own_is_nobody_elses(settings: Settings) -> None:
    clients = Clients(settings, None)
    assert clients.own(A) is not clients.own(A)
    assert clients.own(A).key == "a"
