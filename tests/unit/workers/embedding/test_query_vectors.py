"""Query vectors, of requests that bring theirs and of those that need one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.config.loader import load
from memmux.config.settings import EmbedderChoice
from memmux.wire.requests import Search
from workers.embedding import query_vectors
from workers.embedding.interface import Named
from workers.embedding.queries import QueryEmbedder
from workers.embedding.query_vectors import QueryVectors
from workers.runtime.jobs import Job, silent


@pytest.fixture
def queries(tmp_path: Path) -> Iterator[QueryEmbedder]:
    made = QueryEmbedder(replace(load(), database=tmp_path / "m.db", embedder=EmbedderChoice.HASH))
    yield made
    made.close()


def _job(*blobs: bytes) -> Job:
    frames = (Search(query="a").to_body(), *blobs)
    return Job("1", "memory.search", frames, key="", client="a", deadline=math.inf, attempt=1, degraded=())


def test_which_model_is_searched_with_is_looked_up_for_what_is_to_be_embedded_and_now_and_then(
    queries: QueryEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[None] = []

    def current() -> Named | None:
        looks.append(None)
        return None

    vectors = QueryVectors(queries, current)
    monkeypatch.setattr(query_vectors, "FOLLOW_S", math.inf)
    vectors.begin([_job(b"", b"")])  # the first time
    vectors.begin([_job(b"", b"")])
    assert len(looks) == 1
    vectors.begin([_job()])
    assert len(looks) == 2
    monkeypatch.setattr(query_vectors, "FOLLOW_S", 0.0)
    vectors.follow()
    vectors.begin([_job(b"", b"")])
    assert len(looks) == 4


def test_a_vector_that_came_with_a_request_is_taken(queries: QueryEmbedder) -> None:
    vectors = QueryVectors(queries, lambda: None)
    job = _job(b"described", b"data")
    vectors.begin([job])
    assert not vectors.are_made(job)
    assert vectors.degraded(job) == ()
    assert vectors.frames(job, silent) == (b"described", b"data")
