"""The schedule of faults."""

from __future__ import annotations

from itertools import islice

from bench.faults.schedule import EDGE, OWN, PAUSE_S, SERVERS, Blow, Part, faults

ROUND = 15


def test_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert list(islice(faults(7), 50)) == list(islice(faults(7), 50))
    assert list(islice(faults(7), 50)) != list(islice(faults(8), 50))


def test_every_round_kills_every_part_and_stalls_a_worker_and_a_part_of_the_edge() -> None:
    for seed in range(20):
        schedule = list(islice(faults(seed), 3 * ROUND))
        for start in range(0, len(schedule), ROUND):
            blows = [blow for fault in schedule[start : start + ROUND] if fault.single for blow in fault.blows]
            assert {Blow(part) for part in OWN} <= set(blows)
            assert sorted(blow.part.works for blow in blows if blow.stall) == [False, True]


def test_two_parts_of_the_edge_are_struck_at_once_in_every_way() -> None:
    pairs = [fault.blows for fault in islice(faults(1), 100 * ROUND) if not fault.single]
    struck = {frozenset(pair) for pair in pairs if all(blow.part in EDGE for blow in pair)}
    assert len(struck) == 6 * 4  # pairs of parts, and of signals


def test_clients_go_on_and_two_blows_hit_different_parts() -> None:
    for fault in islice(faults(3), 400):
        assert PAUSE_S[0] <= fault.pause_s <= PAUSE_S[1]
        assert len({blow.part for blow in fault.blows}) == len(fault.blows)
        stalled = [blow.part for blow in fault.blows if blow.stall]
        assert all(part.works or part in EDGE or part is Part.FORK_SERVER for part in stalled)


def test_the_fork_server_hangs_when_a_worker_is_to_be_replaced_in_every_round() -> None:
    for start in range(0, 20 * ROUND, ROUND):
        pairs = [fault.blows for fault in islice(faults(1), start, start + ROUND) if not fault.single]
        ((hangs, killed),) = [pair for pair in pairs if pair[0] == Blow(Part.FORK_SERVER, stall=True)]
        assert hangs != killed
        assert killed.part.works


def test_the_servers_of_postgresql_are_struck_where_there_are_any_and_there_alone() -> None:
    struck = [blow for fault in islice(faults(1, servers=True), 60) for blow in fault.blows]
    assert {Blow(part, stall=stall) for part in SERVERS for stall in (False, True)} <= set(struck)
    assert {blow.part for fault in islice(faults(1), 200) for blow in fault.blows} == set(OWN)
