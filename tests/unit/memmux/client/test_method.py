"""The call that a method makes: in which namespace, and whether its user named that."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from memmux.client.method import call_of
from memmux.client.methods import history, namespaces, search
from memmux.client.methods import list as list_
from memmux.wire.namespaces import Unnamed


@pytest.mark.parametrize(
    ("given", "meant", "named"),
    [
        ({}, "own", False),
        ({"namespace": "default"}, "default", True),
        ({"namespace": "own"}, "own", True),
        ({"namespace": None}, None, False),
        ({"namespace": Unnamed("default")}, "default", False),
    ],
)
def test_a_namespace_is_named_where_the_caller_gives_its_name(
    given: dict[str, Any], meant: str | None, named: bool
) -> None:
    call = call_of(search, (("kettle",), given), "own")
    assert (orjson.loads(call.body)["filter"]["namespace"], call.named) == (meant, named)
    call = call_of(list_, ((), given), "own")
    assert (orjson.loads(call.body)["filter"]["namespace"], call.named) == (meant, named)
    call = call_of(history, (("id",), given), "own")
    assert (orjson.loads(call.body)["namespace"], call.named) == (meant, named)


def test_what_has_no_namespace_names_none() -> None:
    assert not call_of(namespaces, ((), {}), "own").named
