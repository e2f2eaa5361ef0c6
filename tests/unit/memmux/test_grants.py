from __future__ import annotations

import pytest

from memmux.errors import SettingInvalidError
from memmux.grants import LOCAL, Grant, Role


def test_each_role_includes_those_before_it() -> None:
    assert [[one.includes(other) for other in Role] for one in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_a_local_client_may_do_everything() -> None:
    assert (LOCAL.role, LOCAL.namespaces) == (Role.ADMIN, None)


@pytest.mark.parametrize(
    "grant",
    [
        Grant(name="ci", role=Role.READ),
        Grant(name="ada", role=Role.WRITE, namespaces=("a", "b"), requests_s=2.5, in_flight=3, memories=10),
        Grant(name="nobody", role=Role.READ, namespaces=()),
    ],
)
def test_a_grant_is_read_as_it_was_written(grant: Grant) -> None:
    assert Grant.from_json(grant.to_json()) == grant


@pytest.mark.parametrize("fields", [{}, {"role": "king"}, {"role": "read", "name": "a", "more": 1}, {"role": 3}])
def test_what_is_no_grant_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(SettingInvalidError, match="key add"):
        Grant.from_json(fields)
