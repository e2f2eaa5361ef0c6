from __future__ import annotations

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, NotAllowedError, SettingInvalidError
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import OPERATIONS
from memmux.wire.roles import Role


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


@pytest.mark.parametrize("name", ["ada/ops", "a b", "ä", "a\n", "x" * (limits.KEY_CHARACTERS + 1)])
def test_a_name_that_could_pass_for_another_is_refused(name: str) -> None:
    with pytest.raises(ArgumentInvalidError, match="can't be the name of a key"):
        Grant(name=name)


def test_a_key_is_bound_to_no_more_namespaces_than_a_header_holds() -> None:
    Grant(namespaces=("n",) * limits.KEY_NAMESPACES)
    for names in (("n",) * (limits.KEY_NAMESPACES + 1), ("ä" * 128,) * 33):
        with pytest.raises(SettingInvalidError, match="give it fewer"):
            Grant(namespaces=names)


def test_roles_are_as_the_operations_need_them() -> None:
    needs = {role: {name for name, known in OPERATIONS.items() if known.needs is role} for role in Role}
    assert {"memory.search", "memory.get", "memory.history", "cluster.status"} <= needs[Role.READ]
    assert {"memory.store", "memory.delete", "memory.undo", "memory.use"} <= needs[Role.WRITE]
    assert {"memory.purge", "memory.dump", "admin.backup", "cluster.stop"} <= needs[Role.ADMIN]
    assert needs[Role.ADMIN] >= {name for name, known in OPERATIONS.items() if known.whole or known.internal}
    for name, known in OPERATIONS.items():
        assert (known.needs is Role.READ) <= (not known.writes), f"{name} writes, and only needs to read"


def test_a_grant_says_why_it_does_not_allow_something() -> None:
    LOCAL.check(OPERATIONS["cluster.stop"])
    with pytest.raises(NotAllowedError, match="needs the role admin, and the key 'ci' has the role write"):
        Grant(name="ci", role=Role.WRITE).check(OPERATIONS["memory.purge"])
    with pytest.raises(NotAllowedError, match="about the whole database, and the key 'ci' is bound"):
        Grant(name="ci", namespaces=("n",)).check(OPERATIONS["memory.dump"])
