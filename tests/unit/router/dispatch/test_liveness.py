"""Deadlines: always the earliest, and never a heap that grows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.dispatch.liveness import Deadlines

_KEYS = st.sampled_from("abcdef")
_TIMES = st.integers(0, 50).map(float)


@given(st.lists(st.one_of(st.tuples(_KEYS, _TIMES), _KEYS, _TIMES)))
def test_deadlines_agree_with_a_dictionary(steps: list[tuple[str, float] | str | float]) -> None:
    deadlines, model = Deadlines(), dict[str, float]()
    for step in steps:
        match step:
            case (key, at):
                deadlines.set(key, at)
                model[key] = at
            case str():
                deadlines.drop(step)
                model.pop(step, None)
            case _:
                due = deadlines.due(step)
                assert sorted(due) == sorted(key for key, at in model.items() if at <= step)
                assert [model[key] for key in due] == sorted(model.pop(key) for key in list(due))
        assert deadlines.next() == min(model.values(), default=None)
        assert len(deadlines) == len(model)


def test_heap_does_not_grow_with_what_was_dropped_or_moved() -> None:
    deadlines = Deadlines()
    deadlines.set("always", 0.0)
    for number in range(10_000):
        deadlines.set(str(number), 1e9 + number)
        deadlines.drop(str(number))
        deadlines.set("moved", 2e9 + number)
    assert len(deadlines._heap) < 100
    assert deadlines.due(0.0) == ["always"]
