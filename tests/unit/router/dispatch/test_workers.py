"""Workers: credit, death, silence, successors."""

from __future__ import annotations

import pytest

from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.actions import BeginDrain, KillWorker, ReplaceWorker, WorkerFailed, WorkerReady
from router.dispatch.dispatcher import Limits
from tests.unit.router.dispatch.driver import Driver


def test_worker_never_gets_more_than_its_credit(driver: Driver) -> None:
    for number in range(5):
        driver.request(b"a", f"r{number}")
    assert driver.asked("read-0") == ["r0", "r1"]
    driver.answer("read-0", driver.requests("read-0")[1])
    assert driver.asked("read-0") == ["r0", "r1", "r2"]


@pytest.mark.parametrize("credit", [None, 0, -3, "many", 1.5])
def test_credit_that_is_no_number_counts_as_one(credit: object) -> None:
    driver = Driver()
    driver.hello(b"a")
    driver.start("read-0", Stage.READ)
    driver.worker("read-0", Header(kind=Kind.READY, detail={"credit": credit}))
    for number in range(2):
        driver.request(b"a", f"r{number}")
    assert driver.asked("read-0") == ["r0"]


def test_worker_gets_nothing_before_it_is_ready() -> None:
    driver = Driver()
    driver.hello(b"a")
    driver.start("read-0", Stage.READ)
    driver.request(b"a", "r0")
    assert driver.asked("read-0") == []
    driver.worker("read-0", Header(kind=Kind.READY, detail={"credit": 1}))
    assert driver.asked("read-0") == ["r0"]
    assert driver.others == [WorkerReady("read-0", Stage.READ)]


def test_worker_that_says_twice_that_it_is_ready_gets_nothing_twice(driver: Driver) -> None:
    driver.request(b"a", "r0")
    driver.worker("read-0", Header(kind=Kind.READY, detail={"credit": 50}))
    for number in range(1, 4):
        driver.request(b"a", f"r{number}")
    assert driver.asked("read-0") == ["r0", "r1"]
    assert driver.others.count(WorkerReady("read-0", Stage.READ)) == 1


def test_idle_worker_goes_before_a_busy_one_and_the_one_that_worked_last_first() -> None:
    driver = _three_of_which_read_1_is_busy()
    for number in range(3, 6):
        driver.request(b"a", f"r{number}")
    assert driver.asked("read-0") == ["r2", "r3"]
    assert driver.asked("read-2") == ["r0", "r4"]
    assert driver.asked("read-1") == ["r1", "r5"]


def test_bulk_work_goes_to_the_idle_worker_that_has_rested_longest() -> None:
    driver = _three_of_which_read_1_is_busy()
    driver.request(b"a", "dump", "memory.dump")
    assert driver.asked("read-2") == ["r0", "dump"]


def _three_of_which_read_1_is_busy() -> Driver:
    driver = Driver()
    driver.hello(b"a")
    for name in ("read-0", "read-1", "read-2"):
        driver.ready(name, Stage.READ, credit=2)
    for number in range(3):
        driver.request(b"a", f"r{number}")
    assert [driver.asked(f"read-{number}") for number in range(3)] == [["r2"], ["r1"], ["r0"]]
    for name in ("read-2", "read-0"):
        driver.answer(name, driver.requests(name)[0])
    return driver


# death


def test_requests_of_a_dead_worker_go_to_the_head_of_the_queue_in_their_order(driver: Driver) -> None:
    for number in range(4):
        driver.request(b"a", f"r{number}")
    driver.exit("read-0")
    driver.exit("read-0")
    driver.ready("read-1", Stage.READ, credit=1)
    for number in range(4):
        driver.answer("read-1", driver.requests("read-1")[number])
    assert driver.asked("read-1") == ["r0", "r1", "r2", "r3"]
    assert [message.header.attempt for message in driver.requests("read-1")] == [2, 2, 1, 1]
    assert driver.outcomes(b"a") == [(f"r{number}", "ok") for number in range(4)]
    assert driver.events().count("request_requeued") == 2
    assert driver.events().count("worker_lost") == 1


def test_only_the_request_that_kills_its_workers_is_given_up(driver: Driver) -> None:
    driver.exit("write-0")
    driver.ready("write-1", Stage.WRITE, credit=64)
    for number in range(10):
        driver.request(b"a", f"w{number}", "memory.delete")
    name = "write-1"
    for number in range(2, 30):
        waiting = [message for message in driver.requests(name) if message.header.id not in dict(driver.outcomes(b"a"))]
        if any(message.header.id == "w4" for message in waiting):
            driver.exit(name)
            name = f"write-{number}"
            driver.ready(name, Stage.WRITE, credit=64)
        elif waiting:
            driver.answer(name, waiting[0])
    outcomes = dict(driver.outcomes(b"a"))
    assert outcomes.pop("w4") == "poisoned"
    assert outcomes == {f"w{number}": "ok" for number in range(10) if number != 4}
    assert driver.events().count("request_poisoned") == 1


