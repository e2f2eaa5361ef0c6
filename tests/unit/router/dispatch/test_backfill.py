"""Backfill: the router's own request for vectors that are missing."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from memmux.limits import ATTEMPTS
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind, Message
from router.dispatch.backfill import PAUSE_MOST_S, PAUSE_S, SKIP_S
from tests.unit.router.dispatch.driver import Driver

_BEHIND = {"pending": 40, "model": "m"}


def _behind() -> Driver:
    """A cluster whose writer has just said that memories wait for their vector; its first batch is at the reader."""
    driver = Driver()
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=2)
    driver.heartbeat("write-0", **_BEHIND)
    return driver


def _walk(driver: Driver, worker: str, did: Mapping[str, int] | None = None, **facts: object) -> Message:
    """Let the worker answer the newest thing it was asked; did: what a writer says that it did."""
    message = driver.requests(worker)[-1]
    driver.answer(worker, message, worker.encode() if did is None else orjson.dumps(did), **facts)
    return message


def _batch(driver: Driver, did: Mapping[str, int], **facts: object) -> None:
    """Let a whole batch pass."""
    for worker in ("read-0", "embed-0"):
        _walk(driver, worker)
    _walk(driver, "write-0", did, **facts)


def test_memories_without_a_vector_get_theirs_batch_by_batch() -> None:
    driver = _behind()
    first = _walk(driver, "read-0")
    assert first.header.operation == "vectors.backfill"
    assert orjson.loads(first.body) == {"model": "m", "dimensions": 3, "limit": 32}
    assert (first.header.id, first.header.key) == ("internal-1", "internal-1")
    assert _walk(driver, "embed-0").frames[1:] == (b"read-0",)
    assert _walk(driver, "write-0", pending=8, model="m").frames[1:] == (b"read-0", b"embed-0")
    assert driver.asked("read-0") == ["internal-1", "internal-2"]
    for worker in ("read-0", "embed-0"):
        _walk(driver, worker)
    _walk(driver, "write-0", pending=0, model="m")
    assert driver.asked("read-0") == ["internal-1", "internal-2"]
    assert not any(driver.leftovers().values())


def test_nothing_is_done_while_nothing_is_missing(driver: Driver) -> None:
    driver.heartbeat("write-0", pending=0, model="m")
    assert driver.asked("read-0") == []


def test_another_model_is_reason_enough(driver: Driver) -> None:
    driver.heartbeat("write-0", pending=0, model="old")
    assert driver.asked("read-0") == ["internal-1"]


def test_vectors_that_were_brought_along_are_reason_enough(driver: Driver) -> None:
    driver.heartbeat("write-0", pending=0, unaudited=2, model="m")
    _walk(driver, "read-0")
    _walk(driver, "embed-0")
    _walk(driver, "write-0", pending=0, unaudited=1, model="m")
    assert driver.asked("read-0") == ["internal-1", "internal-2"]
    for worker in ("read-0", "embed-0"):
        _walk(driver, worker)
    _walk(driver, "write-0", pending=0, unaudited=0, model="m")
    assert driver.asked("read-0") == ["internal-1", "internal-2"]


def test_the_model_says_how_long_its_windows_are(driver: Driver) -> None:
    driver.heartbeat("embed-0", model="m", dimensions=3, max_tokens=256)
    driver.heartbeat("write-0", pending=1, model="m")
    body = orjson.loads(_walk(driver, "read-0").body)
    assert body == {"model": "m", "dimensions": 3, "limit": 32, "max_tokens": 256}


def test_it_waits_until_everyone_is_there() -> None:
    driver = Driver()
    driver.ready("write-0", Stage.WRITE, **_BEHIND)
    driver.ready("embed-0", Stage.EMBED)
    assert driver.asked("write-0") == driver.asked("embed-0") == []
    driver.ready("read-0", Stage.READ)
    assert driver.asked("read-0") == ["internal-1"]


def test_only_one_is_in_flight() -> None:
    driver = _behind()
    for _ in range(3):
        driver.heartbeat("write-0", **_BEHIND)
    assert driver.asked("read-0") == ["internal-1"]


def test_failure_is_followed_by_a_pause() -> None:
    driver = _behind()
    driver.fail("read-0", driver.requests("read-0")[0], "busy")
    driver.now += PAUSE_S - 0.1
    driver.heartbeat("write-0", **_BEHIND)
    assert driver.asked("read-0") == ["internal-1"]
    driver.now += 0.2
    driver.heartbeat("write-0", **_BEHIND)
    assert driver.asked("read-0") == ["internal-1", "internal-2"]


def test_the_pause_grows_with_failures_in_a_row_and_is_short_again_after_a_success() -> None:
    driver = _behind()
    for number, pause_s in enumerate([PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S], 1):
        driver.fail("read-0", driver.requests("read-0")[-1], "busy")
        driver.now += pause_s - 0.1
        driver.heartbeat("write-0", **_BEHIND)
        assert len(driver.asked("read-0")) == number
        driver.now += 0.2
        driver.heartbeat("write-0", **_BEHIND)
        assert len(driver.asked("read-0")) == number + 1
    _batch(driver, {"stored": 1}, **_BEHIND)
    driver.fail("read-0", driver.requests("read-0")[-1], "busy")
    driver.now += PAUSE_S + 0.1
    driver.heartbeat("write-0", **_BEHIND)
    assert len(driver.asked("read-0")) == 6


def _asked(driver: Driver) -> tuple[int, int]:
    """Return how many memories the newest batch passes over, and how many it may have."""
    body = orjson.loads(driver.requests("read-0")[-1].body)
    return body.get("skip", 0), body["limit"]


def _poison(driver: Driver, pause_s: float = 2 * PAUSE_S) -> None:
    """Let the embedder die of the newest batch, and the next be asked for."""
    _walk(driver, "read-0")
    driver.exit("embed-0")
    driver.ready("embed-0", Stage.EMBED, credit=2)
    driver.now += pause_s
    driver.heartbeat("write-0", **_BEHIND)


def test_a_memory_that_ends_embedders_is_passed_over_for_a_while() -> None:
    driver = _behind()

    assert _asked(driver) == (0, 32)
    _poison(driver)
    assert _asked(driver) == (0, 1)
    _poison(driver)
    assert _asked(driver) == (1, 1)
    for limit in (2, 4, 8, 16, 32, 32):
        _batch(driver, {"stored": 1}, **_BEHIND)
        assert _asked(driver) == (1, limit)
    driver.now += SKIP_S
    _batch(driver, {"stored": 1}, **_BEHIND)
    assert _asked(driver) == (0, 1)


def test_however_many_end_embedders_those_behind_them_have_their_turn() -> None:
    driver = _behind()
    for number in range(20):
        assert _asked(driver) == (max(0, number - 1), 32 if number == 0 else 1)
        _poison(driver, PAUSE_MOST_S)
    _batch(driver, {"stored": 1}, **_BEHIND)
    assert _asked(driver) == (19, 2)


def test_while_all_that_wait_are_passed_over_nothing_is_asked_for() -> None:
    driver = _behind()
    for _ in range(2):
        _poison(driver)
    _batch(driver, {"stored": 0, "gone": 0}, **_BEHIND)
    asked = driver.asked("read-0")
    driver.now += PAUSE_MOST_S
    driver.heartbeat("write-0", **_BEHIND)
    assert driver.asked("read-0") == asked
    driver.heartbeat("write-0", **{**_BEHIND, "pending": 41})
    assert _asked(driver) == (1, 1)
    _batch(driver, {"stored": 0, "gone": 0}, **{**_BEHIND, "pending": 41})
    driver.now += PAUSE_MOST_S
    driver.heartbeat("write-0", **{**_BEHIND, "pending": 41})
    assert _asked(driver) == (0, 1)


def test_a_memory_is_not_passed_over_for_readers_that_died() -> None:
    driver = _behind()
    for number in (1, 2):
        for _ in range(ATTEMPTS):
            driver.exit("read-0")
            driver.ready("read-0", Stage.READ, credit=2)
        driver.now += PAUSE_MOST_S
        driver.heartbeat("write-0", **_BEHIND)
        assert set(driver.asked("read-0")) == {f"internal-{one}" for one in range(1, number + 2)}
        assert _asked(driver) == (0, 32)


def test_batch_that_changed_nothing_is_followed_by_a_pause() -> None:
    driver = _behind()
    for worker in ("read-0", "embed-0"):
        _walk(driver, worker)
    _walk(driver, "write-0", **_BEHIND)
    assert driver.asked("read-0") == ["internal-1"]


@pytest.mark.parametrize("did", [{"stored": 40, "gone": 0}, {"stored": 0, "gone": 1}, {"compared": 8}])
def test_as_many_that_came_while_a_batch_was_under_way_are_next_at_once(did: Mapping[str, int]) -> None:
    driver = _behind()
    _batch(driver, did, **_BEHIND)
    assert driver.asked("read-0") == ["internal-1", "internal-2"]


def test_pause_after_a_batch_that_did_nothing_ends_when_anything_changes() -> None:
    driver = _behind()
    _batch(driver, {"stored": 0, "gone": 0}, **_BEHIND)
    driver.heartbeat("write-0", **_BEHIND)
    assert driver.asked("read-0") == ["internal-1"]
    driver.heartbeat("write-0", **{**_BEHIND, "pending": 41})
    assert driver.asked("read-0") == ["internal-1", "internal-2"]


def test_pause_after_a_failure_does_not_end_when_more_waits() -> None:
    driver = _behind()
    driver.fail("read-0", driver.requests("read-0")[0], "busy")
    driver.heartbeat("write-0", **{**_BEHIND, "pending": 41})
    assert driver.asked("read-0") == ["internal-1"]


def test_it_does_not_go_on_without_an_embedder() -> None:
    driver = _behind()
    driver.exit("embed-0")
    _walk(driver, "read-0")
    assert driver.asked("write-0") == []
    (finished,) = [log.fields for log in driver.logs if log.event == "request_finished"]
    assert (finished["outcome"], finished["client"]) == ("worker_unavailable", "router")
    assert not any(driver.leftovers().values())


def test_it_waits_behind_what_clients_asked_for() -> None:
    driver = _behind()
    driver.hello(b"a")
    for number in range(4):
        driver.request(b"a", f"s{number}", "memory.store")  # two at the embedder, two in its queue
    _walk(driver, "read-0")
    for number in range(4):
        driver.answer("embed-0", driver.requests("embed-0")[number])
    assert driver.asked("embed-0") == ["s0", "s1", "s2", "s3", "internal-1"]


def test_it_holds_up_no_drain_and_counts_as_no_client() -> None:
    driver = _behind()
    assert driver.dispatcher.idle_since() is not None
    driver.perform(driver.dispatcher.drain(driver.now))
    assert driver.dispatcher.drained
    assert driver.cancelled("read-0") == ["internal-1"]
    driver.heartbeat("write-0", **_BEHIND)
    _walk(driver, "read-0")
    assert driver.asked("embed-0") == []
    assert not any(driver.leftovers().values())


def test_no_client_can_touch_it() -> None:
    driver = _behind()
    driver.hello(b"a")
    driver.cancel(b"a", "internal-1")
    driver.cancel(b"nobody", "internal-1")
    driver.client(b"a", Header(kind=Kind.REQUEST, id="internal-1", operation="memory.get"), b"{}")
    assert driver.cancelled("read-0") == []
    assert driver.outcomes(b"a") == [("internal-1", "argument_invalid")]


def test_the_writer_hears_which_model_is_loaded_beside_and_what_its_own_is_called(driver: Driver) -> None:
    driver.heartbeat("embed-0", model="m", dimensions=3, source="/models/m", beside="old", lost="")
    driver.heartbeat("write-0", pending=0, model="old", source="old")
    body = orjson.loads(_walk(driver, "read-0").body)
    assert body == {"model": "m", "dimensions": 3, "limit": 32, "source": "/models/m", "beside": "old"}


@pytest.mark.parametrize("facts", [{"unneeded": 1}, {"switch": {"to": "other", "done": 3}}, {"source": "moved"}])
def test_what_is_left_of_other_models_is_reason_enough(driver: Driver, facts: Mapping[str, object]) -> None:
    driver.heartbeat("write-0", pending=0, model="m", **facts)
    assert driver.asked("read-0") == ["internal-1"]
