"""The changes of an import, beside those of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from memmux.client.blocking import Client
from memmux.transfer.made import Made
from tests.unit.memmux.cli.desk_client import DeskClient
from tests.unit.workers.desk import Desk


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of a desk."""
    desk = Desk(tmp_path / "memories.db")
    yield cast("Client", DeskClient(desk))
    desk.close()


def load(client: Client, made: Made, *names: str, **fields: Any) -> None:
    lines = [{"id": name, "content": name, "created_at": 1, "updated_at": 1, **fields} for name in names]
    made.add(client.load(lines, adopt=True))


def test_what_is_loaded_in_parts_is_one_range(client: Client) -> None:
    made = Made()
    load(client, made, "one", "two")
    load(client, made, "one", "two")
    load(client, made, "three")
    assert made.undo(client) == ["1-3"]
    assert Made().undo(client) == []


def test_changes_of_others_in_between_are_in_no_range(client: Client) -> None:
    made = Made()
    load(client, made, "one", "two")
    client.store("theirs")
    load(client, made, "three")
    load(client, made, "four", "five")
    client.store("theirs, too")
    load(client, made, "six")
    assert made.undo(client) == ["8", "4-6", "1-2"]
