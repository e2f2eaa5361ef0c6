from __future__ import annotations

import pytest

from memmux.errors import DatabaseCorruptError, DatabaseNewerError
from memmux.wire.operations import Stage
from router.lifecycle.startup import COMPLETE_S, Beginning

FACTS = {stage: {"seq": 0} for stage in Stage}


@pytest.fixture
def beginning() -> Beginning:
    return Beginning()


def test_it_serves_once_a_worker_of_every_kind_is_ready_or_has_failed(beginning: Beginning) -> None:
    assert beginning.on_ready(Stage.WRITE, 1.0)
    assert not beginning.on_ready(Stage.READ, 1.1)
    assert not beginning.completed(1.2)
    assert not beginning.on_failed(Stage.EMBED, {"code": "model_missing"}, 1.3)
    assert beginning.completed(1.4)
    assert beginning.serving_since == 1.4
    assert not beginning.completed(1.5)


def test_it_serves_without_readers_and_model_when_they_take_long(beginning: Beginning) -> None:
    beginning.on_ready(Stage.WRITE, 1.0)
    assert not beginning.completed(0.9 + COMPLETE_S)
    assert beginning.completed(1.0 + COMPLETE_S)


def test_there_is_a_database_to_read_once_the_writer_is_ready_and_that_is_said_once(beginning: Beginning) -> None:
    assert not beginning.on_ready(Stage.EMBED, 1.0)
    assert beginning.on_ready(Stage.WRITE, 1.0)
    assert not beginning.on_ready(Stage.WRITE, 2.0)
    assert beginning.serve_by == 1.0 + COMPLETE_S


def test_what_keeps_the_writer_from_starting_keeps_the_cluster(beginning: Beginning) -> None:
    assert not beginning.on_failed(Stage.WRITE, DatabaseNewerError().to_json(), 1.0)
    assert isinstance(beginning.failure, DatabaseNewerError)
    assert not beginning.completed(100.0)


def test_what_can_be_read_of_a_damaged_database_is_served(beginning: Beginning) -> None:
    assert beginning.on_failed(Stage.WRITE, DatabaseCorruptError().to_json(), 1.0)
    assert beginning.failure is None
    assert beginning.completed(1.0 + COMPLETE_S)


def test_a_writer_that_fails_later_is_no_failure_of_the_start(beginning: Beginning) -> None:
    beginning.on_ready(Stage.WRITE, 1.0)
    assert not beginning.on_failed(Stage.WRITE, DatabaseNewerError().to_json(), 2.0)
    assert beginning.failure is None


def test_it_is_warm_once_every_kind_has_loaded_or_the_model_can_not_be(beginning: Beginning) -> None:
    assert not beginning.warm(FACTS)
    beginning.on_failed(Stage.EMBED, {"code": "model_missing"}, 1.0)
    assert beginning.warm(FACTS)
    assert not beginning.warm({**FACTS, Stage.READ: {}})


def test_nobody_can_have_been_missing_before_it_served(beginning: Beginning) -> None:
    assert beginning.idle_s(1.0, 9.0) == 0.0
    beginning.on_ready(Stage.WRITE, 1.0)
    beginning.completed(4.0)
    assert beginning.idle_s(None, 9.0) == 0.0
    assert beginning.idle_s(1.0, 9.0) == 5.0
    assert beginning.idle_s(7.0, 9.0) == 2.0
