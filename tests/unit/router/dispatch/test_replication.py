"""Reads of replicas see what was acknowledged, and everybody hears what is wrong with the servers."""

from __future__ import annotations

import pytest

from memmux.errors import DatabaseUnreachableError
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from tests.unit.router.dispatch.driver import FACTS, Driver

WRITER, READER = "write-0", "read-0"


@pytest.fixture
def servers() -> Driver:
    """A cluster of a database on several servers, at rest."""
    driver = Driver(replicated=True)
    for stage in Stage:
        driver.ready(f"{stage}-0", stage, credit=2)
    driver.hello(b"a")
    return driver


def write(driver: Driver, seq: int) -> None:
    """Have a write acknowledged."""
    driver.request(b"a", f"w{seq}", "memory.delete", key=f"k{seq}")
    driver.answer(WRITER, driver.requests(WRITER)[-1], **{**FACTS[Stage.WRITE], "seq": seq})


def stamped(driver: Driver, request_id: str = "r") -> object:
    """Ask a reader, and return the change that it must have seen."""
    driver.request(b"a", request_id)
    request = driver.requests(READER)[-1]
    assert request.header.id == request_id
    return request.header.detail.get("min_seq")


def read(driver: Driver, request_id: str, **facts: object) -> None:
    """Have a reader answer."""
    (request,) = (each for each in driver.requests(READER) if each.header.id == request_id)
    driver.answer(READER, request, **{**FACTS[Stage.READ], **facts})


def test_a_read_says_the_newest_change_that_was_acknowledged(servers: Driver) -> None:
    assert stamped(servers, "before") is None
    write(servers, 3)
    assert stamped(servers, "after") == 3
    read(servers, "after", seq=3)
    read(servers, "before", seq=3)
    write(servers, 5)
    assert stamped(servers, "later") == 5


def test_the_rest_of_what_a_reader_is_told_stays(servers: Driver) -> None:
    servers.hello(b"a", zone="Europe/Vienna")
    write(servers, 3)
    servers.request(b"a", "r")
    assert servers.requests(READER)[-1].header.detail == {"zone": "Europe/Vienna", "min_seq": 3}


def test_nothing_else_is_stamped_and_nothing_where_the_database_is_a_file(servers: Driver, driver: Driver) -> None:
    write(servers, 3)
    write(servers, 4)
    assert "min_seq" not in servers.requests(WRITER)[-1].header.detail
    write(driver, 3)
    assert stamped(driver) is None


def test_a_write_that_was_not_acknowledged_is_waited_for_by_nobody(servers: Driver) -> None:
    servers.request(b"a", "w", "memory.delete", key="k")
    servers.fail(WRITER, servers.requests(WRITER)[-1], "storage_error")
    servers.heartbeat(WRITER, **{**FACTS[Stage.WRITE], "seq": 9})  # of another cluster's clients
    assert stamped(servers) is None


def test_a_writer_on_a_server_that_lacks_the_newest_changes_has_them_forgotten(servers: Driver) -> None:
    write(servers, 9)
    servers.exit(WRITER)
    servers.ready("write-1", Stage.WRITE, seq=7)
    assert stamped(servers) == 7


def test_a_writer_that_says_less_in_a_heartbeat_has_them_forgotten_too(servers: Driver) -> None:
    write(servers, 9)
    servers.heartbeat(WRITER, **{**FACTS[Stage.WRITE], "seq": 7})
    assert stamped(servers) == 7
    servers.heartbeat(WRITER, **{**FACTS[Stage.WRITE], "seq": 20})
    read(servers, "r", seq=7)
    assert stamped(servers, "later") == 7


def test_a_reader_that_finds_another_history_has_them_forgotten(servers: Driver) -> None:
    write(servers, 9)
    assert stamped(servers) == 9
    read(servers, "r", seq=7, rewound=1)
    assert stamped(servers, "later") is None


def test_what_was_acknowledged_since_the_reader_was_asked_is_not_forgotten(servers: Driver) -> None:
    write(servers, 9)
    assert stamped(servers) == 9
    write(servers, 8)  # by the server that was promoted
    read(servers, "r", seq=7, rewound=1)
    assert stamped(servers, "later") == 8


def test_another_history_is_told_once(servers: Driver) -> None:
    write(servers, 9)
    assert stamped(servers) == 9
    read(servers, "r", seq=7, rewound=1)
    write(servers, 8)
    assert stamped(servers, "later") == 8
    read(servers, "later", seq=8, rewound=1)
    assert stamped(servers, "last") == 8


def degraded(driver: Driver) -> tuple[str, ...]:
    driver.request(b"a", "status", "cluster.status")
    return tuple(driver.dispatcher.status(driver.now)["degraded"])


