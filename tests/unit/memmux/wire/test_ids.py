from __future__ import annotations

import time
import uuid

import pytest

from memmux.wire.ids import uuid7


def test_id_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(uuid7())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122


def test_ids_sort_by_their_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = time.time_ns()
    made = []
    for milliseconds in range(100):
        monkeypatch.setattr(time, "time_ns", lambda milliseconds=milliseconds: now_ns + milliseconds * 1_000_000)
        made.append(uuid7())
    assert made == sorted(made)


def test_id_holds_the_time_at_which_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_645_557_742_000_000_000)  # the example of RFC 9562, appendix A.6
    assert uuid7().startswith("017f22e2-79b0-7")


def test_ids_of_one_millisecond_differ() -> None:
    assert len({uuid7() for _ in range(1000)}) == 1000
