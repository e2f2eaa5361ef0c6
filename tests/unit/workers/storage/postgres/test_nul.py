from __future__ import annotations

import pytest

from memmux.errors import ArgumentInvalidError
from tests.unit.workers.desk import job
from workers.storage.postgres import nul


@pytest.mark.parametrize("body", [{"content": "a\0"}, {"metadata": {"\0": 1}}, {"memories": [{"tags": ["\0"]}]}])
def test_nul_is_refused_wherever_it_stands(body: object) -> None:
    with pytest.raises(ArgumentInvalidError, match="NUL"):
        nul.refuse_job(job("memory.store", body))


def test_what_came_with_the_request_is_looked_at_too() -> None:
    with pytest.raises(ArgumentInvalidError):
        nul.refuse_job(job("memory.store", {}, client="\0"))


@pytest.mark.parametrize("body", [{"content": "\\u0000"}, {"content": "0"}, b'{"content": "\\u0000', b""])
def test_all_else_is_let_through(body: object) -> None:
    nul.refuse_job(job("memory.store", body))


def test_memories_that_are_loaded_are_refused_each_for_itself() -> None:
    loaded = {"memories": [{"content": "a\0"}, {"content": "b"}]}
    nul.refuse_job(job("memory.load", loaded))
    with pytest.raises(ArgumentInvalidError):
        nul.refuse(loaded["memories"][0])
    nul.refuse(loaded["memories"][1])