def test_deaths_at_a_stage_that_is_behind_it_do_not_count_against_a_request(driver: Driver) -> None:
    driver.request(b"a", "s0", "memory.store")
    for number in range(1, 3):
        driver.ready(f"embed-{number}", Stage.EMBED)
        driver.exit(f"embed-{number - 1}")
    driver.answer("embed-2", driver.requests("embed-2")[0])
    driver.exit("write-0")
    driver.ready("write-1", Stage.WRITE)
    assert driver.requests("write-1")[0].header.attempt == 4
    driver.answer("write-1", driver.requests("write-1")[0])
    assert driver.outcomes(b"a") == [("s0", "ok")]


def test_request_that_a_worker_died_of_has_its_next_worker_for_itself(driver: Driver) -> None:
    driver.request(b"a", "r0")
    driver.exit("read-0")
    for number in range(1, 4):
        driver.request(b"a", f"r{number}")
    driver.ready("read-1", Stage.READ, credit=3)
    assert driver.asked("read-1") == ["r0"]
    driver.answer("read-1", driver.requests("read-1")[0])
    assert driver.asked("read-1") == ["r0", "r1", "r2", "r3"]


def test_request_that_a_worker_died_of_waits_until_another_worker_is_idle(driver: Driver) -> None:
    driver.ready("read-1", Stage.READ, credit=2)
    for number in range(2):
        driver.request(b"a", f"r{number}")
    assert driver.asked("read-1") == ["r0"]
    driver.exit("read-1")
    driver.request(b"a", "r2")
    assert driver.asked("read-0") == ["r1"]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.asked("read-0") == ["r1", "r0"]
    driver.answer("read-0", driver.requests("read-0")[1])
    assert driver.asked("read-0") == ["r1", "r0", "r2"]


def test_late_answer_of_a_dead_worker_is_dropped(driver: Driver) -> None:
    driver.request(b"a", "r0")
    driver.exit("read-0")
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a") == []
    assert driver.dispatcher.status(driver.now)["events"]["frames_dropped"] == 1


def test_answer_to_a_former_attempt_is_dropped(driver: Driver) -> None:
    driver.request(b"a", "r0")
    former = driver.requests("read-0")[0]
    driver.exit("read-0")
    driver.ready("read-1", Stage.READ)
    driver.answer("read-1", former)
    assert driver.outcomes(b"a") == []
    driver.answer("read-1", driver.requests("read-1")[0])
    driver.answer("read-1", driver.requests("read-1")[0])
    assert driver.outcomes(b"a") == [("r0", "ok")]
    assert driver.dispatcher.status(driver.now)["events"]["frames_dropped"] == 2


def test_request_whose_client_left_is_not_sent_to_another_worker(driver: Driver) -> None:
    driver.request(b"a", "w0", "memory.delete")
    driver.client(b"a", Header(kind=Kind.GOODBYE))
    driver.exit("write-0")
    driver.ready("write-1", Stage.WRITE)
    assert driver.asked("write-1") == []
    assert not any(driver.leftovers().values())


# silence


def test_silent_worker_is_killed_and_its_requests_go_elsewhere() -> None:
    driver = Driver(Limits(stall_s=10))
    driver.hello(b"a")
    driver.ready("read-0", Stage.READ)
    driver.request(b"a", "r0")
    driver.tick(4)
    driver.heartbeat("read-0", seq=1)
    driver.tick(6)
    assert driver.dispatcher.next_deadline() == driver.now + 4
    driver.tick(3.9)
    assert "worker_stalled" not in driver.events()
    driver.tick(0.1)
    assert driver.others[-1] == KillWorker("read-0", "silent")
    driver.exit("read-0")
    driver.ready("read-1", Stage.READ)
    assert driver.requests("read-1")[0].header.attempt == 2
    assert driver.events().count("worker_stalled") == 1
    assert "worker_lost" not in driver.events()


