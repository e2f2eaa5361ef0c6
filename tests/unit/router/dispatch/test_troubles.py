"""Troubles: what is wrong with the whole cluster is said with every answer."""

from __future__ import annotations

from memmux.errors import DatabaseCorruptError
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.troubles import Troubles
from tests.unit.router.dispatch.driver import Driver


def test_codes_are_in_order_and_each_is_there_once() -> None:
    troubles = Troubles()
    troubles.put("b", wrong=True)
    troubles.found("elsewhere", ["c", "b"])
    assert troubles.codes == ("b", "c")
    assert troubles.beside({"a", "c"}) == ("a", "b", "c")
    troubles.put("b", wrong=False)
    assert troubles.codes == ("b", "c")
    troubles.found("elsewhere", [])
    assert troubles.codes == troubles.beside(()) == ()


def _get(driver: Driver, request_id: str) -> tuple[str, ...]:
    driver.request(b"a", request_id)
    driver.answer("read-0", driver.requests("read-0")[-1])
    return driver.last(b"a").header.degraded


def test_every_answer_says_that_the_database_is_damaged(driver: Driver) -> None:
    assert _get(driver, "r0") == ()
    driver.request(b"a", "r1")
    driver.fail("read-0", driver.requests("read-0")[-1], DatabaseCorruptError.code)
    assert _get(driver, "r2") == (DatabaseCorruptError.code,)


def test_an_error_says_what_an_answer_would(driver: Driver) -> None:
    driver.dispatcher.troubled(["b"])
    driver.request(b"a", "r0")
    driver.fail("read-0", driver.requests("read-0")[-1], "not_found")
    header = driver.last(b"a").header
    assert (header.kind, header.degraded) == (Kind.ERROR, ("b",))


def test_every_answer_says_that_the_log_is_large(driver: Driver) -> None:
    driver.heartbeat("write-0", wal_bytes=1 << 40)
    driver.tick()
    assert _get(driver, "r0") == ("log_large",)
    driver.heartbeat("write-0", wal_bytes=0)
    driver.tick()
    assert _get(driver, "r1") == ()


def test_every_answer_says_which_workers_are_missing(driver: Driver) -> None:
    driver.exit("write-0")
    driver.exit("embed-0")
    assert _get(driver, "r0") == ("embedder_unavailable", "writer_unavailable")
    driver.ready("write-1", Stage.WRITE)
    assert _get(driver, "r1") == ("embedder_unavailable",)


def test_a_cluster_that_begins_is_in_no_trouble_yet() -> None:
    driver = Driver()
    driver.hello(b"a")
    driver.start("write-0", Stage.WRITE)
    driver.start("embed-0", Stage.EMBED)
    driver.ready("read-0", Stage.READ)
    assert _get(driver, "r0") == ()


def test_every_answer_says_what_other_parts_of_the_router_found(driver: Driver) -> None:
    driver.dispatcher.troubled(["read-1_failing"])
    assert _get(driver, "r0") == ("read-1_failing",)
    assert "read-1_failing" in driver.dispatcher.status(driver.now)["degraded"]
    driver.dispatcher.troubled([])
    assert _get(driver, "r1") == ()


def test_an_answer_says_what_it_had_to_do_without_as_well(driver: Driver) -> None:
    driver.dispatcher.troubled(["b"])
    driver.request(b"a", "r0")
    driver.answer("read-0", driver.requests("read-0")[-1], degraded=["a"])
    assert driver.last(b"a").header == Header(
        kind=Kind.RESULT, id="r0", degraded=("a", "b"), detail=driver.last(b"a").header.detail
    )
