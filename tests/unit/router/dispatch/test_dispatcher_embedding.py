"""Where a query is embedded: by an embedder, by the reader itself, or not at all."""

from __future__ import annotations

import pytest

from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.dispatcher import Limits
from tests.unit.router.dispatch.driver import Driver


@pytest.fixture
def loading() -> Driver:
    """A cluster whose only embedder is loading its model."""
    driver = Driver(Limits(loading_s=3.0))
    driver.start("embed-0", Stage.EMBED)
    driver.ready("read-0", Stage.READ)
    driver.ready("write-0", Stage.WRITE)
    driver.hello(b"a")
    return driver


def test_embed_stage_is_skipped_and_said_so_while_the_embedder_loads(loading: Driver) -> None:
    loading.request(b"a", "r1", "memory.store")
    (asked,) = loading.requests("write-0")
    assert (asked.frames, asked.header.degraded) == ((b"{}",), ("embedder_loading",))
    loading.answer("write-0", asked)
    assert loading.last(b"a").header.degraded == ("embedder_loading",)


def test_search_waits_for_a_model_that_is_loading(loading: Driver) -> None:
    loading.request(b"a", "r1", "memory.search")
    loading.tick(2.9)
    assert loading.asked("read-0") == []
    loading.ready("embed-0", Stage.EMBED)
    loading.answer("embed-0", loading.requests("embed-0")[0], b"vector")
    loading.answer("read-0", loading.requests("read-0")[0])
    loading.tick(60)
    assert loading.last(b"a").header.degraded == ()
    assert loading.outcomes(b"a") == [("r1", "ok")]


@pytest.mark.parametrize(("deadline_ms", "waits_s"), [(60_000, 3.0), (4_000, 2.0)])
def test_search_waits_for_it_so_long_only_and_for_half_of_its_time(
    loading: Driver, deadline_ms: int, waits_s: float
) -> None:
    loading.request(b"a", "r1", "memory.search", deadline_ms=deadline_ms)
    assert loading.dispatcher.next_deadline() == loading.now + waits_s
    loading.tick(waits_s - 0.1)
    assert loading.asked("read-0") == []
    loading.tick(0.1)
    (asked,) = loading.requests("read-0")
    assert (asked.frames, asked.header.degraded) == ((b"{}",), ("embedder_loading",))
    loading.answer("read-0", asked)
    loading.ready("embed-0", Stage.EMBED)
    assert loading.asked("embed-0") == []
    assert loading.outcomes(b"a") == [("r1", "ok")]


def test_search_waits_no_more_once_loading_has_failed(loading: Driver) -> None:
    loading.request(b"a", "r1", "memory.search")
    loading.worker("embed-0", Header(kind=Kind.FAILED, detail={"code": "model_missing"}))
    loading.exit("embed-0")
    (asked,) = loading.requests("read-0")
    assert asked.header.degraded == ("model_missing",)


def test_search_that_waits_for_a_model_can_be_cancelled(loading: Driver) -> None:
    loading.request(b"a", "r1", "memory.search")
    loading.cancel(b"a", "r1")
    loading.tick(10)
    assert loading.outcomes(b"a") == [("r1", "cancelled")]
    assert loading.asked("read-0") == []
    assert not loading.leftovers()["patience"]


@pytest.fixture
def embedding() -> Driver:
    """A cluster with two readers, of which one has the model."""
    driver = Driver()
    driver.ready("embed-0", Stage.EMBED)
    driver.ready("read-0", Stage.READ, credit=2, embeds=True)
    driver.ready("read-1", Stage.READ, credit=2, embeds=False)
    driver.ready("write-0", Stage.WRITE)
    driver.hello(b"a")
    return driver


def test_search_is_one_hop_once_every_reader_has_the_model(embedding: Driver) -> None:
    embedding.request(b"a", "r1", "memory.search")
    assert embedding.asked("embed-0") == ["r1"]
    embedding.heartbeat("read-1", embeds=True)
    embedding.request(b"a", "r2", "memory.search")
    (asked,) = embedding.requests("read-1") + embedding.requests("read-0")
    assert (asked.header.id, asked.header.stage, asked.frames, asked.header.degraded) == ("r2", "read", (b"{}",), ())
    assert embedding.asked("embed-0") == ["r1"]