def test_nobody_is_killed_for_the_time_in_which_the_router_itself_stood_still() -> None:
    driver = Driver(Limits(stall_s=10, start_s=20, overdue_s=30))
    driver.hello(b"a")
    driver.ready("read-0", Stage.READ, credit=2)
    driver.start("embed-0", Stage.EMBED)
    driver.request(b"a", "r0", deadline_ms=600_000)
    driver.cancel(b"a", "r0")
    driver.request(b"a", "r1", deadline_ms=600_000)
    driver.tick(9)
    driver.heartbeat("read-0")
    driver.stand_still(25)
    assert not any(isinstance(action, KillWorker) for action in driver.others)
    assert driver.events().count("router_stood_still") == 1
    driver.tick(9)
    driver.heartbeat("read-0")
    driver.answer("read-0", driver.requests("read-0")[1])
    assert driver.outcomes(b"a")[-1] == ("r1", "ok")
    driver.tick(12)  # now they have had their time
    assert {action.worker_id for action in driver.others if isinstance(action, KillWorker)} == {"read-0", "embed-0"}


def test_health_check_has_the_time_in_which_the_router_stood_still_beside_its_own() -> None:
    driver = Driver(health_check_s=5.0)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage)
    driver.hello(b"a")
    driver.tick(6)
    driver.stand_still(60)
    assert not any(event.startswith("health_check") or event == "request_expired" for event in driver.events())


def test_dead_worker_is_not_missed(driver: Driver) -> None:
    for stage in Stage:
        driver.exit(f"{stage}-0")
    assert driver.dispatcher.next_deadline() is None
    driver.tick(1000)
    assert not any(isinstance(action, KillWorker) for action in driver.others)


def test_starting_worker_has_more_time() -> None:
    driver = Driver(Limits(stall_s=10, start_s=100))
    driver.start("embed-0", Stage.EMBED)
    driver.tick(99)
    assert driver.others == []
    driver.tick(1)
    assert driver.others == [KillWorker("embed-0", "silent")]


def test_worker_that_never_answers_what_it_was_told_to_leave_is_killed() -> None:
    driver = Driver(Limits(stall_s=10, overdue_s=30))
    driver.hello(b"a")
    driver.ready("read-0", Stage.READ)
    driver.request(b"a", "r0")
    driver.cancel(b"a", "r0")
    for _ in range(25):
        driver.heartbeat("read-0")
        driver.tick(1)
    assert WorkerReady("read-0", Stage.READ) == driver.others[-1]
    for _ in range(25):
        driver.heartbeat("read-0")
        driver.tick(1)
    assert driver.others[-1] == KillWorker("read-0", "overdue")
    assert not any(driver.leftovers().values())


@pytest.mark.parametrize("operation", ["memory.forget", "admin.backup", "admin.rebuild"])
@pytest.mark.parametrize("leaves", [True, False])
def test_writer_is_at_what_nobody_waits_for_any_more_for_as_long_as_it_says_that_it_lives(
    driver: Driver, operation: str, *, leaves: bool
) -> None:
    driver.request(b"a", "w0", operation, deadline_ms=600_000)
    driver.request(b"a", "w1", "memory.delete")
    if leaves:
        driver.client(b"a", Header(kind=Kind.GOODBYE))
    for _ in range(1200):
        driver.heartbeat("write-0")
        driver.tick(1)
    assert not any(isinstance(action, KillWorker) and action.worker_id == "write-0" for action in driver.others)
    for message in driver.requests("write-0"):
        driver.answer("write-0", message)
    assert not any(driver.leftovers().values())


# successors


def test_retiring_worker_works_until_its_successor_is_ready(driver: Driver) -> None:
    driver.worker("embed-0", Header(kind=Kind.RETIRING))
    driver.worker("embed-0", Header(kind=Kind.RETIRING))
    assert driver.others[-1] == ReplaceWorker("embed-0")
    assert driver.others.count(ReplaceWorker("embed-0")) == 1
    driver.start("embed-1", Stage.EMBED)
    driver.request(b"a", "s0", "memory.store")
    assert driver.asked("embed-0") == ["s0"]
    driver.worker("embed-1", Header(kind=Kind.READY, detail={"credit": 2, "model": "m", "dimensions": 3}))
    assert driver.workers["embed-0"][-1].header.kind is Kind.STOP
    for number in range(1, 4):
        driver.request(b"a", f"s{number}", "memory.store")
    assert driver.asked("embed-1") == ["s1", "s2"]
    driver.answer("embed-0", driver.requests("embed-0")[0])
    driver.exit("embed-0")
    assert driver.asked("embed-0") == ["s0"]
    assert driver.asked("write-0") == ["s0"]
    assert driver.dispatcher.status(driver.now)["degraded"] == []


