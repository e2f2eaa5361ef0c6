"""Changes over REST: what an undo of several says of those that were not undone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from mcp_dealer.http.rest import answers, changes
from mcp_dealer.http.rest.operation import Asked
from memmux.errors import ArgumentInvalidError, DeadlineExceededError, MemmuxError, UndoConflictError
from memmux.wire.answers import Undone


class Client:
    """Undoes changes; of some it raises an error."""

    def __init__(self, errors: dict[int, MemmuxError]) -> None:
        self.errors = errors
        self.asked: list[int] = []

    async def undo(self, seq: int, *, key: str | None) -> Undone:
        assert key is None
        self.asked.append(seq)
        if seq in self.errors:
            raise self.errors[seq]
        return Undone(id="a", content_hash="b", seq=seq + 10, undone=seq, deleted=False, indexed=True)


def _undo(client: Client) -> tuple[list[int], list[tuple[int, str]]]:
    caller = SimpleNamespace(client=client, name="laptop")
    request = Request({"type": "http", "headers": [], "state": {"caller": caller}})
    said: Any = anyio.run(changes.undo, Asked(request, body=answers.Undo(seqs=[1, 2, 3, 4])))
    return [one["undone"] for one in said["undone"]], [(one["seq"], one["code"]) for one in said["left"]]


def test_what_was_undone_before_an_error_is_told_with_all_that_is_left() -> None:
    client = Client({2: DeadlineExceededError()})
    assert _undo(client) == ([4, 3], [(2, "deadline_exceeded"), (1, "deadline_exceeded")])
    assert client.asked == [4, 3, 2]


def test_what_can_not_be_undone_by_itself_is_left_and_what_is_as_before_is_not() -> None:
    client = Client({3: UndoConflictError(), 2: ArgumentInvalidError()})
    assert _undo(client) == ([4, 1], [(3, "undo_conflict")])


def test_an_error_before_anything_was_undone_is_the_answer() -> None:
    with pytest.raises(DeadlineExceededError):
        _undo(Client({4: DeadlineExceededError()}))
