"""Health checks: a row that is written and read, by which the router sees whether the cluster can do both."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from memmux.wire.operations import Stage
from memmux.wire.protocol import Kind
from router.dispatch.health import AGAIN_S, STEP_S
from router.dispatch.queues import Limits
from tests.unit.router.dispatch.driver import Driver

EVERY_S = 60.0
PATIENT = Limits(stall_s=1e9)  # workers here say nothing while time passes


def _cluster(*, client: bool = True, metered: bool = False) -> Driver:
    """A cluster at rest, whose first check is due."""
    driver = Driver(PATIENT, health_check_s=EVERY_S, metered=metered)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=2)
    if client:
        driver.hello(b"a")
    driver.tick(EVERY_S)
    return driver


def _health(driver: Driver, kind: str) -> Mapping[str, object]:
    return driver.dispatcher.status(driver.now)["health"][kind]


def _failure(driver: Driver, kind: str) -> tuple[object, object]:
    """Return code and step of what failed last."""
    health = _health(driver, kind)
    assert health["state"] == "failing"
    return health["code"], health["step"]


def _check(driver: Driver, *missed: str, failing: str = "", code: str = "busy") -> None:
    """Let the workers do both steps: as they should, or missing something, or failing at one of them."""
    for worker in ("write-0", "embed-0", "read-0"):
        if not _busy(driver, worker):
            continue
        message = driver.requests(worker)[-1]
        if message.header.operation == failing and worker != "embed-0":
            driver.fail(worker, message, code)
        else:
            driver.answer(worker, message, orjson.dumps({"missed": missed}))


def _busy(driver: Driver, worker_id: str) -> bool:
    worker = driver.dispatcher._flow.stages.find(worker_id)
    return worker is not None and bool(worker.leases)


def test_a_row_is_written_and_the_same_one_read_with_a_text_embedded() -> None:
    driver = _cluster()
    _check(driver)
    (wrote,), (embedded,), (read,) = map(driver.requests, ("write-0", "embed-0", "read-0"))
    assert (wrote.header.operation, wrote.header.key) == ("health.write", wrote.header.id)
    assert embedded.header.operation == read.header.operation == "health.read"
    assert orjson.loads(wrote.body) == orjson.loads(read.body) == {"id": wrote.header.id}
    assert [_health(driver, kind)["state"] for kind in ("read", "write")] == ["ok", "ok"]
    assert not any(driver.leftovers().values())


def test_nothing_is_known_before_the_first() -> None:
    driver = Driver(PATIENT, health_check_s=EVERY_S)
    assert _health(driver, "read") == {"state": "unknown", "failures": 0}


def test_the_next_one_comes_when_it_is_time_again_with_another_row() -> None:
    driver = _cluster()
    _check(driver)
    driver.tick(EVERY_S - 1)
    assert len(driver.requests("write-0")) == 1
    driver.tick(1)
    _check(driver)
    assert len({message.body for message in driver.requests("write-0")}) == 2


def test_after_one_that_failed_the_next_one_comes_soon_and_then_it_is_as_before() -> None:
    driver = _cluster()
    _check(driver, failing="health.read")
    driver.tick(AGAIN_S - 1)
    assert len(driver.requests("write-0")) == 1
    driver.tick(1)
    _check(driver)
    assert _health(driver, "read")["state"] == "ok"
    driver.tick(EVERY_S - 1)
    assert len(driver.requests("write-0")) == 2
    driver.tick(1)
    assert len(driver.requests("write-0")) == 3


def test_there_is_none_while_nobody_is_there() -> None:
    driver = _cluster(client=False)
    driver.hello(b"o", observer=True)
    driver.tick(EVERY_S)
    assert driver.asked("write-0") == []
    driver.hello(b"a")
    assert len(driver.asked("write-0")) == 1


def test_a_client_that_comes_when_one_is_due_has_it_done_at_once() -> None:
    """As the command line does, whose every command is there for a moment."""
    driver = _cluster(client=False)
    driver.tick(10 * EVERY_S)
    driver.hello(b"a")
    assert len(driver.asked("write-0")) == 1


def test_there_is_none_before_the_first_readers_are_ready() -> None:
    driver = Driver(PATIENT, health_check_s=EVERY_S)
    driver.start("read-0", Stage.READ)
    for stage in (Stage.WRITE, Stage.EMBED):
        driver.ready(f"{stage}-0", stage)
    driver.hello(b"a")
    driver.request(b"a", "1", "cluster.status")
    driver.tick(2 * STEP_S)
    assert driver.asked("write-0") == []
    driver.ready("read-0", Stage.READ)
    _check(driver)
    assert [_health(driver, kind)["state"] for kind in ("read", "write")] == ["ok", "ok"]


def test_who_asks_first_does_not_wait_for_it_to_be_due() -> None:
    driver = _cluster(client=False)
    driver.hello(b"o", observer=True)
    driver.request(b"o", "1", "cluster.status")
    _check(driver)
    assert [_health(driver, kind)["state"] for kind in ("read", "write")] == ["ok", "ok"]
    driver.request(b"o", "2", "cluster.status")
    assert len(driver.requests("write-0")) == 1
    driver.tick(EVERY_S)
    driver.request(b"o", "3", "cluster.status")
    assert len(driver.requests("write-0")) == 2


def test_metrics_are_reason_enough() -> None:
    assert len(_cluster(client=False, metered=True).asked("write-0")) == 1


def test_there_is_none_where_it_is_switched_off() -> None:
    driver = Driver(PATIENT)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage)
    driver.hello(b"a")
    driver.tick(10_000)
    driver.request(b"a", "1", "cluster.status")
    assert driver.asked("write-0") == []
    assert _health(driver, "read")["state"] == "off"


@pytest.mark.parametrize("missed", [("row",), ("meaning", "words")])
def test_what_is_not_found_makes_reading_unhealthy_alone_and_is_named(missed: tuple[str, ...]) -> None:
    driver = _cluster()
    _check(driver, *missed)
    assert _health(driver, "write")["state"] == "ok"
    assert _failure(driver, "read") == ("not_found", missed[0])
    assert _health(driver, "read")["failures"] == 1
    assert driver.dispatcher.status(driver.now)["degraded"] == ["read_unhealthy"]


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"missed": 1}', b"\xff", b"[]"])
def test_an_answer_that_makes_no_sense_is_none(answer: bytes) -> None:
    driver = _cluster()
    for worker in ("write-0", "embed-0", "read-0"):
        driver.answer(worker, driver.requests(worker)[-1], answer)
    assert _failure(driver, "read") == ("not_found", "read")


def test_a_read_that_fails_says_nothing_of_writing() -> None:
    driver = _cluster()
    _check(driver, failing="health.read", code="database_corrupt")
    assert _failure(driver, "read") == ("database_corrupt", "read")
    assert _health(driver, "write")["state"] == "ok"


def test_a_writer_that_fails_says_nothing_of_reading() -> None:
    driver = _cluster()
    _check(driver, failing="health.write", code="storage_full")
    assert orjson.loads(driver.requests("read-0")[-1].body) == {"id": None}
    assert _health(driver, "read")["state"] == "ok"
    assert _failure(driver, "write") == ("storage_full", "write")


def test_each_step_has_a_time_limit() -> None:
    driver = _cluster()
    driver.tick(STEP_S)
    assert _failure(driver, "write") == ("deadline_exceeded", "write")
    assert _health(driver, "read")["state"] == "unknown"  # it is still to be seen whether anything can be read
    driver.tick(STEP_S)
    assert _failure(driver, "read") == ("deadline_exceeded", "read")


def test_every_answer_says_that_the_cluster_is_unhealthy_until_it_is_well() -> None:
    driver = _cluster()
    _check(driver, failing="health.write")
    for outcome in ("write_unhealthy",), ():
        driver.request(b"a", f"r{outcome}")
        driver.answer("read-0", driver.requests("read-0")[-1])
        assert driver.last(b"a").header.degraded == outcome
        driver.tick(AGAIN_S)
        _check(driver)


def test_the_log_hears_of_a_change_and_not_of_each_check() -> None:
    driver = _cluster()
    for _ in range(3):
        _check(driver, "words")
        driver.tick(AGAIN_S)
    _check(driver)
    said = [(log.level, log.event, log.fields) for log in driver.logs if log.event.startswith("health_check_")]
    assert said == [
        ("warning", "health_check_failed", {"health": "read", "code": "not_found", "step": "words"}),
        ("info", "health_check_recovered", {"health": "read", "failures": 3}),
    ]


def test_it_waits_behind_what_clients_asked_for() -> None:
    driver = Driver(PATIENT, health_check_s=EVERY_S)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=1)
    driver.hello(b"a")
    for number in range(3):
        driver.request(b"a", f"s{number}", "memory.delete", deadline_ms=600_000)
    driver.tick(EVERY_S)
    for _ in range(3):
        driver.answer("write-0", driver.requests("write-0")[-1])
    assert driver.asked("write-0")[:3] == ["s0", "s1", "s2"]
    assert driver.requests("write-0")[-1].header.operation == "health.write"


def test_it_is_in_no_statistics_and_counts_as_no_client() -> None:
    driver = _cluster()
    _check(driver)
    seen = driver.dispatcher.status(driver.now)
    assert seen["requests"] == {}
    assert driver.dispatcher.answered() == {}


def test_it_holds_up_no_drain_and_is_not_judged_then() -> None:
    driver = _cluster()
    driver.perform(driver.dispatcher.drain(driver.now))
    assert driver.dispatcher.drained
    driver.tick()
    assert _health(driver, "write")["state"] == "unknown"
    assert driver.leftovers()["slips"] == 0


def test_without_an_embedder_it_is_read_all_the_same() -> None:
    driver = Driver(PATIENT, health_check_s=EVERY_S)
    driver.ready("read-0", Stage.READ)
    driver.ready("write-0", Stage.WRITE)
    driver.hello(b"a")
    driver.tick(EVERY_S)
    _check(driver)
    assert [_health(driver, kind)["state"] for kind in ("read", "write")] == ["ok", "ok"]


def test_no_client_may_ask_for_what_it_does() -> None:
    driver = _cluster()
    for operation in ("health.write", "health.read"):
        driver.request(b"a", operation, operation)
        assert driver.last(b"a").header.kind is Kind.ERROR
        assert driver.last(b"a").header.detail["code"] == "unknown_operation"