def test_retiring_writer_stops_before_its_successor_starts(driver: Driver) -> None:
    driver.request(b"a", "w0", "memory.delete")
    driver.worker("write-0", Header(kind=Kind.RETIRING))
    assert ReplaceWorker("write-0") not in driver.others
    assert driver.workers["write-0"][-1].header.kind is Kind.STOP
    driver.request(b"a", "w1", "memory.delete")
    driver.answer("write-0", driver.requests("write-0")[0])
    driver.exit("write-0")
    driver.ready("write-1", Stage.WRITE)
    assert (driver.asked("write-0"), driver.asked("write-1")) == (["w0"], ["w1"])


def test_database_that_was_replaced_ends_the_cluster_once(driver: Driver) -> None:
    driver.request(b"a", "w0", "memory.delete")
    driver.fail("write-0", driver.requests("write-0")[0], "database_replaced")
    driver.worker("read-0", Header(kind=Kind.FAILED, detail={"code": "database_replaced"}))
    assert driver.outcomes(b"a") == [("w0", "database_replaced")]
    assert driver.others.count(BeginDrain("database_replaced")) == 1
    driver.request(b"a", "r0")
    assert driver.outcomes(b"a")[-1] == ("r0", "database_replaced")  # for no later reader will find another file


def test_stopping_worker_that_dies_gives_its_requests_back(driver: Driver) -> None:
    driver.worker("read-0", Header(kind=Kind.RETIRING))
    driver.request(b"a", "r0")
    driver.ready("read-1", Stage.READ)
    driver.exit("read-0")
    assert driver.asked("read-1") == ["r0"]


def test_worker_that_can_not_start_says_why(driver: Driver) -> None:
    driver.start("embed-1", Stage.EMBED)
    error = {"code": "model_missing", "message": "install it"}
    driver.worker("embed-1", Header(kind=Kind.FAILED, detail=error))
    assert driver.others[-1] == WorkerFailed("embed-1", Stage.EMBED, error)
    assert "embed-1" not in driver.dispatcher.status(driver.now)["workers"]
    driver.worker("embed-1", Header(kind=Kind.READY, detail={"credit": 9}))
    assert driver.dispatcher.status(driver.now)["events"]["frames_dropped"] == 1


def test_missing_readers_and_writers_are_reported() -> None:
    driver = Driver()
    driver.start("read-0", Stage.READ)
    degraded = driver.dispatcher.status(driver.now)["degraded"]
    assert degraded == ["embedder_unavailable", "reader_loading", "writer_unavailable"]


LOG = Limits(log_bytes=1000, read_s=5.0)


def _long_read(driver: Driver) -> None:
    """A client has a read that has run for long, and another one that waits behind it in the same worker."""
    driver.ready("w", Stage.WRITE, wal_bytes=0)
    driver.ready("r", Stage.READ, credit=2)
    driver.hello(b"c")
    driver.request(b"c", "long")
    driver.request(b"c", "waiting")
    driver.tick(6)


def test_read_that_holds_up_a_large_log_makes_way_and_what_waits_behind_it_does_not() -> None:
    driver = Driver(LOG)
    _long_read(driver)
    driver.heartbeat("w", wal_bytes=1001)
    driver.tick()
    assert driver.outcomes(b"c") == [("long", "busy")]
    assert driver.last(b"c").header.detail["retryable"]
    assert driver.cancelled("r") == ["long"]
    driver.tick(1)
    assert driver.outcomes(b"c") == [("long", "busy")]


def test_reads_go_on_beside_a_log_that_is_not_large() -> None:
    driver = Driver(LOG)
    _long_read(driver)
    driver.heartbeat("w", wal_bytes=1000)
    driver.tick()
    assert driver.outcomes(b"c") == []


def test_reads_make_no_way_for_the_log_of_a_writer_that_is_gone() -> None:
    driver = Driver(LOG)
    driver.ready("w", Stage.WRITE, wal_bytes=1001)
    driver.ready("r", Stage.READ)
    driver.hello(b"c")
    driver.request(b"c", "long")
    driver.exit("w")
    driver.tick(6)
    assert driver.outcomes(b"c") == []


def test_short_reads_go_on_beside_a_large_log_and_status_names_it() -> None:
    driver = Driver(LOG)
    driver.ready("w", Stage.WRITE, wal_bytes=1001)
    driver.ready("r", Stage.READ)
    driver.hello(b"c")
    driver.request(b"c", "short")
    driver.tick(4)
    assert driver.outcomes(b"c") == []
    assert "log_large" in driver.dispatcher.status(driver.now)["degraded"]


def test_status_says_what_the_embedder_answers_without() -> None:
    driver = Driver()
    driver.ready("e", Stage.EMBED, degraded=["hash_embedder"])
    assert "hash_embedder" in driver.dispatcher.status(driver.now)["degraded"]
