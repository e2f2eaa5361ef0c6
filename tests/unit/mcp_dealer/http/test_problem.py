"""Problems: every error has a status, and says what it is."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from mcp_dealer.http.problem import MEDIA_TYPE, STATUSES, problem, status_of
from memmux import errors
from memmux.errors import ClusterError, MemmuxError, OverloadedError, RequestError


def _all(of: type[MemmuxError] = MemmuxError) -> Iterator[type[MemmuxError]]:
    yield of
    for kind in of.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from _all(kind)


@pytest.mark.parametrize("kind", list(_all()))
def test_every_error_has_a_status(kind: type[MemmuxError]) -> None:
    status = status_of(kind())
    assert 400 <= status < 600
    if issubclass(kind, RequestError):
        assert status < 500, "a wrong request is nobody's but its sender's"
    if kind.retryable:
        assert status in {429, 503, 504, 507}


def test_no_status_is_of_a_code_that_is_none() -> None:
    assert STATUSES.keys() - {kind.code for kind in _all()} == set()


def test_a_problem_says_when_to_try_again() -> None:
    answer = problem(OverloadedError(retry_after_ms=1500), seq=4)
    assert (answer.status_code, answer.headers["retry-after"], answer.media_type) == (503, "2", MEDIA_TYPE)
    said = orjson.loads(answer.body)
    assert said.keys() >= {"type", "title", "status", "detail", "code", "retry"}
    assert (said["code"], said["retry"], said["retry_after_ms"], said["seq"]) == ("overloaded", True, 1500, 4)
    assert "retry-after" not in problem(ClusterError()).headers
