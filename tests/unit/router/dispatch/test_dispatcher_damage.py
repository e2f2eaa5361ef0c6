"""A damaged database: the router says so for as long as it is, and lets nobody wait for a writer in vain."""

from __future__ import annotations

import pytest

from memmux.errors import DatabaseCorruptError, NotFoundError
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from tests.unit.router.dispatch.driver import Driver

CODE = DatabaseCorruptError.code


def degraded(driver: Driver) -> list[str]:
    return driver.dispatcher.status(driver.now)["degraded"]


def test_a_worker_that_meets_damage_makes_the_cluster_degraded(driver: Driver) -> None:
    before = degraded(driver)
    driver.request(b"a", "r0")
    driver.fail("read-0", driver.requests("read-0")[-1], NotFoundError.code)
    assert degraded(driver) == before
    driver.request(b"a", "r1")
    driver.fail("read-0", driver.requests("read-0")[-1], CODE)
    assert degraded(driver) == [*before, CODE]


def test_views_that_were_built_anew_end_that(driver: Driver) -> None:
    driver.request(b"a", "r1")
    driver.fail("read-0", driver.requests("read-0")[-1], CODE)
    for number, operation in enumerate(("memory.delete", "admin.rebuild")):
        assert CODE in degraded(driver)
        driver.request(b"a", f"w{number}", operation, key=f"k{number}")
        driver.answer("write-0", driver.requests("write-0")[-1])
    assert CODE not in degraded(driver)


@pytest.mark.parametrize("when", ["waiting", "later"])
def test_a_write_fails_at_once_when_the_writer_found_the_file_damaged(when: str) -> None:
    driver = Driver()
    driver.hello(b"a")
    driver.start("write-0", Stage.WRITE)
    if when == "waiting":
        driver.request(b"a", "w0", "memory.delete", key="k")
    driver.worker("write-0", Header(kind=Kind.FAILED, detail=DatabaseCorruptError().to_json()))
    if when == "later":
        driver.request(b"a", "w0", "memory.delete", key="k")
    assert driver.outcomes(b"a") == [("w0", CODE)]
    assert degraded(driver).count(CODE) == 1


def test_a_writer_that_can_open_it_again_serves() -> None:
    driver = Driver()
    driver.hello(b"a")
    driver.start("write-0", Stage.WRITE)
    driver.worker("write-0", Header(kind=Kind.FAILED, detail=DatabaseCorruptError().to_json()))
    driver.ready("write-1", Stage.WRITE)
    driver.request(b"a", "w0", "memory.delete", key="k")
    assert driver.asked("write-1") == ["w0"]
    assert CODE not in degraded(driver)
