"""Admission: bounds, fairness, and when to come again."""

from __future__ import annotations

import pytest

from memmux.errors import OverloadedError
from memmux.wire.operations import OPERATIONS, Stage
from router.dispatch.dispatcher import Limits
from router.dispatch.queues import INTERACTIVE_PER_BULK, FairQueue, Pace
from router.dispatch.sessions import Hello, Session
from router.dispatch.slips import Slip
from tests.unit.router.dispatch.driver import Driver

_SESSIONS = {name: Session(Hello(name, name, 1, "0"), name.encode()) for name in "abc"}


def _slip(owner: str, number: int, operation: str = "memory.get") -> Slip:
    return Slip(
        id=f"{owner}{number}",
        operation=OPERATIONS[operation],
        session=_SESSIONS[owner],
        frames=(),
        key="",
        accepted_at=0.0,
        deadline=1.0,
    )


def _ids(queue: FairQueue) -> list[str]:
    return [slip.id for slip in queue.clear()]


def test_clients_take_turns_and_each_keeps_its_order() -> None:
    queue = FairQueue()
    for slip in [*(_slip("a", n) for n in range(4)), *(_slip("b", n) for n in range(2)), _slip("c", 0)]:
        queue.push(slip)
    assert len(queue) == 7
    assert _ids(queue) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_client_that_always_has_one_more_does_not_get_two_turns() -> None:
    queue = FairQueue()
    served = []
    queue.push(_slip("b", 0))
    queue.push(_slip("b", 1))
    for number in range(3):
        queue.push(_slip("a", number))
        served += [queue.pop().id, queue.pop().id] if number < 2 else [queue.pop().id]
    assert served == ["b0", "a0", "b1", "a1", "a2"]


def test_interactive_requests_pass_bulk_ones_but_not_for_ever() -> None:
    queue = FairQueue()
    queue.push(_slip("a", 100, "memory.store_batch"))
    queue.push(_slip("a", 101, "memory.store_batch"))
    for number in range(INTERACTIVE_PER_BULK + 1):
        queue.push(_slip("b", number))
    served = _ids(queue)
    assert served[INTERACTIVE_PER_BULK] == "a100"
    assert served[-1] == "a101"
    assert served[:INTERACTIVE_PER_BULK] == [f"b{number}" for number in range(INTERACTIVE_PER_BULK)]


def test_bulk_request_is_passed_as_often_however_many_were_served_before_it_came() -> None:
    queue = FairQueue()
    for number in range(2 * INTERACTIVE_PER_BULK):
        queue.push(_slip("b", number))
        queue.pop()  # which passes nobody
    queue.push(_slip("a", 100, "memory.store_batch"))
    for number in range(INTERACTIVE_PER_BULK + 1):
        queue.push(_slip("b", number))
    assert _ids(queue).index("a100") == INTERACTIVE_PER_BULK


def test_returned_request_is_served_first() -> None:
    queue = FairQueue()
    queue.push(_slip("a", 0))
    assert not queue.head_is_suspect
    for number in (1, 0):
        queue.put_back(returned := _slip("b", number))
        returned.deaths = 1
    assert queue.head_is_suspect
    assert _ids(queue) == ["b0", "b1", "a0"]


def test_request_that_a_worker_gave_back_is_served_before_others_in_its_turn_and_is_no_suspect() -> None:
    queue = FairQueue()
    queue.push(_slip("a", 0))
    for number in (0, 1):
        queue.give_back(_slip("b", number))
    assert not queue.head_is_suspect
    assert _ids(queue) == ["b0", "b1", "a0"]


def test_removed_request_leaves_nothing_behind() -> None:
    queue = FairQueue()
    slips = [_slip("a", 0), _slip("a", 1), _slip("b", 0, "memory.store_batch")]
    for slip in slips:
        queue.push(slip)
    queue.put_back(returned := _slip("c", 0))
    for slip in (*slips, returned):
        queue.remove(slip)
    assert len(queue) == 0
    assert not queue._interactive._turns
    assert not queue._bulk._turns


