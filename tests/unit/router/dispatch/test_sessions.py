"""Sessions: HELLO, reconnecting, making room, going away."""

from __future__ import annotations

import pytest

from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.dispatcher import Limits
from tests.unit.router.dispatch.driver import Driver


def test_hello_is_answered_with_what_a_client_must_know(driver: Driver) -> None:
    driver.client(
        b"b",
        Header(
            kind=Kind.HELLO,
            id="h",
            detail={"protocol": [0, 3], "name": "n", "pid": 9, "version": "0", "instance": "i"},
        ),
    )
    header = driver.last(b"b").header
    assert (header.kind, header.id) == (Kind.WELCOME, "h")
    assert header.detail["version"] == "1.2.3"
    assert (header.detail["model"], header.detail["dimensions"]) == ("m", 3)
    assert header.detail["limits"]["in_flight"] == Limits().in_flight  # type: ignore[index]  # an object in JSON
    assert list(driver.dispatcher.sessions()) == [(b"a", (7,)), (b"b", (9,))]


def test_a_client_whose_host_is_gone_is_there_until_nothing_of_it_is_in_flight(driver: Driver) -> None:
    driver.hello(b"b", pid=9, relay_pid=8, host_pid=5)
    assert dict(driver.dispatcher.sessions())[b"b"] == (9, 8, 5)
    driver.request(b"b", "r")
    assert dict(driver.dispatcher.sessions())[b"b"] == (9, 8), "its relay has done what the host had sent"
    driver.cancel(b"b", "r")
    assert dict(driver.dispatcher.sessions())[b"b"] == (9, 8, 5)


def test_welcome_names_no_model_until_an_embedder_is_ready() -> None:
    driver = Driver()
    driver.hello(b"a")
    assert driver.last(b"a").header.detail["model"] is None
    driver.ready("embed-0", Stage.EMBED)
    driver.hello(b"a")
    assert driver.last(b"a").header.detail["model"] == "m"


@pytest.mark.parametrize(("versions", "older"), [([2, 3], "cluster"), ([0, 0], "client")])
def test_protocol_without_overlap_says_which_side_to_upgrade(driver: Driver, versions: list[int], older: str) -> None:
    driver.hello(b"b", protocol=versions)
    error = driver.last(b"b").header.detail
    assert error["code"] == "protocol_version"
    assert str(error["message"]).endswith(f"upgrade memmux on the side of the {older}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": 1},
        {"protocol": [1]},
        {"protocol": ["1", "1"]},
        {"pid": 0},
        {"pid": -1},
        {"pid": True},
        {"pid": "7"},
        {"name": ""},
        {"name": "n" * 129},
        {"version": 1},
        {"instance": ["i"]},
    ],
)
def test_hello_that_is_wrong_is_answered_with_an_error(driver: Driver, wrong: dict[str, object]) -> None:
    driver.hello(b"b", **wrong)
    assert driver.outcomes(b"b") == [("", "malformed_message")]
    assert len(list(driver.dispatcher.sessions())) == 1


def test_request_without_a_session_is_asked_to_say_hello(driver: Driver) -> None:
    driver.request(b"b", "r1")
    assert driver.last(b"b").header.detail["code"] == "unknown_session"
    assert driver.last(b"b").header.detail["retryable"] is True
    driver.hello(b"b")
    driver.request(b"b", "r1")
    assert driver.asked("read-0") == ["r1"]


def test_client_that_reconnects_gets_its_answers_at_its_new_place(driver: Driver) -> None:
    driver.request(b"a", "r1")
    driver.hello(b"a2", instance="a")
    driver.request(b"a2", "r1")  # sent again: it may have been lost
    assert driver.asked("read-0") == ["r1"]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a2") == [("r1", "ok")]
    assert driver.outcomes(b"a") == []
    assert list(driver.dispatcher.sessions()) == [(b"a2", (7,))]


def test_old_place_of_a_client_that_reconnected_means_nothing_any_more(driver: Driver) -> None:
    driver.request(b"a", "r1")
    driver.hello(b"a2", instance="a")
    driver.perform(driver.dispatcher.on_client_gone(b"a", driver.now))
    driver.request(b"a", "r2")
    assert driver.outcomes(b"a") == [("r2", "unknown_session")]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a2") == [("r1", "ok")]


def test_another_client_at_the_same_place_ends_the_session_that_was_there(driver: Driver) -> None:
    driver.request(b"a", "r1")
    driver.hello(b"a", instance="other")
    assert driver.cancelled("read-0") == ["r1"]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a") == []
    assert not any(driver.leftovers().values())


def test_request_sent_twice_is_run_once(driver: Driver) -> None:
    driver.request(b"a", "r1")
    driver.request(b"a", "r1")
    assert driver.asked("read-0") == ["r1"]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a") == [("r1", "ok")]


