"""The link: one client, made when its name is known, and never in the handshake's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_dealer.link.cluster_link import NAME, NAME_CHARACTERS, ClusterLink
from memmux.config.settings import Settings
from memmux.errors import ClusterStartError, ClusterUnreachableError
from memmux.trust import remotes
from memmux.trust.remotes import Remote
from memmux.wire.curve import KeyPair
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from tests.unit.mcp_dealer.stand_in import StandIn

pytestmark = pytest.mark.anyio


async def test_no_client_is_made_before_the_link_begins(link: ClusterLink, made: list[StandIn]) -> None:
    await link.aclose()
    assert made == []


async def test_the_first_begin_makes_the_client_and_later_ones_return_it(
    link: ClusterLink, made: list[StandIn]
) -> None:
    first = link.begin("claude-code")
    assert link.begin("another") is first
    assert [client.name for client in made] == ["claude-code"]
    await link.aclose()


@pytest.mark.parametrize(
    ("said", "name"), [("", NAME), (" \n", NAME), ("a\x1bb\n", "ab"), ("x" * 1000, "x" * NAME_CHARACTERS)]
)
async def test_a_name_is_short_and_printable(link: ClusterLink, made: list[StandIn], said: str, name: str) -> None:
    link.begin(said)
    assert made[0].name == name
    await link.aclose()


async def test_a_link_connects_without_being_asked(link: ClusterLink, made: list[StandIn]) -> None:
    link.begin()
    assert link._connecting is not None
    await link._connecting
    assert [call[0] for call in made[0].calls] == ["status"]
    await link.aclose()


async def test_a_cluster_that_does_not_start_is_left_to_the_first_tool_call(
    link: ClusterLink, made: list[StandIn]
) -> None:
    link.begin()
    made[0].error = ClusterStartError()
    assert link._connecting is not None
    await link._connecting
    await link.aclose()


@pytest.mark.parametrize(
    ("kept", "only_reads"), [(Role.READ, True), (Role.WRITE, False), (Role.ADMIN, False), (None, True)]
)
async def test_the_file_of_a_key_tells_what_it_allows_until_the_cluster_does(
    made: list[StandIn], tmp_path: Path, kept: Role | None, *, only_reads: bool
) -> None:
    remote, own = tmp_path / "remotes" / "team.json", KeyPair.make()
    remotes.keep(Remote(name="a", endpoint="tcp://127.0.0.1:7700", server=own.public, own=own, role=kept), remote)
    link = ClusterLink(Settings(remote=remote))
    link.begin()
    made[0].error = ClusterUnreachableError()
    assert await link.only_reads() is only_reads
    made[0].error = None
    assert await link.only_reads() is False  # the stand-in has no key that limits it
    await link.aclose()


@pytest.mark.parametrize("role", Role)
async def test_what_a_key_over_http_allows_is_known_without_the_cluster(role: Role) -> None:
    link = ClusterLink(Settings(), grant=Grant(name="a", role=role))
    assert await link.only_reads() is (role is Role.READ)
    assert await link.beside({}).only_reads() is (role is Role.READ)


async def test_a_key_that_can_not_be_read_lets_it_read_alone(made: list[StandIn], tmp_path: Path) -> None:
    link = ClusterLink(Settings(remote=tmp_path / "none.json"))
    link.begin()
    made[0].error = ClusterUnreachableError()
    assert await link.only_reads()
    await link.aclose()


async def test_closing_twice_says_goodbye_once(link: ClusterLink, made: list[StandIn]) -> None:
    link.begin()
    await link.aclose()
    await link.aclose()
    assert made[0].closed == 1
