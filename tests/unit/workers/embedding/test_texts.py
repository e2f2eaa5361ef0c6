from __future__ import annotations

import math

import orjson
import pytest

from memmux import errors
from memmux.wire.requests import HealthRow, Search, Store, StoreBatch, Update
from workers.embedding.texts import HEALTH_TEXT, texts_of
from workers.runtime.jobs import Job


def job(operation: str, *frames: bytes) -> Job:
    return Job("id", operation, frames, "", "test", math.inf, 1, ())


def backfill(*contents: object, model: str = "m") -> Job:
    found = {"memories": [{"id": "x", "content": content} for content in contents]}
    return job("vectors.backfill", orjson.dumps({"model": model}), orjson.dumps(found))


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        (job("memory.store", Store(content="a").to_body()), ("a",)),
        (
            job("memory.store_batch", StoreBatch(memories=(Store(content="a"), Store(content="b"))).to_body()),
            ("a", "b"),
        ),
        (job("memory.search", Search(query="q").to_body()), ("q",)),
        (job("health.read", HealthRow().to_body()), (HEALTH_TEXT,)),
        (job("memory.rewrite", Update(id="i", content="new").to_body()), ("new",)),
        (job("memory.rewrite", Update(id="i", tags=("t",)).to_body()), ()),
        (backfill("a", "b"), ("a", "b")),
        (backfill(), ()),
    ],
)
def test_each_operation_has_its_texts(asked: Job, texts: tuple[str, ...]) -> None:
    assert texts_of(asked, "m") == texts


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (job("memory.store", b"{"), errors.ArgumentInvalidError),
        (job("memory.store"), errors.ArgumentInvalidError),
        (job("memory.store", b'{"content": " "}'), errors.ContentEmptyError),
        (job("memory.store", b'{"content": "a", "colour": "red"}'), errors.UnknownFieldError),
        (job("memory.search", b'{"query": "a", "mode": "best"}'), errors.UnknownModeError),
        (job("memory.list", b"{}"), errors.UnknownOperationError),
        (job("vectors.backfill", b"{}"), errors.MalformedMessageError),
        (job("vectors.backfill", b'{"model": "m"}', b"[]"), errors.MalformedMessageError),
        (job("vectors.backfill", b'{"model": "m"}', b'{"memories": [1]}'), errors.MalformedMessageError),
        (backfill(7), errors.ArgumentInvalidError),
        (backfill("a", model="another"), errors.ModelMismatchError),
    ],
)
def test_what_is_wrong_with_a_job_is_said(asked: Job, error: type[errors.MemmuxError]) -> None:
    with pytest.raises(error):
        texts_of(asked, "m")
