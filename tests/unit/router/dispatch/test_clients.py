"""Whatever clients say, in any order: it is answered by messages that can be read, and nothing is raised."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import orjson
import pytest

from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import Stage
from memmux.wire.protocol import Kind
from memmux.wire.roles import Role
from tests.unit.router.dispatch.driver import Driver
from tests.unit.router.dispatch.known_keys import Known

ADA = Grant(name="ada", role=Role.WRITE, in_flight=2)
WHO = {"protocol": [1, 1], "instance": "i", "name": "n", "version": "0", "pid": 7}
ODD = (None, True, -1, 1 << 63, 1.5, "", "x" * 300, [], [1], [[]], {}, {"a": 1})
Step = Callable[[Driver, Known], None]


def _says(kind: Kind, detail: Mapping[str, object] | None = None, *, grant: Grant = LOCAL, **fields: object) -> Step:
    header = orjson.dumps({"v": 1, "kind": kind, "detail": detail or {}, **fields})
    routing_id = grant.name.encode() or b"local"
    return lambda driver, _: driver.perform(driver.dispatcher.on_client(routing_id, [header, b"{}"], driver.now, grant))


def _asks(operation: str, detail: Mapping[str, object] | None = None) -> Step:
    return _says(Kind.REQUEST, detail, id="r1", operation=operation)


def _key_comes_or_goes(_: Driver, known: Known) -> None:
    known.now = {} if known.now else {ADA.name: ADA}
    known.refresh()


def _readers_work_or_die(driver: Driver, _: Known) -> None:
    if driver.requests("read"):
        driver.answer("read", driver.requests("read")[-1])
    else:
        driver.exit("read")


STEPS: tuple[Step, ...] = (
    _says(Kind.HELLO, WHO),
    _says(Kind.HELLO, {**WHO, "key": ADA.name}),
    _says(Kind.HELLO, {**WHO, "key": ADA.name, "instance": "j"}),
    _says(Kind.HELLO, WHO, grant=ADA),
    _says(Kind.HELLO, {"key": ADA.name}),
    *(_says(kind, id="r1") for kind in (Kind.CANCEL, Kind.GOODBYE, Kind.PING, Kind.RESULT)),
    *(_asks(operation) for operation in ("memory.get", "memory.store", "cluster.status", "none")),
    _asks("cluster.stop", {"hand_over": True}),
    _key_comes_or_goes,
    _readers_work_or_die,
    lambda driver, _: driver.perform(driver.dispatcher.look_at_keys(driver.now)),
    lambda driver, _: driver.tick(40.0),
)


def _play(*steps: Step) -> None:
    known = Known(ADA)
    driver = Driver(keys=known)
    for stage in Stage:
        driver.ready(stage, stage)
    for step in steps:
        step(driver, known)


@pytest.mark.parametrize("first", STEPS[:4], ids=["local", "by key", "by key elsewhere", "remote"])
def test_no_sequence_of_messages_raises_anything(first: Step) -> None:
    for steps in itertools.product(STEPS, repeat=2):
        _play(first, *steps)


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.REQUEST])
def test_no_odd_value_in_a_message_raises_anything(kind: Kind) -> None:
    names = (*WHO, "key", "zone", "observer", "host_pid", "relay_pid", "address", "hand_over", "named")
    for name, value, operation in itertools.product(names, ODD, ("memory.get", "cluster.stop")):
        _play(STEPS[0], _says(kind, {**WHO, name: value}, id="r1", operation=operation), _asks("memory.store"))
