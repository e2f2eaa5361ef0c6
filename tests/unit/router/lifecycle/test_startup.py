from __future__ import annotations

import pytest

from memmux.errors import DatabaseCorruptError, DatabaseNewerError, DatabaseUnreachableError, StorageFullError
from memmux.wire.operations import Stage
from router.lifecycle.startup import COMPLETE_S, Startup

FACTS = {stage: {"seq": 0} for stage in Stage}


@pytest.fixture
def startup() -> Startup:
    return Startup()


def test_it_serves_once_a_worker_of_every_kind_is_ready_or_has_failed(startup: Startup) -> None:
    assert startup.on_ready(Stage.WRITE, 1.0)
    assert not startup.on_ready(Stage.READ, 1.1)
    assert not startup.completed(1.2)
    assert not startup.on_failed(Stage.EMBED, {"code": "model_missing"}, 1.3)
    assert startup.completed(1.4)
    assert startup.serving_since == 1.4
    assert not startup.completed(1.5)


def test_it_serves_without_readers_and_model_when_they_take_long(startup: Startup) -> None:
    startup.on_ready(Stage.WRITE, 1.0)
    assert not startup.completed(0.9 + COMPLETE_S)
    assert startup.completed(1.0 + COMPLETE_S)


def test_there_is_a_database_to_read_once_the_writer_is_ready_and_that_is_said_once(startup: Startup) -> None:
    assert not startup.on_ready(Stage.EMBED, 1.0)
    assert startup.on_ready(Stage.WRITE, 1.0)
    assert not startup.on_ready(Stage.WRITE, 2.0)
    assert startup.serve_by == 1.0 + COMPLETE_S


def test_what_keeps_the_writer_from_starting_keeps_the_cluster(startup: Startup) -> None:
    assert not startup.on_failed(Stage.WRITE, DatabaseNewerError().to_json(), 1.0)
    assert isinstance(startup.failure, DatabaseNewerError)
    assert not startup.completed(100.0)


def test_what_can_be_read_of_a_damaged_database_is_served(startup: Startup) -> None:
    assert startup.on_failed(Stage.WRITE, DatabaseCorruptError().to_json(), 1.0)
    assert startup.failure is None
    assert startup.completed(1.0 + COMPLETE_S)


def test_what_replicas_have_is_served_while_no_server_takes_writes(startup: Startup) -> None:
    assert startup.on_failed(Stage.WRITE, DatabaseUnreachableError().to_json(), 0.0)
    startup.on_ready(Stage.READ, 0.5)
    assert startup.failure is None
    assert startup.completed(COMPLETE_S)
    startup.on_failed(Stage.READ, DatabaseUnreachableError().to_json(), 9.0)
    assert startup.failure is None


def test_where_readers_find_no_server_either_there_is_no_cluster(startup: Startup) -> None:
    startup.on_failed(Stage.WRITE, DatabaseUnreachableError().to_json(), 0.0)
    startup.on_failed(Stage.READ, DatabaseUnreachableError("none at h1").to_json(), 0.5)
    assert isinstance(startup.failure, DatabaseUnreachableError)
    assert startup.failure.message == "none at h1"


def test_what_is_on_a_full_disk_is_served_if_there_is_anything() -> None:
    there, nothing = Startup(there=lambda: True), Startup(there=lambda: False)
    assert there.on_failed(Stage.WRITE, StorageFullError().to_json(), 1.0)
    assert there.completed(1.0 + COMPLETE_S)
    assert not nothing.on_failed(Stage.WRITE, StorageFullError().to_json(), 1.0)
    assert isinstance(nothing.failure, StorageFullError)


def test_a_writer_that_fails_later_is_no_failure_of_the_start(startup: Startup) -> None:
    startup.on_ready(Stage.WRITE, 1.0)
    assert not startup.on_failed(Stage.WRITE, DatabaseNewerError().to_json(), 2.0)
    assert startup.failure is None


def test_it_is_able_once_there_is_a_reader_and_a_writer(startup: Startup) -> None:
    assert startup.able({**FACTS, Stage.EMBED: {}})
    assert not startup.able({**FACTS, Stage.READ: {}})
    assert not startup.able({**FACTS, Stage.WRITE: {}})


def test_it_is_warm_once_the_model_is_loaded_or_can_not_be(startup: Startup) -> None:
    assert not startup.warm
    startup.on_failed(Stage.EMBED, {"code": "model_missing"}, 1.0)
    assert startup.warm


def test_nobody_can_have_been_missing_before_it_served(startup: Startup) -> None:
    assert startup.idle_s(1.0, 9.0) == 0.0
    startup.on_ready(Stage.WRITE, 1.0)
    startup.completed(4.0)
    assert startup.idle_s(None, 9.0) == 0.0
    assert startup.idle_s(1.0, 9.0) == 5.0
    assert startup.idle_s(7.0, 9.0) == 2.0
