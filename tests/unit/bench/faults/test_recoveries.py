from __future__ import annotations

import pytest

from bench.faults.recoveries import Recoveries
from bench.faults.schedule import Blow, Fault, Part

KILL = Fault(0.0, (Blow(Part.EMBED),))


def test_recovery_from_the_kill_of_a_worker_is_counted_as_one() -> None:
    found = Recoveries()
    for seconds in (0.3, 0.5, 0.4):
        found.note(KILL, seconds, beside=False)
    assert found == Recoveries(worker_s=0.5)


def test_recovery_beside_a_stalled_worker_is_one_from_several_faults() -> None:
    found = Recoveries()
    found.note(KILL, 2.3, beside=True)
    assert found == Recoveries(several_s=2.3)


@pytest.mark.parametrize("kind", ["worker_s", "router_s", "gateway_s", "server_s", "session_s"])
def test_recovery_that_takes_longer_than_is_promised_of_its_kind_is_not_in_time(kind: str) -> None:
    assert Recoveries(**{kind: 2.0}).in_time
    assert not Recoveries(**{kind: 5.1}).in_time