def test_what_a_writer_says_of_the_servers_is_said_with_every_answer_until_it_is_over(servers: Driver) -> None:
    facts = {**FACTS[Stage.WRITE], "degraded": ["replication_asynchronous"]}
    servers.heartbeat(WRITER, **facts)
    assert degraded(servers) == ("replication_asynchronous",)
    servers.heartbeat(WRITER, **{**facts, "degraded": ["primary_unavailable", "replication_asynchronous"]})
    assert degraded(servers) == ("primary_unavailable", "replication_asynchronous")
    servers.heartbeat(WRITER, **{**facts, "degraded": []})
    assert degraded(servers) == ()


@pytest.mark.parametrize("said", ["x", None, 7, [7, {}], {"a": 1}])
def test_what_makes_no_sense_there_is_left_aside(servers: Driver, said: object) -> None:
    servers.heartbeat(WRITER, **{**FACTS[Stage.WRITE], "degraded": said, "seq": "x", "rewound": "x"})
    assert degraded(servers) == ()


def test_a_writer_that_finds_no_primary_is_told_as_that(servers: Driver) -> None:
    servers.exit(WRITER)
    servers.start("write-1", Stage.WRITE)
    servers.worker("write-1", Header(kind=Kind.FAILED, detail=DatabaseUnreachableError().to_json()))
    assert degraded(servers) == ("primary_unavailable",)
    servers.exit(READER)
    servers.start("read-1", Stage.READ)
    servers.worker("read-1", Header(kind=Kind.FAILED, detail=DatabaseUnreachableError().to_json()))
    assert degraded(servers) == ("database_unreachable", "primary_unavailable")


@pytest.mark.parametrize(
    ("stage", "worker", "operation"), [(Stage.WRITE, WRITER, "memory.delete"), (Stage.READ, READER, "memory.get")]
)
def test_what_waits_for_a_worker_that_finds_no_server_ends_with_that(
    servers: Driver, stage: Stage, worker: str, operation: str
) -> None:
    servers.exit(worker)
    servers.start("next", stage)
    why = DatabaseUnreachableError("a server takes no more connections").to_json()
    servers.worker("next", Header(kind=Kind.FAILED, detail=why))
    servers.request(b"a", "r", operation, deadline_ms=1000)
    servers.tick(1.0)
    assert servers.last(b"a").header.detail == why


def test_what_a_reader_had_to_do_stands_in_its_answer_alone(servers: Driver) -> None:
    servers.request(b"a", "r")
    servers.answer(READER, servers.requests(READER)[-1], degraded=["replica_behind"], **FACTS[Stage.READ])
    assert servers.last(b"a").header.degraded == ("replica_behind",)
    assert degraded(servers) == ()


UNAVAILABLE = {**FACTS[Stage.WRITE], "degraded": ["primary_unavailable"]}


def ids(driver: Driver, worker: str) -> list[str]:
    return driver.asked(worker)


def test_writes_wait_for_a_primary_and_are_then_sent_again_in_their_order_under_their_keys(servers: Driver) -> None:
    for number in range(4):
        servers.request(b"a", f"w{number}", "memory.delete", key=f"k{number}")
    first, second = servers.requests(WRITER)
    servers.fail(WRITER, first, "database_unreachable")
    servers.fail(WRITER, second, "database_unreachable")
    servers.heartbeat(WRITER, **UNAVAILABLE)
    assert ids(servers, WRITER) == ["w0", "w1"]
    servers.heartbeat(WRITER, **FACTS[Stage.WRITE])
    again = servers.requests(WRITER)[2:]
    assert [(one.header.id, one.header.key, one.header.attempt) for one in again] == [("w0", "k0", 2), ("w1", "k1", 2)]
    for request in again:
        servers.answer(WRITER, request, **{**FACTS[Stage.WRITE], "seq": 1})
    assert ids(servers, WRITER) == ["w0", "w1", "w0", "w1", "w2", "w3"]
    assert servers.last(b"a").header.kind is Kind.RESULT


def test_a_write_that_finds_no_primary_in_its_time_is_answered_with_that(servers: Driver) -> None:
    servers.request(b"a", "w", "memory.delete", key="k", deadline_ms=5000)
    servers.fail(WRITER, servers.requests(WRITER)[-1], "database_unreachable")
    for _ in range(5):
        servers.tick(1.0)
        servers.heartbeat(WRITER, **UNAVAILABLE)
    answer = servers.last(b"a").header
    assert (answer.kind, answer.detail["code"]) == (Kind.ERROR, "deadline_exceeded")
    assert answer.degraded == ("primary_unavailable",)
    servers.heartbeat(WRITER, **FACTS[Stage.WRITE])
    assert ids(servers, WRITER) == ["w"]


