"""Jobs: what a request carries."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from memmux.errors import ContentEmptyError, MalformedMessageError
from memmux.wire.requests import Search
from workers.runtime.jobs import Job


def _job(*frames: bytes) -> Job:
    return Job("1", "memory.search", frames, key="", client="a", deadline=math.inf, attempt=1, degraded=())


def test_a_body_is_read_once_and_anew_for_another_body() -> None:
    job = _job(Search(query="a").to_body())
    assert job.body(Search) is job.body(Search)
    assert replace(job, frames=(Search(query="b").to_body(),)).body(Search).query == "b"


def test_what_is_wrong_with_a_body_is_said_whenever_it_is_read() -> None:
    job = _job(b'{"query": " "}')
    for _ in range(2):
        with pytest.raises(ContentEmptyError):
            job.body(Search)
    with pytest.raises(MalformedMessageError, match="no body"):
        _job().body(Search)
