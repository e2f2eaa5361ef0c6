"""Which connections from other machines are cut, and how many descriptors are for connections at all."""

from __future__ import annotations

import pytest

from memmux.errors import ClusterStartError
from router.io import descriptors
from router.io.connections import Connections

HOST = "192.0.2.1"


def test_oldest_connection_over_which_nothing_was_said_makes_room() -> None:
    connections = Connections(most=20, silent_most=3)
    for descriptor in range(3):
        connections.opened(descriptor, (HOST, descriptor))
    assert connections.excess() == []
    connections.spoke(0)
    connections.opened(3, (HOST, 3))
    assert connections.excess() == []
    connections.opened(4, (HOST, 4))
    assert connections.excess() == [(1, (HOST, 1))]
    assert connections.excess() == []
    assert connections.closed(1) == HOST


def test_newest_of_too_many_connections_is_cut() -> None:
    connections = Connections(most=4, silent_most=9)
    for descriptor in range(4):
        connections.opened(descriptor, (HOST, descriptor))
        connections.spoke(descriptor)
    connections.opened(4, (HOST, 4))
    assert connections.excess() == [(4, (HOST, 4))]
    connections.closed(2)
    connections.opened(2, (HOST, 5))
    assert connections.excess() == []


def test_descriptor_that_is_used_again_is_another_connection() -> None:
    connections = Connections(most=9, silent_most=2)
    for descriptor in (1, 2, 1):
        connections.opened(descriptor, (HOST, descriptor))
    connections.spoke(9)  # which nothing is known of
    assert connections.closed(7) == ""
    connections.opened(3, (HOST, 3))
    assert [descriptor for descriptor, _ in connections.excess()] == [2]


@pytest.mark.parametrize(("limit", "full_at"), [(64, 48), (1024, 768), (4096, 3072), (16_384, 4096), (1 << 20, 4096)])
def test_a_part_of_the_descriptors_is_kept_back(limit: int, full_at: int) -> None:
    assert descriptors.full_at(limit) == full_at


def test_too_few_descriptors_are_an_error_with_a_remedy() -> None:
    with pytest.raises(ClusterStartError, match="ulimit -n"):
        descriptors.full_at(descriptors.LEAST - 1)


def test_the_lowest_free_descriptor_says_how_many_are_taken() -> None:
    before = descriptors.lowest_free()
    with open("/dev/null") as held:  # noqa: PTH123 - the descriptor is what counts
        assert held.fileno() == before
        assert descriptors.lowest_free() > before
    assert descriptors.lowest_free() == before