def test_search_goes_through_an_embedder_again_while_a_reader_is_new(embedding: Driver) -> None:
    embedding.heartbeat("read-1", embeds=True)
    embedding.exit("read-1")
    embedding.request(b"a", "r1", "memory.search")
    assert embedding.asked("read-0") == ["r1"]
    embedding.ready("read-2", Stage.READ, embeds=False)
    embedding.request(b"a", "r2", "memory.search")
    assert embedding.asked("embed-0") == ["r2"]


def test_only_queries_are_embedded_by_readers(embedding: Driver) -> None:
    embedding.heartbeat("read-1", embeds=True)
    embedding.request(b"a", "r1", "memory.store")
    embedding.request(b"a", "r2", "memory.store_similar")
    assert embedding.asked("embed-0") == ["r1"]
    embedding.answer("embed-0", embedding.requests("embed-0")[0])
    assert embedding.asked("embed-0") == ["r1", "r2"]


def test_readers_with_the_model_make_up_for_an_embedder_that_is_not_there(embedding: Driver) -> None:
    embedding.heartbeat("read-1", embeds=True)
    embedding.exit("embed-0")
    embedding.request(b"a", "r1", "memory.search")
    (asked,) = embedding.requests("read-1") + embedding.requests("read-0")
    assert asked.header.degraded == ()


def test_nothing_is_sent_to_wait_behind_a_slow_read(embedding: Driver) -> None:
    for number in range(3):
        embedding.request(b"a", f"r{number}")
    slow, other = embedding.requests("read-1")[0], embedding.requests("read-0")[0]
    assert len(embedding.asked("read-1")) + len(embedding.asked("read-0")) == 3  # both have credit for two
    embedding.now += 0.2
    embedding.answer("read-0", other)
    for request in embedding.requests("read-0")[1:]:
        embedding.answer("read-0", request)
    before = len(embedding.asked("read-1"))
    for number in range(3, 6):
        embedding.request(b"a", f"r{number}")
    assert len(embedding.asked("read-1")) == before
    assert embedding.dispatcher.status(embedding.now)["queues"]["read"] == 1
    embedding.answer("read-0", embedding.requests("read-0")[-1])
    assert embedding.dispatcher.status(embedding.now)["queues"]["read"] == 0
    embedding.answer("read-1", slow)


def test_search_that_waits_for_a_model_goes_on_when_the_readers_have_it(loading: Driver) -> None:
    loading.request(b"a", "r1", "memory.search")
    assert loading.asked("read-0") == []
    loading.heartbeat("read-0", embeds=True)
    (asked,) = loading.requests("read-0")
    assert asked.header.degraded == ()
    loading.answer("read-0", asked)
    loading.tick(60)
    assert loading.outcomes(b"a") == [("r1", "ok")]
    assert not loading.leftovers()["patience"]


def test_skipped_embed_stage_names_why_the_embedder_could_not_start(driver: Driver) -> None:
    driver.exit("embed-0")
    driver.start("embed-1", Stage.EMBED)
    driver.worker("embed-1", Header(kind=Kind.FAILED, detail={"code": "model_missing"}))
    driver.exit("embed-1")
    driver.start("embed-2", Stage.EMBED)
    driver.request(b"a", "r1", "memory.store")
    assert driver.requests("write-0")[-1].header.degraded == ("model_missing",)
    assert driver.dispatcher.status(driver.now)["degraded"] == ["model_missing"]


def test_embedder_that_comes_back_ends_the_degradation(driver: Driver) -> None:
    driver.exit("embed-0")
    driver.request(b"a", "r1", "memory.store")
    assert driver.requests("write-0")[-1].header.degraded == ("embedder_unavailable",)
    driver.ready("embed-1", Stage.EMBED)
    driver.request(b"a", "r2", "memory.store")
    assert driver.asked("embed-1") == ["r2"]
    assert driver.dispatcher.status(driver.now)["degraded"] == []


def test_requests_that_wait_for_the_only_embedder_go_on_without_it_when_it_dies(driver: Driver) -> None:
    for number in range(4):  # two at the embedder, two in its queue
        driver.request(b"a", f"r{number}", "memory.store")
    assert driver.asked("write-0") == []
    driver.exit("embed-0")
    driver.answer("write-0", driver.requests("write-0")[0])
    driver.answer("write-0", driver.requests("write-0")[1])
    assert driver.asked("write-0") == ["r0", "r1", "r2", "r3"]
    assert all(message.header.degraded == ("embedder_unavailable",) for message in driver.requests("write-0"))