def test_pace_says_when_what_waits_will_be_done() -> None:
    pace = Pace()
    assert pace.retry_after_ms(1, 0.0) == 5000  # nothing was ever answered
    for number in range(10):
        pace.answered(number / 100)
    assert pace.retry_after_ms(50, 0.1) == 500
    assert pace.retry_after_ms(1, 0.1) == 50
    assert pace.retry_after_ms(100_000, 0.1) == 5000
    assert pace.retry_after_ms(50, 1000.0) == 5000  # it has stopped


def _overloaded(driver: Driver, request_id: str) -> str:
    header = driver.last(b"a").header
    assert (header.id, header.detail["code"]) == (request_id, OverloadedError.code)
    assert 50 <= int(str(header.detail["retry_after_ms"])) <= 5000
    return str(header.detail["message"])


def test_client_with_too_much_in_flight_is_told_to_come_again() -> None:
    driver = Driver(Limits(in_flight=3))
    for name in (b"a", b"b"):
        driver.hello(name)
    driver.ready("read-0", Stage.READ)
    for number in range(4):
        driver.request(b"a", f"r{number}")
    assert "this client has 3" in _overloaded(driver, "r3")
    driver.request(b"b", "other")
    assert driver.outcomes(b"b") == []
    driver.answer("read-0", driver.requests("read-0")[0])
    driver.request(b"a", "r3")
    assert driver.outcomes(b"a") == [("r3", "overloaded"), ("r0", "ok")]


def test_full_queue_refuses_and_another_kind_of_worker_does_not() -> None:
    driver = Driver(Limits(queue=2))
    driver.hello(b"a")
    for number in range(3):
        driver.request(b"a", f"r{number}")
    assert "2 requests wait for a read worker" in _overloaded(driver, "r2")
    driver.request(b"a", "w", "memory.delete")
    assert len(driver.outcomes(b"a")) == 1


def test_request_is_refused_when_a_later_queue_on_its_way_is_full(driver: Driver) -> None:
    driver = Driver(Limits(queue=2))
    driver.hello(b"a")
    driver.ready("embed-0", Stage.EMBED)
    for number in range(2):
        driver.request(b"a", f"w{number}", "memory.delete")
    driver.request(b"a", "s", "memory.store")
    assert "2 requests wait for a write worker" in _overloaded(driver, "s")


def test_accepted_request_is_never_turned_back_at_its_next_stage() -> None:
    driver = Driver(Limits(queue=2))
    driver.hello(b"a")
    driver.ready("embed-0", Stage.EMBED, credit=3)
    for number in range(3):
        driver.request(b"a", f"s{number}", "memory.store")
    for message in driver.requests("embed-0"):
        driver.answer("embed-0", message)
    assert driver.dispatcher.status(driver.now)["queues"]["write"] == 3
    assert driver.outcomes(b"a") == []


def test_requests_of_all_clients_together_are_bounded() -> None:
    driver = Driver(Limits(admitted=2))
    driver.hello(b"a")
    driver.request(b"a", "r0")
    driver.request(b"a", "w0", "memory.delete")
    driver.request(b"a", "r1")
    assert "the cluster has 2" in _overloaded(driver, "r1")


@pytest.mark.parametrize("clients", [2, 7])
def test_every_client_with_a_backlog_is_served_once_per_round(clients: int) -> None:
    driver = Driver()
    names = [f"c{number}".encode() for number in range(clients)]
    for index, name in enumerate(names):
        driver.hello(name)
        for number in range(5 * (index + 1)):
            driver.request(name, f"{name.decode()}-{number}")
    driver.ready("read-0", Stage.READ)
    for served in range(clients * 5):
        driver.answer("read-0", driver.requests("read-0")[served])
    rounds = [driver.asked("read-0")[i * clients : (i + 1) * clients] for i in range(5)]
    assert all({request_id.partition("-")[0].encode() for request_id in ids} == set(names) for ids in rounds)