def test_id_that_another_client_uses_is_refused(driver: Driver) -> None:
    driver.hello(b"b")
    driver.request(b"a", "r1")
    driver.request(b"b", "r1")
    assert driver.outcomes(b"b") == [("r1", "argument_invalid")]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a") == [("r1", "ok")]


@pytest.mark.parametrize("way", ["goodbye", "gone"])
def test_client_that_leaves_takes_its_requests_with_it_but_not_a_write_under_way(driver: Driver, way: str) -> None:
    for number in range(3):
        driver.request(b"a", f"read{number}")
        driver.request(b"a", f"write{number}", "memory.delete")
    if way == "goodbye":
        driver.client(b"a", Header(kind=Kind.GOODBYE))
    else:
        driver.perform(driver.dispatcher.on_client_gone(b"a", driver.now))
    assert sorted(driver.cancelled("read-0")) == ["read0", "read1"]
    assert driver.cancelled("write-0") == []
    for worker in ("read-0", "write-0"):
        for message in driver.requests(worker)[:2]:
            driver.answer(worker, message)
    assert driver.asked("read-0") == ["read0", "read1"]
    assert driver.asked("write-0") == ["write0", "write1"]
    assert driver.outcomes(b"a") == []
    assert not any(driver.leftovers().values())
    (closed,) = [log.fields for log in driver.logs if log.event == "session_closed"]
    assert (closed["reason"], closed["dropped"]) == (way, 6)


def test_client_that_left_may_come_back(driver: Driver) -> None:
    driver.client(b"a", Header(kind=Kind.GOODBYE))
    driver.client(b"a", Header(kind=Kind.GOODBYE))
    driver.hello(b"a")
    driver.request(b"a", "r1")
    assert driver.asked("read-0") == ["r1"]


def test_full_house_makes_room_by_forgetting_the_idlest_session() -> None:
    driver = Driver(Limits(sessions=3))
    for name in (b"a", b"b", b"c"):
        driver.hello(name)
    driver.request(b"a", "r1")  # busy, though it came first
    driver.client(b"b", Header(kind=Kind.PING))  # heard from after c
    driver.hello(b"d")
    assert {routing_id for routing_id, _ in driver.dispatcher.sessions()} == {b"a", b"b", b"d"}
    driver.request(b"c", "r2")
    assert driver.outcomes(b"c") == [("r2", "unknown_session")]


def test_full_house_of_busy_clients_turns_the_next_away_but_lets_a_known_one_reconnect() -> None:
    driver = Driver(Limits(sessions=2))
    for name in (b"a", b"b"):
        driver.hello(name)
        driver.request(name, name.decode())
    driver.hello(b"c")
    assert driver.last(b"c").header.detail["code"] == "overloaded"
    assert driver.last(b"c").header.detail["retry_after_ms"]
    driver.hello(b"a2", instance="a")
    assert driver.last(b"a2").header.kind is Kind.WELCOME


def test_a_cluster_that_is_only_looked_on_is_idle() -> None:
    driver = Driver()
    driver.hello(b"o", observer=True)
    assert driver.dispatcher.idle_since() == driver.now
    assert driver.dispatcher.status(driver.now)["clients"] == []
    driver.hello(b"a")
    assert driver.dispatcher.idle_since() is None
    driver.hello(b"a2", instance="a", observer=True)  # it may change its mind
    assert driver.dispatcher.idle_since() == driver.now
    driver.hello(b"a3", instance="a")
    assert driver.dispatcher.idle_since() is None
    driver.client(b"a3", Header(kind=Kind.GOODBYE))
    driver.client(b"o", Header(kind=Kind.GOODBYE))
    assert driver.dispatcher.idle_since() == driver.now


def test_what_became_of_a_clients_requests_is_told(driver: Driver) -> None:
    for number in range(2):
        driver.request(b"a", f"r{number}")
        driver.now += 0.25
        driver.answer("read-0", driver.requests("read-0")[-1])
    for number, code in enumerate(("not_found", "database_corrupt"), 2):  # of which the first is nobody's fault
        driver.request(b"a", f"r{number}")
        driver.fail("read-0", driver.requests("read-0")[-1], code)
    (told,) = driver.dispatcher.status(driver.now)["clients"]
    assert (told["errors"], told["p95_ms"], told["queue_ms"]) == (1, 250.0, 0.0)


def test_how_busy_a_worker_is_counts_the_last_ten_seconds(driver: Driver) -> None:
    driver.tick()
    driver.request(b"a", "r0")
    driver.tick(2.0)
    driver.answer("read-0", driver.requests("read-0")[-1])
    driver.heartbeat("write-0")
    driver.tick(2.0)
    workers = driver.dispatcher.status(driver.now)["workers"]
    assert workers["read-0"]["busy"] == 0.5
    assert workers["write-0"]["busy"] == 0.0
