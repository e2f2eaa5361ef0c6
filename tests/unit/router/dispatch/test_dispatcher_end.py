"""The end of a request without its answer: by its deadline, or cancelled."""

from __future__ import annotations

import pytest

from memmux import limits
from memmux.wire.operations import Stage
from tests.unit.router.dispatch.driver import Driver


def test_deadline_travels_as_what_is_left_of_it(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.store", deadline_ms=2000)
    driver.now += 0.5
    driver.answer("embed-0", driver.requests("embed-0")[0])
    assert driver.requests("embed-0")[0].header.deadline_ms == 2000
    assert driver.requests("write-0")[0].header.deadline_ms == 1500


def test_deadline_has_a_default_and_a_ceiling(driver: Driver) -> None:
    driver.request(b"a", "r1")
    driver.request(b"a", "r2", deadline_ms=1 << 52)
    assert [message.header.deadline_ms for message in driver.requests("read-0")] == [30_000, limits.DEADLINE_MS]


def test_request_without_time_is_refused_at_once(driver: Driver) -> None:
    driver.request(b"a", "r1", deadline_ms=0)
    assert driver.outcomes(b"a") == [("r1", "deadline_exceeded")]
    assert driver.asked("read-0") == []


def test_queued_request_is_answered_when_its_time_is_up(driver: Driver) -> None:
    for number in range(3):
        driver.request(b"a", f"r{number}", deadline_ms=60_000)
    driver.request(b"a", "late", deadline_ms=1000)
    assert driver.dispatcher.next_deadline() == pytest.approx(driver.now + 1)
    driver.tick(0.999)
    assert driver.outcomes(b"a") == []
    driver.tick(0.001)
    assert driver.outcomes(b"a") == [("late", "deadline_exceeded")]
    assert driver.cancelled("read-0") == []
    assert "request_expired" in driver.events()


def test_expired_request_is_never_dispatched(driver: Driver) -> None:
    driver.request(b"a", "r0")
    driver.request(b"a", "r1")
    driver.request(b"a", "late", deadline_ms=1000)
    driver.now += 1  # and no tick before the worker is free
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.asked("read-0") == ["r0", "r1"]
    assert driver.outcomes(b"a") == [("r0", "ok"), ("late", "deadline_exceeded")]


def test_request_that_expires_without_any_worker_says_so() -> None:
    driver = Driver()
    driver.hello(b"a")
    driver.request(b"a", "r1", deadline_ms=1000)
    driver.tick(1)
    assert driver.outcomes(b"a") == [("r1", "worker_unavailable")]


def test_request_that_expires_at_a_worker_is_answered_and_cancelled_and_its_credit_stays_spent(driver: Driver) -> None:
    driver.request(b"a", "r0", deadline_ms=1000)
    driver.request(b"a", "r1", deadline_ms=60_000)
    driver.tick(1)
    assert driver.outcomes(b"a") == [("r0", "deadline_exceeded")]
    assert driver.cancelled("read-0") == ["r0"]
    driver.request(b"a", "r2")
    assert driver.asked("read-0") == ["r0", "r1"]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.asked("read-0") == ["r0", "r1", "r2"]
    assert driver.outcomes(b"a") == [("r0", "deadline_exceeded")]


def test_cancelled_request_in_the_queue_is_dropped(driver: Driver) -> None:
    for number in range(3):
        driver.request(b"a", f"r{number}")
    driver.cancel(b"a", "r2")
    assert driver.outcomes(b"a") == [("r2", "cancelled")]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.asked("read-0") == ["r0", "r1"]


def test_cancel_reaches_the_worker_and_its_late_answer_is_dropped(driver: Driver) -> None:
    driver.request(b"a", "r0")
    driver.cancel(b"a", "r0")
    driver.cancel(b"a", "r0")
    assert driver.cancelled("read-0") == ["r0"]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a") == [("r0", "cancelled")]
    assert not any(driver.leftovers().values())


def test_write_that_a_writer_has_is_not_cancelled(driver: Driver) -> None:
    driver.request(b"a", "r0", "memory.delete")
    driver.cancel(b"a", "r0")
    assert driver.cancelled("write-0") == []
    driver.answer("write-0", driver.requests("write-0")[0])
    assert driver.outcomes(b"a") == [("r0", "ok")]


def test_write_that_a_writer_may_have_applied_before_it_died_is_not_cancelled(driver: Driver) -> None:
    driver.request(b"a", "r0", "memory.delete")
    driver.exit("write-0")
    driver.cancel(b"a", "r0")
    driver.ready("write-1", Stage.WRITE)
    driver.answer("write-1", driver.requests("write-1")[0])
    assert driver.outcomes(b"a") == [("r0", "ok")]


def test_write_that_is_still_embedded_is_cancelled(driver: Driver) -> None:
    driver.request(b"a", "r0", "memory.store")
    driver.cancel(b"a", "r0")
    driver.answer("embed-0", driver.requests("embed-0")[0])
    assert driver.outcomes(b"a") == [("r0", "cancelled")]
    assert driver.asked("write-0") == []


def test_nobody_cancels_the_request_of_another_client(driver: Driver) -> None:
    driver.hello(b"b")
    driver.request(b"a", "r0")
    driver.cancel(b"b", "r0")
    driver.cancel(b"nobody", "r0")
    assert driver.cancelled("read-0") == []


def test_id_that_is_used_again_while_the_old_worker_is_busy_gets_a_new_attempt(driver: Driver) -> None:
    driver.request(b"a", "r0")
    driver.cancel(b"a", "r0")
    driver.request(b"a", "r0")
    old, new = driver.requests("read-0")
    assert (old.header.attempt, new.header.attempt) == (1, 2)
    driver.answer("read-0", old, b"old")
    driver.answer("read-0", new, b"new")
    assert driver.outcomes(b"a") == [("r0", "cancelled"), ("r0", "ok")]
    assert driver.last(b"a").frames == (b"new",)
    assert not any(driver.leftovers().values())


def test_no_attempt_of_an_id_is_used_again_while_any_worker_has_one_of_it(driver: Driver) -> None:
    driver.ready("read-1", Stage.READ, credit=2)
    for _ in range(2):  # each sending goes to an idle worker
        driver.request(b"a", "r0")
        driver.cancel(b"a", "r0")
    (one, of_one), (other, _) = (
        (worker, driver.requests(worker)[0]) for worker in ("read-1", "read-0") if driver.requests(worker)
    )
    driver.answer(other, driver.requests(other)[0], b"the second, which nobody waits for")
    driver.request(b"a", "r0")
    assert driver.requests(other)[1].header.attempt > of_one.header.attempt
    driver.answer(one, of_one, b"the first, which nobody waits for")
    driver.answer(other, driver.requests(other)[1], b"the third")
    assert driver.outcomes(b"a")[-1] == ("r0", "ok")
    assert driver.last(b"a").frames == (b"the third",)
    assert not any(driver.leftovers().values())
