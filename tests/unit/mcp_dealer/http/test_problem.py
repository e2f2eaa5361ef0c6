"""Problems: every error has a status, and says what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import orjson
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mcp_dealer.http.problem import MEDIA_TYPE, STATUSES, problem, refused, status_of
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


@pytest.mark.parametrize(
    ("method", "accept", "kind"),
    [
        ("GET", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("GET", "*/*", MEDIA_TYPE),
        ("GET", "application/json", MEDIA_TYPE),
        ("POST", "text/html", MEDIA_TYPE),
    ],
)
def test_a_browser_at_a_path_that_is_none_gets_a_page(method: str, accept: str, kind: str) -> None:
    asked = Request({"type": "http", "method": method, "headers": [(b"accept", accept.encode())]})
    answer = asyncio.run(refused(asked, HTTPException(404)))
    assert (answer.status_code, answer.headers["content-type"]) == (404, kind)
    assert (b'<a href="/">' in answer.body) is kind.startswith("text/html")
