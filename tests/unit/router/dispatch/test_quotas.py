"""How often a client may ask, and how much at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memmux import limits
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import Stage
from memmux.wire.roles import Role
from router.dispatch.dispatcher import Limits
from tests.unit.router.dispatch.driver import Driver

KEY = Grant(name="ada", role=Role.WRITE, requests_s=2.0)


def _driver(limits: Limits | None = None, **grants: Grant) -> Driver:
    driver = Driver(limits)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=100)
    driver.grants = {name.encode(): grant for name, grant in grants.items()}
    for name in grants:
        driver.hello(name.encode())
    driver.now += 10  # what HELLO has cost is made up for
    return driver


def _codes(driver: Driver, routing_id: bytes, *request_ids: str) -> list[str]:
    """What each of these requests was answered with at once; empty for those that were accepted."""
    answered = dict(driver.outcomes(routing_id))
    return [answered.get(request_id, "") for request_id in request_ids]


def test_requests_beyond_the_rate_are_refused_for_as_long_as_it_takes() -> None:
    driver = _driver(a=KEY)
    for number in range(3):
        driver.request(b"a", f"r{number}")
    assert _codes(driver, b"a", "r0", "r1", "r2") == ["", "", "rate_limited"]
    error = driver.last(b"a").header.detail
    assert (error["retryable"], error["retry_after_ms"]) == (True, 500)
    assert "'ada' may send 2 requests a second" in str(error["message"])
    driver.now += 0.5
    driver.answer("read-0", driver.requests("read-0")[0])
    driver.request(b"a", "r2")
    driver.request(b"a", "r3")
    assert driver.asked("read-0") == ["r0", "r1", "r2"]
    assert _codes(driver, b"a", "r3") == ["rate_limited"]


def test_all_clients_of_a_key_share_its_rate_and_nobody_elses() -> None:
    driver = _driver(a=KEY, b=KEY, c=replace(KEY, name="bob"))
    driver.request(b"a", "r0")
    driver.request(b"b", "r1")
    driver.request(b"b", "r2")
    driver.request(b"c", "r3")
    assert (_codes(driver, b"b", "r1", "r2"), _codes(driver, b"c", "r3")) == (["", "rate_limited"], [""])


def test_a_new_session_is_no_way_around_the_rate() -> None:
    driver = _driver(a=KEY)
    for number in range(4):
        driver.perform(driver.dispatcher.on_client_gone(b"a", driver.now))
        driver.hello(b"a", instance=f"another {number}")
    assert driver.outcomes(b"a") == [("", "rate_limited"), ("", "rate_limited")]


def test_a_rate_below_one_a_second_still_lets_one_in() -> None:
    driver = _driver(a=replace(KEY, requests_s=0.1))
    driver.request(b"a", "r0")
    driver.request(b"a", "r1")
    assert _codes(driver, b"a", "r0", "r1") == ["", "rate_limited"]
    assert driver.last(b"a").header.detail["retry_after_ms"] == 10_000


def test_a_request_that_is_sent_again_is_not_counted_again() -> None:
    driver = _driver(a=KEY)
    for _ in range(5):
        driver.request(b"a", "r0")
    driver.request(b"a", "r1")
    assert driver.outcomes(b"a") == []


def test_all_clients_of_a_key_share_what_may_be_in_flight() -> None:
    key = Grant(name="ada", role=Role.WRITE, in_flight=2)
    driver = _driver(a=key, b=key, c=replace(key, name="bob"))
    driver.request(b"a", "r0")
    driver.request(b"b", "r1")
    driver.request(b"b", "r2")
    driver.request(b"c", "r3")
    assert (_codes(driver, b"b", "r1", "r2"), _codes(driver, b"c", "r3")) == (["", "overloaded"], [""])
    assert driver.last(b"b").header.detail["retry_after_ms"]
    driver.answer("read-0", driver.requests("read-0")[0])
    driver.request(b"b", "r4")
    assert driver.asked("read-0") == ["r0", "r1", "r3", "r4"]


@pytest.mark.parametrize("key", [{}, {"requests_s": 5.0, "in_flight": 4, "memories": 7}])
def test_the_clusters_own_bounds_hold_where_a_key_has_none(key: dict[str, float]) -> None:
    driver = _driver(
        Limits(requests_s=3.0, in_flight=2, memories=6),
        k=Grant(name="ada", role=Role.WRITE, **key),  # type: ignore[arg-type]  # each is of its own type
    )
    driver.hello(b"a")
    driver.now += 1
    driver.request(b"a", "r0")
    driver.request(b"k", "r1")
    local, keyed = (message.header.grant for message in driver.requests("read-0"))
    assert (local["requests_s"], local["in_flight"], local["memories"]) == (3.0, 2, 6)
    expected = {"requests_s": 3.0, "in_flight": 2, "memories": 6} | key
    assert {name: keyed[name] for name in expected} == expected


def test_local_clients_have_bounds_of_their_own_each() -> None:
    driver = _driver(Limits(in_flight=1, requests_s=1.0))
    for name in (b"a", b"b"):
        driver.hello(name)
    driver.now += 1
    for name in (b"a", b"b"):
        driver.request(name, f"r-{name.decode()}")
        driver.request(name, f"s-{name.decode()}")
    assert driver.asked("read-0") == ["r-a", "r-b"]
    assert driver.outcomes(b"a") == [("s-a", "rate_limited")]


@pytest.mark.slow
def test_what_is_remembered_of_rates_is_bounded() -> None:
    driver = _driver(Limits(requests_s=1.0, sessions=10))
    for number in range(2000):
        driver.now += 0.01
        driver.hello(b"%d" % number)
    assert len(driver.dispatcher._flow.requests.quotas._buckets) <= 256 + 1


MIB = b" " * (1 << 20)


def test_requests_of_a_client_have_no_more_bytes_than_they_may_and_one_is_let_in_whatever_its_size() -> None:
    driver = _driver(Limits(client_bytes=2 << 20), a=LOCAL, b=LOCAL)
    for number in range(3):
        driver.request(b"a", f"r{number}", body=MIB)
    driver.request(b"b", "other", body=MIB * 3)
    driver.request(b"b", "more")
    assert _codes(driver, b"a", "r0", "r1", "r2") == ["", "", "overloaded"]
    assert _codes(driver, b"b", "other", "more") == ["", "overloaded"]
    error = driver.clients[b"a"][-1].header.detail
    assert (error["retryable"], bool(error["retry_after_ms"])) == (True, True)
    assert "2097152 bytes are in flight, of 2097152 at most" in str(error["message"])
    driver.answer("read-0", driver.requests("read-0")[0])
    driver.request(b"a", "r3", body=MIB)
    assert _codes(driver, b"a", "r0", "r3") == ["ok", ""]


def test_all_clients_of_a_key_share_the_bytes_and_nobody_elses() -> None:
    key = replace(KEY, requests_s=None)
    driver = _driver(Limits(client_bytes=2 << 20), a=key, b=key, c=replace(key, name="bob"))
    for name in (b"a", b"b", b"c"):
        driver.request(name, f"{name.decode()}1", body=MIB * 2)
    assert [_codes(driver, name, f"{name.decode()}1") for name in (b"a", b"b", b"c")] == [[""], ["overloaded"], [""]]


def test_requests_of_all_clients_have_no_more_bytes_than_they_may_and_small_ones_are_let_in() -> None:
    driver = _driver(Limits(admitted_bytes=2 << 20), a=LOCAL, b=LOCAL)
    driver.request(b"a", "r0", body=MIB * 2)
    driver.request(b"b", "r1", body=MIB)
    driver.request(b"b", "r2")
    assert (_codes(driver, b"a", "r0"), _codes(driver, b"b", "r1", "r2")) == ([""], ["overloaded", ""])


def test_what_a_stage_has_added_counts_and_so_does_what_a_worker_has_of_a_request_that_has_ended() -> None:
    driver = _driver(Limits(client_bytes=2 << 20), a=LOCAL)
    driver.request(b"a", "r0", "memory.store", body=MIB, deadline_ms=1000)
    driver.answer("embed-0", driver.requests("embed-0")[0], MIB)
    driver.request(b"a", "r1")
    driver.tick(1)
    driver.request(b"a", "r2")
    assert _codes(driver, b"a", "r0", "r1", "r2") == ["deadline_exceeded", "overloaded", "overloaded"]
    driver.answer("write-0", driver.requests("write-0")[0])
    driver.request(b"a", "r3")
    driver.answer("read-0", driver.requests("read-0")[0])
    assert _codes(driver, b"a", "r3") == ["ok"]
    assert not any(driver.leftovers().values())


def test_one_request_of_the_greatest_size_can_always_be_sent() -> None:
    bounds = Limits()
    assert limits.MESSAGE_BYTES <= bounds.client_bytes <= bounds.admitted_bytes
