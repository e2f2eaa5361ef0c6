"""Operations of REST: how a request becomes one."""

from __future__ import annotations

import anyio
import orjson
import pytest
from starlette.requests import Request

from mcp_dealer.http.rest.memories import OPERATIONS

MANY = 50_000  # parameters; to look at all for each of them would take 40 s of a processor
LIST = next(one for one in OPERATIONS if one.name == "list_memories")


def _refused(query: str) -> tuple[int, str]:
    scope = {"type": "http", "method": "GET", "path": LIST.path, "query_string": query.encode(), "headers": []}
    answer = anyio.run(LIST.answer, Request(scope))
    return answer.status_code, orjson.loads(answer.body)["detail"]


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_any_number_of_parameters_is_read_in_one_pass() -> None:
    status, detail = _refused("&".join(f"p{number}=" for number in range(MANY)))
    assert (status, detail.split(" in ")[0]) == (422, "there is no 'p0'")


def test_a_parameter_that_has_one_value_is_refused_with_several() -> None:
    status, detail = _refused("tag=a&tag=b&page=1&page=1")
    assert (status, detail) == (422, "the parameter 'page' is there several times; give it once")
