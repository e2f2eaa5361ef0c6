"""The life of a request: its route, its answer, what can not be accepted; and what the router answers itself."""

from __future__ import annotations

import orjson
import pytest

from memmux import limits
from memmux.errors import ERRORS
from memmux.wire import protocol
from memmux.wire.grants import Grant
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from memmux.wire.roles import Role
from router.dispatch.actions import BeginDrain, KillWorker, Log, ReportStatus, ToClient
from router.dispatch.dispatcher import Limits
from tests.unit.router.dispatch.driver import Driver


def test_read_goes_to_a_reader_and_its_frames_are_the_answer(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.get")
    (asked,) = driver.requests("read-0")
    assert (asked.header.stage, asked.header.operation, asked.header.attempt) == ("read", "memory.get", 1)
    assert (asked.header.client, asked.header.key, asked.frames) == ("a", "", (b"{}",))
    driver.answer("read-0", asked, b"one", b"two", seq=42)
    answer = driver.last(b"a")
    assert (answer.header.kind, answer.header.id, answer.frames) == (Kind.RESULT, "r1", (b"one", b"two"))
    assert answer.header.detail == {"queue_ms": 0, "work_ms": 0, "stages": {"read": [0, 0]}, "seq": 42}


def test_frames_of_a_stage_are_appended_for_the_next(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.store")
    driver.answer("embed-0", driver.requests("embed-0")[0], b"described", b"data", degraded=["hash_embedder"])
    (asked,) = driver.requests("write-0")
    assert asked.frames == (b"{}", b"described", b"data")
    assert asked.header.degraded == ("hash_embedder",)
    driver.answer("write-0", asked, degraded=["indexing"])
    assert driver.last(b"a").header.degraded == ("hash_embedder", "indexing")


def test_request_that_brings_its_vector_skips_the_embed_stage(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.store", b"described", b"data")
    assert driver.asked("embed-0") == []
    assert driver.requests("write-0")[0].frames == (b"{}", b"described", b"data")
    assert driver.requests("write-0")[0].header.degraded == ()


def test_answer_says_how_long_it_waited_and_was_worked_on_at_each_stage() -> None:
    driver = Driver()
    driver.hello(b"a")
    driver.ready("embed-0", Stage.EMBED)
    driver.request(b"a", "r1", "memory.search")
    driver.now += 1
    driver.answer("embed-0", driver.requests("embed-0")[0])
    driver.now += 0.25
    driver.ready("read-0", Stage.READ)
    driver.now += 0.5
    driver.answer("read-0", driver.requests("read-0")[0])
    times = {"queue_ms": 250, "work_ms": 1500, "stages": {"embed": [0, 1000], "read": [250, 500]}}
    assert driver.last(b"a").header.detail == times
    (finished,) = [log.fields for log in driver.logs if log.event == "request_finished"]
    assert finished == {
        "request_id": "r1",
        "client": "a",
        "operation": "memory.search",
        "outcome": "ok",
        **times,
        "total_ms": 1750,
        "attempt": 1,
        "degraded": [],
    }
    (slow,) = [log for log in driver.logs if log.event == "request_slow"]
    assert (slow.level, slow.fields) == ("warning", {**finished, "route": ["embed", "read"]})


def test_answer_is_counted_and_logged_once_it_is_on_its_way(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.store", b"described", b"data")
    (asked,) = driver.requests("write-0")
    header = Header(kind=Kind.RESULT, id="r1", attempt=asked.header.attempt)
    (answer,) = driver.dispatcher.on_worker("write-0", protocol.encode(header), driver.now)
    assert isinstance(answer, ToClient)
    (told,) = driver.dispatcher.tell()
    assert isinstance(told, Log)
    assert (told.event, told.happened) == ("request_finished", driver.now)  # not when it is told
    assert driver.dispatcher.tell() == []
    assert driver.dispatcher.answered()["memory.store"].outcomes == {"ok": 1}


def test_status_counts_what_was_answered_just_now(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.store", b"described", b"data")
    header = Header(kind=Kind.RESULT, id="r1", attempt=driver.requests("write-0")[0].header.attempt)
    driver.dispatcher.on_worker("write-0", protocol.encode(header), driver.now)
    assert driver.dispatcher.status(driver.now)["requests"]["memory.store"]["ok"] == 1


@pytest.mark.parametrize(("slow_s", "told"), [(0.0, 0), (0.25, 1), (0.3, 0)])
def test_request_is_slow_from_the_time_on_that_is_set(slow_s: float, told: int) -> None:
    driver = Driver(Limits(slow_s=slow_s))
    driver.hello(b"a")
    driver.ready("read-0", Stage.READ)
    driver.request(b"a", "r1", "memory.get")
    driver.now += 0.25
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.events().count("request_slow") == told


@pytest.mark.parametrize(("zone", "told"), [("Asia/Tokyo", {"zone": "Asia/Tokyo"}), ("", {}), (5, {}), (None, {})])
def test_a_reader_is_told_the_time_zone_of_who_asks(driver: Driver, zone: object, told: dict[str, str]) -> None:
    driver.hello(b"z", zone=zone)
    driver.request(b"z", "r1", "memory.match")
    driver.request(b"z", "r2", "memory.delete")
    assert driver.requests("read-0")[0].header.detail == told
    assert driver.requests("write-0")[0].header.detail == {}


def test_write_without_a_key_gets_its_id_as_key(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.delete")
    driver.request(b"a", "r2", "memory.delete", key="mine")
    assert [message.header.key for message in driver.requests("write-0")] == ["r1", "mine"]


def test_error_of_a_worker_is_the_final_answer(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.store")
    driver.fail("embed-0", driver.requests("embed-0")[0], "content_empty")
    assert driver.last(b"a").header.detail == {"code": "content_empty", "message": "no", "retryable": False}
    assert driver.asked("write-0") == []


def test_embedding_that_makes_a_message_too_large_fails_alone(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MESSAGE_BYTES", limits.HEADER_BYTES + 100)
    driver.request(b"a", "r1", "memory.store")
    driver.answer("embed-0", driver.requests("embed-0")[0], b"x" * 99)
    assert driver.outcomes(b"a") == [("r1", "message_too_large")]
    assert driver.asked("write-0") == []


def test_frames_of_a_client_and_of_a_stage_that_are_too_many_together_fail_alone(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.store_similar", *[b"x"] * (limits.FRAMES - 2))
    driver.answer("read-0", driver.requests("read-0")[0], b"found")
    assert driver.outcomes(b"a") == [("r1", "message_too_large")]
    assert driver.asked("write-0") == []
    assert not any(driver.leftovers().values())


def test_request_that_fits_with_its_clients_header_fits_with_the_routers(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MESSAGE_BYTES", limits.HEADER_BYTES + 100)
    header = Header(kind=Kind.REQUEST, id="r1", operation="memory.get")
    driver.client(b"a", header, b"x" * (limits.MESSAGE_BYTES - len(protocol.encode(header)[0])))
    assert driver.outcomes(b"a") == [("r1", "message_too_large")]
    driver.hello(b"b", name="n" * 128)
    driver.client(b"b", Header(kind=Kind.REQUEST, id="r" * 128, operation="memory.get"), b"x" * 100)
    assert driver.asked("read-0") == ["r" * 128]  # the driver reads what workers are sent


# what can't be accepted


def test_unknown_operation_is_refused(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.nonsense")
    driver.request(b"a", "r2", "vectors.backfill")
    assert driver.outcomes(b"a") == [("r1", "unknown_operation"), ("r2", "unknown_operation")]
    assert driver.events().count("request_refused") == 2


def test_malformed_message_is_answered_if_its_id_is_known_and_counted_in_any_case(driver: Driver) -> None:
    for frames in ([], [b""], [b"\xff"], [b"[]"], [b"{}"], [b'{"v":1,"kind":"no"}'], [b""] * 40, [b"x" * 20_000]):
        driver.perform(driver.dispatcher.on_client(b"a", frames, driver.now))
    assert len(driver.clients[b"a"]) == 1  # the WELCOME
    driver.perform(driver.dispatcher.on_client(b"a", [b'{"v":1,"kind":"no","id":"r1"}'], driver.now))
    assert driver.outcomes(b"a") == [("r1", "malformed_message")]
    driver.client(b"a", Header(kind=Kind.REQUEST, operation="memory.get"))
    driver.client(b"a", Header(kind=Kind.RESULT, id="r2"))
    assert driver.outcomes(b"a")[1:] == [("r2", "malformed_message")]
    assert driver.dispatcher.status(driver.now)["events"]["malformed"] == 11
    assert driver.events().count("message_malformed") == 11


def test_wrong_version_is_answered_even_without_an_id(driver: Driver) -> None:
    driver.perform(driver.dispatcher.on_client(b"new", [b'{"v":9,"kind":"hello"}'], driver.now))
    assert driver.outcomes(b"new") == [("", "protocol_version")]


def test_malformed_message_of_a_worker_that_has_nothing_is_dropped_and_counted(driver: Driver) -> None:
    driver.perform(driver.dispatcher.on_worker("read-0", [b"{"], driver.now))
    driver.worker("read-0", Header(kind=Kind.HELLO))
    assert driver.dispatcher.status(driver.now)["events"]["malformed"] == 2
    assert not any(isinstance(action, KillWorker) for action in driver.others)


@pytest.mark.parametrize("kind", [Kind.ERROR, Kind.RESULT, Kind.HELLO, Kind.HEARTBEAT])
def test_answer_of_a_worker_that_can_not_be_read_ends_its_lease(driver: Driver, kind: Kind) -> None:
    driver.request(b"a", "r1")
    driver.request(b"a", "r2")
    asked = driver.requests("read-0")[0].header
    driver.worker("read-0", Header(kind=kind, id="r1", attempt=asked.attempt, detail={"message": "x" * 20_000}))
    assert driver.outcomes(b"a") == [("r1", "internal")]
    assert driver.asked("read-0") == ["r1", "r2"]
    driver.answer("read-0", driver.requests("read-0")[1])
    assert driver.outcomes(b"a")[1:] == [("r2", "ok")]
    assert not any(driver.leftovers().values())


@pytest.mark.parametrize("said", [{}, {"id": ["r1"], "attempt": 1}, {"id": "r1", "attempt": 2}, {"id": "r1"}])
def test_malformed_message_that_is_about_no_lease_of_its_worker_ends_none(
    driver: Driver, said: dict[str, object]
) -> None:
    driver.request(b"a", "r1")
    driver.perform(driver.dispatcher.on_worker("read-0", [orjson.dumps({"v": 1, "kind": "odd", **said})], driver.now))
    assert driver.outcomes(b"a") == []
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a") == [("r1", "ok")]


def test_worker_of_whose_message_nothing_can_be_read_is_killed_with_what_it_has(driver: Driver) -> None:
    driver.request(b"a", "r1")
    driver.perform(driver.dispatcher.on_worker("read-0", [b"{"], driver.now))
    assert driver.others[-1] == KillWorker("read-0", "malformed")
    driver.ready("read-1", Stage.READ)
    driver.answer("read-1", driver.requests("read-1")[0])
    assert driver.outcomes(b"a") == [("r1", "ok")]
    assert not any(driver.leftovers().values())


def test_error_that_a_worker_made_up_counts_as_internal(driver: Driver) -> None:
    driver.request(b"a", "r1")
    asked = driver.requests("read-0")[0].header
    driver.worker("read-0", Header(kind=Kind.ERROR, id="r1", attempt=asked.attempt, detail={"code": ["odd"]}))
    assert driver.dispatcher.status(driver.now)["requests"]["memory.get"]["errors"] == {"internal": 1}
    assert "internal" in ERRORS


# what the router answers itself


def test_ping_is_answered_without_a_session() -> None:
    driver = Driver()
    driver.client(b"x", Header(kind=Kind.PING, id="p"))
    assert (driver.last(b"x").header.kind, driver.last(b"x").header.id) == (Kind.PONG, "p")


def test_status_is_left_to_the_loop_and_reported_even_while_draining(driver: Driver) -> None:
    driver.perform(driver.dispatcher.drain(driver.now))
    driver.request(b"a", "r1", "cluster.status")
    assert driver.others[-1] == ReportStatus(b"a", "r1")


def test_stop_is_answered_at_once_and_begins_the_drain(driver: Driver) -> None:
    driver.request(b"a", "r1")
    driver.request(b"a", "stop", "cluster.stop")
    assert driver.outcomes(b"a") == [("stop", "ok")]
    assert driver.others[-1] == BeginDrain("asked")
    assert not driver.dispatcher.drained
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.dispatcher.drained


def test_stop_for_a_hand_over_names_who_asks_as_the_successor(driver: Driver) -> None:
    driver.hello(b"successor", pid=77)
    stop = Header(kind=Kind.REQUEST, id="stop", operation="cluster.stop", detail={"hand_over": True})
    driver.client(b"successor", stop, b"{}")
    assert driver.others[-1] == BeginDrain("hand_over", successor=77)
    driver.request(b"a", "new")
    assert driver.outcomes(b"a") == [("new", "draining")]


def test_only_a_client_of_this_machine_can_ask_for_a_hand_over(driver: Driver) -> None:
    driver.grants[b"far"] = Grant(name="ops", role=Role.ADMIN)
    driver.hello(b"far", pid=77)
    stop = Header(kind=Kind.REQUEST, id="stop", operation="cluster.stop", detail={"hand_over": True})
    driver.client(b"far", stop, b"{}")
    assert driver.others[-1] == BeginDrain("asked", successor=0)


def test_closed_cluster_refuses_what_needs_no_worker_too_and_answers_a_ping(driver: Driver) -> None:
    driver.perform(driver.dispatcher.close(driver.now))
    driver.request(b"a", "s", "cluster.status")
    assert driver.outcomes(b"a") == [("s", "draining")]
    driver.client(b"a", Header(kind=Kind.PING, id="p"))
    assert driver.last(b"a").header.kind is Kind.PONG
    assert driver.dispatcher.drained


def test_what_is_not_answered_when_a_cluster_closes_is_told_to_go_on_elsewhere(driver: Driver) -> None:
    asked = {"read": "memory.get", "waits": "memory.get", "embed": "memory.store", "write": "memory.delete"}
    for request_id, name in asked.items():
        driver.request(b"a", request_id, name)
    driver.perform(driver.dispatcher.drain(driver.now))
    driver.perform(driver.dispatcher.close(driver.now))  # its workers are dead
    assert sorted(driver.outcomes(b"a")) == sorted((request_id, "draining") for request_id in asked)
    assert driver.dispatcher.drained
    driver.request(b"a", "write", "memory.delete")
    assert driver.outcomes(b"a")[4:] == [("write", "draining")]
    for worker in ("embed-0", "read-0", "write-0"):
        assert driver.cancelled(worker) == []
        driver.answer(worker, driver.requests(worker)[0], b"a late word")
        driver.exit(worker)
    assert len(driver.outcomes(b"a")) == 5
    assert not any(driver.leftovers().values())


def test_draining_cluster_refuses_new_requests_and_answers_the_accepted(driver: Driver) -> None:
    for number in range(3):
        driver.request(b"a", f"r{number}")
    driver.perform(driver.dispatcher.drain(driver.now))
    driver.request(b"a", "new")
    driver.request(b"a", "r0")  # sent again: it was accepted before
    assert driver.outcomes(b"a") == [("new", "draining")]
    for number in range(3):
        driver.answer("read-0", driver.requests("read-0")[number])
    assert driver.outcomes(b"a")[1:] == [("r0", "ok"), ("r1", "ok"), ("r2", "ok")]
    assert driver.dispatcher.drained
    driver.perform(driver.dispatcher.drain(driver.now))
    assert [event for event in driver.events() if event.startswith("drain")] == ["drain_began", "drain_finished"]


def test_snapshot_shows_who_is_there_and_what_they_do(driver: Driver) -> None:
    for number in range(3):
        driver.request(b"a", f"r{number}")
    driver.heartbeat("write-0", seq=5, pending=0, model="m")
    driver.now += 2
    seen = driver.dispatcher.status(driver.now)
    client_stats = {"errors": 0, "per_s": 0.0, "p95_ms": None, "queue_ms": None}
    assert seen["clients"] == [{"name": "a", "pid": 7, "version": "0", "in_flight": 3, "requests": 3, **client_stats}]
    assert seen["workers"]["read-0"] == {"state": "ready", "in_flight": 2, "silent_s": 2.0, "busy": 0.0}
    assert seen["queues"] == {"embed": 0, "read": 1, "write": 0}
    assert seen["facts"][Stage.WRITE]["seq"] == 5
    assert (seen["draining"], seen["degraded"]) == (False, [])
    assert orjson.dumps(seen["requests"])


def test_accepted_request_without_a_body_gets_an_empty_one(driver: Driver) -> None:
    driver.client(b"a", Header(kind=Kind.REQUEST, id="r1", operation="memory.get"))
    assert driver.requests("read-0")[0].frames == (b"",)


def test_every_message_to_a_worker_can_be_read_by_it(driver: Driver) -> None:
    driver.hello(b"b", name="n" * 128)
    driver.request(b"b", "r" * 128, "memory.store", key="k" * 128)
    header = driver.requests("embed-0")[0].header
    assert protocol.decode(protocol.encode(header)).header == header


def test_idle_time_counts_from_the_end_of_the_last_session() -> None:
    driver = Driver(Limits())
    driver.tick()
    assert driver.dispatcher.idle_since() == driver.now
    driver.hello(b"a")
    assert driver.dispatcher.idle_since() is None
    driver.now += 5
    driver.client(b"a", Header(kind=Kind.GOODBYE))
    driver.tick(60)
    assert driver.dispatcher.idle_since() == driver.now - 60
