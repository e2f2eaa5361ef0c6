"""Which version is older."""

from __future__ import annotations

import pytest

from memmux.version import older


@pytest.mark.parametrize(
    ("one", "other"), [("0.1.0", "0.2.0"), ("0.9.0", "0.10.0"), ("1.0.0rc1", "1.0.0"), ("0.1.0.dev3", "0.1.0")]
)
def test_version_that_came_before_is_older_and_never_the_other_way_round(one: str, other: str) -> None:
    assert older(one, other)
    assert not older(other, one)


@pytest.mark.parametrize(("one", "other"), [("0.1.0", "0.1.0"), ("0.1", "0.1.0"), ("", "0.1.0"), ("mine", "0.1.0")])
def test_same_version_and_what_is_none_are_not_older(one: str, other: str) -> None:
    assert not older(one, other)
    assert not older(other, one)
