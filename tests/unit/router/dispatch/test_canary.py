"""The canary: the router's own memory, by which it sees whether the cluster can read and write."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from memmux.wire.operations import Stage
from memmux.wire.protocol import Kind
from router.dispatch.canary import STEP_S
from router.dispatch.queues import Limits
from tests.unit.router.dispatch.driver import Driver

EVERY_S = 60.0
PATIENT = Limits(stall_s=1e9)  # workers here say nothing while time passes


def _cluster(*, client: bool = True, metered: bool = False) -> Driver:
    """A cluster at rest, whose first canary is due."""
    driver = Driver(PATIENT, canary_s=EVERY_S, metered=metered)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=2)
    if client:
        driver.hello(b"a")
    driver.tick(EVERY_S)
    return driver


def _health(driver: Driver, kind: str) -> Mapping[str, object]:
    return driver.dispatcher.status(driver.now)["health"][kind]


def _operations(driver: Driver) -> list[str]:
    """What the canary asked the last stages for, ever."""
    said = [*driver.requests("read-0"), *driver.requests("write-0")]
    names = {message.header.id: message.header.operation for message in said}
    return [names[key] for key in sorted(names, key=lambda key: int(key.removeprefix("internal-")))]


def _fly(driver: Driver, *, found: bool = True, failing: str = "", code: str = "busy") -> None:
    """Let the workers answer all steps of a canary: as they should, or not finding it, or failing at one step."""
    content = ""
    while (
        worker := next(filter(lambda name: _busy(driver, name), ("embed-0", "read-0", "write-0")), None)
    ) is not None:
        message = driver.requests(worker)[-1]
        content = orjson.loads(message.body).get("content", content)
        if message.header.operation == failing and worker != "embed-0":
            driver.fail(worker, message, code)
        else:
            driver.answer(worker, message, content.encode() if worker == "read-0" and found else b"{}")


def _busy(driver: Driver, worker_id: str) -> bool:
    worker = driver.dispatcher._backend.find(worker_id)
    return worker is not None and bool(worker.leases)


def test_a_canary_is_stored_found_read_and_removed() -> None:
    driver = _cluster()
    _fly(driver)
    assert _operations(driver) == ["canary.store", "canary.search", "canary.get", "canary.remove"]
    assert [_health(driver, kind)["state"] for kind in ("read", "write")] == ["ok", "ok"]
    assert not any(driver.leftovers().values())
    stored, named = (orjson.loads(driver.requests("write-0")[place].body) for place in (0, 1))
    assert stored["namespace"] == named["namespace"] == "memmux-canary"


def test_nothing_is_known_before_the_first() -> None:
    driver = Driver(PATIENT, canary_s=EVERY_S)
    assert _health(driver, "read") == {"state": "unknown", "failures": 0}


def test_the_next_one_flies_when_it_is_time_again() -> None:
    driver = _cluster()
    _fly(driver)
    driver.tick(EVERY_S - 1)
    assert len(driver.requests("write-0")) == 2
    driver.tick(1)
    _fly(driver)
    assert len(driver.requests("write-0")) == 4


def test_none_flies_while_nobody_is_there() -> None:
    driver = _cluster(client=False)
    driver.hello(b"o", observer=True)
    driver.tick(EVERY_S)
    assert driver.asked("embed-0") == []
    driver.hello(b"a")
    driver.tick(EVERY_S)
    assert len(driver.asked("embed-0")) == 1


def test_metrics_are_reason_enough() -> None:
    assert len(_cluster(client=False, metered=True).asked("embed-0")) == 1


def test_none_flies_where_it_is_switched_off() -> None:
    driver = Driver(PATIENT)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage)
    driver.hello(b"a")
    driver.tick(1e6)
    assert driver.asked("embed-0") == []


def test_a_memory_that_is_not_found_makes_reading_unhealthy_alone() -> None:
    driver = _cluster()
    _fly(driver, found=False)
    assert _health(driver, "write")["state"] == "ok"
    read = _health(driver, "read")
    assert (read["state"], read["code"], read["step"], read["failures"]) == ("failing", "not_found", "search", 1)
    assert driver.dispatcher.status(driver.now)["degraded"] == ["read_unhealthy"]


def test_a_writer_that_fails_says_nothing_of_reading() -> None:
    driver = _cluster()
    _fly(driver, failing="canary.store", code="storage_full")
    assert _operations(driver) == ["canary.store", "canary.search"]
    assert _health(driver, "read")["state"] == "ok"
    write = _health(driver, "write")
    assert (write["state"], write["code"], write["step"]) == ("failing", "storage_full", "store")


def test_a_memory_that_can_not_be_removed_makes_writing_unhealthy() -> None:
    driver = _cluster()
    _fly(driver, failing="canary.remove")
    assert _health(driver, "write")["step"] == "remove"
    assert _health(driver, "read")["state"] == "ok"


def test_each_step_has_a_time_limit() -> None:
    driver = _cluster()
    driver.tick(STEP_S)
    assert _health(driver, "write")["state"] == "unknown"  # it is still to be seen whether anything can be read
    for _ in range(2):
        driver.tick(STEP_S)
    assert _health(driver, "write")["code"] == _health(driver, "read")["code"] == "deadline_exceeded"


def test_every_answer_says_that_the_cluster_is_unhealthy_until_it_is_well() -> None:
    driver = _cluster()
    _fly(driver, failing="canary.remove")
    for outcome in ("write_unhealthy",), ():
        driver.request(b"a", f"r{outcome}")
        driver.answer("read-0", driver.requests("read-0")[-1])
        assert driver.last(b"a").header.degraded == outcome
        driver.tick(EVERY_S)
        _fly(driver)


def test_the_log_hears_of_a_change_and_not_of_each_canary() -> None:
    driver = _cluster()
    for _ in range(3):
        _fly(driver, found=False)
        driver.tick(EVERY_S)
    _fly(driver)
    said = [log for log in driver.logs if log.event.startswith("canary_")]
    assert [(log.level, log.event) for log in said] == [("warning", "canary_failed"), ("info", "canary_recovered")]
    assert said[0].fields == {"health": "read", "code": "not_found", "step": "search"}
    assert said[1].fields == {"health": "read", "failures": 3}


def test_it_waits_behind_what_clients_asked_for() -> None:
    driver = Driver(PATIENT, canary_s=EVERY_S)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=1)
    driver.hello(b"a")
    for number in range(3):
        driver.request(b"a", f"s{number}", "memory.store", deadline_ms=600_000)
    driver.tick(EVERY_S)
    for _ in range(3):
        driver.answer("embed-0", driver.requests("embed-0")[-1])
    assert driver.asked("embed-0")[:3] == ["s0", "s1", "s2"]
    assert driver.requests("embed-0")[-1].header.operation == "canary.store"


def test_it_is_in_no_statistics_and_counts_as_no_client() -> None:
    driver = _cluster()
    _fly(driver)
    seen = driver.dispatcher.status(driver.now)
    assert seen["requests"] == {}
    assert driver.dispatcher.answered() == {}


def test_it_holds_up_no_drain_and_is_not_judged_then() -> None:
    driver = _cluster()
    driver.perform(driver.dispatcher.drain(driver.now))
    assert driver.dispatcher.drained
    driver.tick()
    assert _health(driver, "write")["state"] == "unknown"
    assert not any(driver.leftovers().values()) or driver.cancelled("embed-0")


def test_without_an_embedder_it_is_stored_and_found_by_its_word() -> None:
    driver = Driver(PATIENT, canary_s=EVERY_S)
    driver.ready("read-0", Stage.READ)
    driver.ready("write-0", Stage.WRITE)
    driver.hello(b"a")
    driver.tick(EVERY_S)
    _fly(driver)
    assert [_health(driver, kind)["state"] for kind in ("read", "write")] == ["ok", "ok"]


def test_no_client_may_ask_for_what_it_does() -> None:
    driver = _cluster()
    for operation in ("canary.store", "canary.search", "canary.get", "canary.remove"):
        driver.request(b"a", operation, operation)
        assert driver.last(b"a").header.kind is Kind.ERROR
        assert driver.last(b"a").header.detail["code"] == "unknown_operation"