def test_another_writer_gets_what_waits(servers: Driver) -> None:
    servers.request(b"a", "w", "memory.delete", key="k")
    servers.fail(WRITER, servers.requests(WRITER)[-1], "database_unreachable")
    servers.exit(WRITER)
    servers.ready("write-1", Stage.WRITE)
    assert ids(servers, "write-1") == ["w"]


def test_a_read_that_lost_its_server_is_sent_again_a_few_times(servers: Driver) -> None:
    servers.request(b"a", "r")
    for attempt in range(1, 4):
        assert servers.requests(READER)[-1].header.attempt == attempt
        servers.fail(READER, servers.requests(READER)[-1], "database_unreachable")
    answer = servers.last(b"a").header
    assert (answer.kind, answer.detail["code"]) == (Kind.ERROR, "database_unreachable")
    assert len(ids(servers, READER)) == 3


def test_a_read_that_lost_its_server_is_asked_of_another_reader(servers: Driver) -> None:
    servers.ready("read-1", Stage.READ)
    servers.request(b"a", "r0")
    (first,) = (worker for worker in (READER, "read-1") if ids(servers, worker))
    servers.fail(first, servers.requests(first)[-1], "database_unreachable")
    (other,) = {READER, "read-1"} - {first}
    servers.answer(other, servers.requests(other)[-1])
    servers.request(b"a", "r1")
    assert (ids(servers, first), ids(servers, other)) == (["r0"], ["r0", "r1"])


def test_of_a_file_such_an_error_is_an_answer(driver: Driver) -> None:
    driver.request(b"a", "w", "memory.delete", key="k")
    driver.fail(WRITER, driver.requests(WRITER)[-1], "database_unreachable")
    assert driver.last(b"a").header.kind is Kind.ERROR


def replication(driver: Driver) -> dict[str, float]:
    return dict(driver.dispatcher.status(driver.now)["replication"])


def rests(driver: Driver, at: int, worker: str = READER, **facts: object) -> None:
    """Have a reader say, at rest, where its replica stands."""
    driver.heartbeat(worker, **{**FACTS[Stage.READ], "seq": at, "at": at, **facts})


def test_of_a_file_there_is_nothing_to_say() -> None:
    assert Driver().dispatcher.status(0.0)["replication"] == {}


def test_a_replica_lacks_what_was_acknowledged_a_while_ago_and_not_what_has_just_come(servers: Driver) -> None:
    for seq in (3, 4, 5):
        write(servers, seq)
        servers.now += 1
    rests(servers, at=3)
    assert (replication(servers)["lag_changes"], replication(servers)["lag_s"]) == (1, 2.0)
    servers.now += 10
    rests(servers, at=3)
    assert (replication(servers)["lag_changes"], replication(servers)["lag_s"]) == (2, 12.0)
    rests(servers, at=5)
    assert (replication(servers)["lag_changes"], replication(servers)["lag_s"]) == (0, 0.0)


def test_the_replica_that_lacks_most_is_told_until_its_reader_is_gone(servers: Driver) -> None:
    servers.ready("read-1", Stage.READ)
    write(servers, 7)
    servers.now += 5
    rests(servers, at=7)
    rests(servers, at=2, worker="read-1")
    assert replication(servers)["lag_changes"] == 5
    servers.exit("read-1")
    assert replication(servers)["lag_changes"] == 0


def test_changes_that_were_lost_are_lacked_by_nobody(servers: Driver) -> None:
    write(servers, 9)
    servers.now += 5
    servers.heartbeat(WRITER, **{**FACTS[Stage.WRITE], "seq": 4})  # by the server that was promoted
    servers.now += 5
    rests(servers, at=4)
    assert replication(servers)["lag_changes"] == 0


def test_what_workers_have_waited_for_is_told_of_all_together(servers: Driver) -> None:
    servers.ready("read-1", Stage.READ)
    rests(servers, at=1, waits=2, waited_s=0.5, asked_primary=1, reconnects=1)
    rests(servers, at=1, worker="read-1", waits=1, waited_s=0.25, asked_primary=0, reconnects="x")
    servers.heartbeat(WRITER, **{**FACTS[Stage.WRITE], "reconnects": 3})
    told = replication(servers)
    assert (told["waits"], told["waited_s"], told["asked_primary"], told["reconnects"]) == (3, 0.75, 1, 4)


def test_writes_without_an_answer_are_held_and_reads_are_not(servers: Driver) -> None:
    servers.request(b"a", "r")
    for number in range(3):
        servers.request(b"a", f"w{number}", "memory.delete", key=f"k{number}")
        servers.now += 2
    assert (replication(servers)["held"], replication(servers)["held_s"]) == (3, 6.0)
