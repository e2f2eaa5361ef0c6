from __future__ import annotations

from pathlib import Path

from memmux.files import presence
from tests.locked import locked


def test_what_may_not_be_looked_at_is_not_seen_and_no_error(short_tmp: Path) -> None:
    file = short_tmp / "memories.db"
    assert not presence.seen(file)
    file.touch()
    assert presence.seen(file)
    with locked(short_tmp):
        assert not presence.seen(file)
