"""What the follower knows after any changes is what it would load, and what plain Python makes of the rows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux.errors import RequestError
from tests.unit.examples import examples
from tests.unit.workers.desk import Desk
from workers.storage.reading import thread_follower
from workers.storage.reading.thread_follower import ThreadFollower
from workers.storage.sqlite import engine
from workers.storage.sqlite.connection import SqliteConnection

Step = tuple[str, int, int, str | None, int | None]

steps = st.tuples(
    st.sampled_from(["store", "store", "store", "delete", "undo", "renew", "move", "place", "place", "tag", "wait"]),
    st.integers(0, 30),
    st.sampled_from([0, 0, 7, 900, 1_000_000]),
    st.sampled_from([None, None, "one", "two"]),
    st.sampled_from([None, None, 1, 2, 3]),
)


def _do(desk: Desk, step: Step, number: int) -> None:
    what, of, at, thread, place = step
    ids = [memory for (memory,) in desk.sql("SELECT id FROM memories WHERE deleted_at IS NULL ORDER BY row")]
    if what == "store":
        fields: dict[str, Any] = {"namespace": "work" if of % 3 == 0 else "default"}
        fields |= {"thread": thread} if thread else {}
        fields |= {} if place is None else {"place": place}
        fields |= {"created_at": 1_700_000_000 + at} if at else {}
        desk.ask("memory.store", {"content": f"text {number}", **fields}, client=f"client {of % 2}")
    elif what == "wait":
        desk.clock.at += 3_600
    elif what == "undo":
        desk.ask("memory.undo", {"seq": of + 1})
    elif ids:
        named = {"id": ids[of % len(ids)], "namespace": None}
        change: dict[str, Any] = {"tags": [f"tag {number}"]}
        if what == "move":
            change = {"metadata": {"conversation_id": thread}}
        if what == "place":
            change = {"metadata": {"source": thread or "one", "chunk": place or 4}}
        if what == "renew":
            change = {"content": f"text {number}", "versioned": True}
        operation = {"delete": "memory.delete", "renew": "memory.rewrite"}.get(what, "memory.update")
        desk.ask(operation, named if what == "delete" else named | change)


def _in_order(desk: Desk) -> list[list[int]]:
    """Return the threads as plain Python has them."""
    threads: dict[object, list[tuple[float, float, int]]] = {}
    for row, namespace, thread, run, place, at in desk.sql(
        "SELECT row, namespace, thread, run, place, created_at FROM memories"
        " WHERE deleted_at IS NULL AND superseded_by IS NULL"
    ):
        name = (namespace, run or row) if thread is None else (namespace, "named", thread)
        threads.setdefault(name, []).append((float("inf") if place is None else place, at, row))
    return sorted([row for _, _, row in sorted(thread)] for thread in threads.values())


def _known(follower: ThreadFollower) -> list[list[int]]:
    links = follower.neighbours
    firsts = [row for row, thread in enumerate(links.threads) if thread and not links.before[row]]
    found = [[first, *follower.context(first, 1_000)[1]] for first in firsts]
    for thread in found:
        assert len({links.threads[row] for row in thread}) == 1
        assert all(links.before[after] == before for before, after in pairwise(thread))
    assert sum(map(len, found)) == sum(map(bool, links.threads))
    return sorted(found)


@settings(max_examples=examples(60), deadline=None)
@given(changes=st.lists(steps, max_size=25), looks=st.lists(st.integers(0, 24), max_size=6))
def test_it_knows_after_any_changes_what_the_rows_say(changes: Sequence[Step], looks: Sequence[int]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Desk(Path(folder) / "memories.db")) as desk,
        closing(engine.open_reader(Path(folder) / "memories.db")) as raw,
    ):
        follower = ThreadFollower(SqliteConnection(raw))
        for number, step in enumerate(changes):
            try:
                _do(desk, step, number)
            except RequestError:  # such as an undo of what was changed again
                continue
            if number in looks:
                follower.follow(desk.engine.seq)
                assert _known(follower) == _in_order(desk)
        follower.follow(desk.engine.seq)
        assert _known(follower) == _in_order(desk)


@pytest.mark.sqlite_only("reads by a connection of SQLite's")
@pytest.mark.parametrize("moves", [{1: 10, 2: 11}, {2: -2, 3: -1}, {1: 2, 2: 1}, {1: 12, 2: 11, 3: 10}])
@pytest.mark.parametrize("gone", [None, 1, 2, 3])
def test_memories_that_change_places_together_are_in_order(desk: Desk, moves: dict[int, int], gone: int | None) -> None:
    ids = [desk.store(f"part {n}", metadata={"source": "/a", "chunk": n})["id"] for n in (1, 2, 3, 4)]
    with closing(engine.open_reader(desk.settings.database)) as raw:
        follower = ThreadFollower(SqliteConnection(raw))
        follower.follow(desk.engine.seq)
        for number, place in moves.items():
            desk.ask("memory.update", {"id": ids[number - 1], "metadata": {"chunk": place}})
        if gone is not None:
            desk.ask("memory.delete", {"id": ids[gone - 1]})
        follower.follow(desk.engine.seq)
        assert _known(follower) == _in_order(desk)


@pytest.mark.sqlite_only("traces a connection of SQLite's")
def test_only_what_changed_is_read_again(desk: Desk) -> None:
    for number in range(10):
        desk.store(f"text {number}", thread="talk")
    asked: list[Any] = []
    with closing(engine.open_reader(desk.settings.database)) as raw:
        follower = ThreadFollower(SqliteConnection(raw))
        follower.follow(desk.engine.seq)

        def note(_cursor: object, _sql: str, values: object) -> bool:
            asked.append(values)
            return True

        raw.exec_trace = note
        desk.store("text 10", thread="talk")
        follower.follow(desk.engine.seq)
    assert follower.context(11, 20) == (list(range(1, 11)), [])
    assert asked == [{"seq": 10}, {"rows": [11]}, {"rows": [0]}, {"rows": [10]}]


@pytest.mark.sqlite_only("reads by a connection of SQLite's")
def test_many_changes_are_loaded_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_follower, "FAR_BEHIND", 2)
    with closing(engine.open_reader(desk.settings.database)) as raw:
        follower = ThreadFollower(SqliteConnection(raw))
        follower.follow(desk.engine.seq)
        for number in range(5):
            desk.store(f"text {number}", thread="talk", place=-number)
        follower.follow(desk.engine.seq)
        assert _known(follower) == [[5, 4, 3, 2, 1]]
