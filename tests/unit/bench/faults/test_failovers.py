from __future__ import annotations

import pytest

from bench.faults.failovers import Failovers, Outage


@pytest.mark.parametrize(
    ("outages", "worst_s"),
    [
        ([], 0.0),
        ([Outage(killed=1.0, promoted=2.0, first=2.5), Outage(killed=4.0, promoted=5.0, first=5.25)], 0.5),
        ([Outage(killed=1.0, promoted=2.0, first=1.75)], 0.0),  # before the command that promotes has returned
    ],
)
def test_the_first_store_takes_so_long_after_a_promotion_at_worst(outages: list[Outage], worst_s: float) -> None:
    assert Failovers(outages=outages).first_store_s == worst_s
