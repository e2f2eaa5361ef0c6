"""A backup that a writer gave back: it keeps no other write from going on, and nothing suffers for what it does."""

from __future__ import annotations

import pytest

from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from tests.unit.router.dispatch.driver import Driver


@pytest.fixture
def driver() -> Driver:
    driver = Driver()
    driver.hello(b"a")
    driver.ready("write-0", Stage.WRITE, credit=64)
    driver.request(b"a", "backup", "admin.backup", deadline_ms=600_000)
    return driver


@pytest.mark.parametrize("retires", [True, False])
def test_other_writes_go_on_beside_a_backup_that_a_writer_gave_back(driver: Driver, *, retires: bool) -> None:
    if retires:
        driver.worker("write-0", Header(kind=Kind.RETIRING))
    driver.exit("write-0")
    driver.ready("write-1", Stage.WRITE, credit=64)
    driver.request(b"a", "w0", "memory.delete")
    driver.request(b"a", "w1", "memory.delete")
    assert driver.asked("write-1") == ["backup", "w0", "w1"]


def test_writes_that_were_beside_a_backup_when_their_writer_died_go_before_it_one_at_a_time(driver: Driver) -> None:
    for number in range(2):
        driver.request(b"a", f"w{number}", "memory.delete")
    driver.exit("write-0")
    driver.ready("write-1", Stage.WRITE, credit=64)
    for number in range(2):
        assert driver.asked("write-1") == [f"w{earlier}" for earlier in range(number + 1)]
        driver.answer("write-1", driver.requests("write-1")[number])
    driver.request(b"a", "w2", "memory.delete")
    assert driver.asked("write-1") == ["w0", "w1", "backup", "w2"]


def test_backup_that_kills_its_writers_is_given_up_and_the_writes_beside_it_are_not(driver: Driver) -> None:
    for number in range(3):
        writer = f"write-{number}"
        if number:
            driver.answer(writer, driver.requests(writer)[0])  # what was beside it before, and is alone now
        driver.request(b"a", f"w{number}", "memory.delete")
        assert driver.asked(writer)[-2:] == ["backup", f"w{number}"]
        driver.exit(writer)
        driver.ready(f"write-{number + 1}", Stage.WRITE, credit=64)
    driver.answer("write-3", driver.requests("write-3")[0])
    assert driver.outcomes(b"a") == [("w0", "ok"), ("w1", "ok"), ("backup", "poisoned"), ("w2", "ok")]
    assert not any(driver.leftovers().values())


def test_backup_outlives_any_number_of_writers_that_make_room_for_another(driver: Driver) -> None:
    for number in range(5):
        driver.worker(f"write-{number}", Header(kind=Kind.RETIRING))
        driver.exit(f"write-{number}")
        driver.ready(f"write-{number + 1}", Stage.WRITE, credit=64)
    driver.answer("write-5", driver.requests("write-5")[0])
    assert driver.outcomes(b"a") == [("backup", "ok")]


def test_write_that_has_its_writer_grow_until_it_ends_is_given_up(driver: Driver) -> None:
    driver.answer("write-0", driver.requests("write-0")[0])
    driver.request(b"a", "w0", "memory.delete")
    for number in range(3):
        driver.worker(f"write-{number}", Header(kind=Kind.RETIRING))
        driver.exit(f"write-{number}")
        driver.ready(f"write-{number + 1}", Stage.WRITE, credit=64)
    assert driver.outcomes(b"a")[-1] == ("w0", "poisoned")
