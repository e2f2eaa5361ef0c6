"""Curves of memory."""

from __future__ import annotations

import pytest

from bench.faults.soak import Curve, slope


def test_slope_is_that_of_a_straight_line() -> None:
    assert slope([(0, 5), (10, 7), (20, 9)]) == pytest.approx(0.2)
    assert slope([(0, 5), (10, 5), (20, 5)]) == 0


def test_slope_of_too_little_is_flat() -> None:
    assert slope([]) == 0
    assert slope([(3, 5)]) == 0


def test_curve_tells_its_growth_in_ten_minutes() -> None:
    assert Curve("router", 1, [(0, 30), (60, 30.1)]).slope_mb == pytest.approx(1.0)
