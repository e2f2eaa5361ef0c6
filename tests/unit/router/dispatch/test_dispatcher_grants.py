"""What a client's key allows: checked before anything is queued, and told to the workers, whatever the client says."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from memmux import limits
from memmux.wire import protocol
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import OPERATIONS, Operation
from memmux.wire.protocol import Header, Kind
from memmux.wire.roles import Role
from router.dispatch.actions import ReportStatus
from router.dispatch.dispatcher import Limits
from tests.unit.router.dispatch.driver import Driver

READER = Grant(name="ci", role=Role.READ)
WRITER = Grant(name="ada", role=Role.WRITE, namespaces=("notes", "work"))
ADMIN = Grant(name="ops", role=Role.ADMIN)
BOUND_ADMIN = Grant(name="lead", role=Role.ADMIN, namespaces=("team",))
CLIENT = b"k"


def _join(driver: Driver, grant: Grant, routing_id: bytes = CLIENT, **detail: object) -> None:
    driver.grants[routing_id] = grant
    driver.hello(routing_id, **detail)  # type: ignore[arg-type]  # the fields of HELLO


def _denials(driver: Driver) -> list[dict[str, object]]:
    return [dict(log.fields) for log in driver.logs if log.event == "request_denied"]


@pytest.mark.parametrize("asked", [known for known in OPERATIONS.values() if not known.internal], ids=lambda o: o.name)
@pytest.mark.parametrize("grant", [LOCAL, READER, WRITER, ADMIN, BOUND_ADMIN], ids=lambda grant: grant.name or "local")
def test_every_operation_beyond_a_grant_is_refused_before_it_is_queued(
    driver: Driver, grant: Grant, asked: Operation
) -> None:
    _join(driver, grant)
    driver.request(CLIENT, "r1", asked.name)
    allowed = grant.role.includes(asked.needs) and not (asked.whole and grant.namespaces is not None)
    sent = [message for worker in ("embed-0", "read-0", "write-0") for message in driver.requests(worker)]
    if allowed:
        assert len(sent) == bool(asked.route)
        assert "request_denied" not in driver.events()
        return
    assert sent == []
    assert driver.outcomes(CLIENT) == [("r1", "not_allowed")]
    message = str(driver.last(CLIENT).header.detail["message"])
    assert asked.name in message
    assert repr(grant.name) in message
    (denied,) = _denials(driver)
    assert denied == {
        "key": grant.name,
        "request_id": "r1",
        "client": f"{grant.name}/k",
        "operation": asked.name,
        "reason": message,
    }
    assert driver.dispatcher.status(driver.now)["events"]["denied"] == 1


def test_the_error_names_the_role_that_is_needed(driver: Driver) -> None:
    _join(driver, READER)
    driver.request(CLIENT, "r1", "memory.store")
    message = driver.last(CLIENT).header.detail["message"]
    assert message == (
        "memory.store needs the role write, and the key 'ci' has the role read; ask whoever runs the cluster for a key "
        "that has it"
    )


def test_a_worker_is_told_the_grant_and_nothing_that_the_client_claims(driver: Driver) -> None:
    _join(driver, WRITER)
    forged = Header(
        kind=Kind.REQUEST,
        id="r1",
        operation="memory.store",
        key="k1",
        stage="read",
        client="somebody else",
        attempt=9,
        degraded=("forged",),
        grant={"name": "", "role": "admin"},
        detail={"grant": {"role": "admin"}},
    )
    driver.client(CLIENT, forged, b"{}")
    (asked,) = driver.requests("embed-0")
    header = asked.header
    told = {"name": "ada", "role": "write", "namespaces": ["notes", "work"], "in_flight": limits.IN_FLIGHT}
    assert header.grant == told
    assert (header.client, header.stage, header.attempt) == ("ada/k", "embed", 1)
    assert (header.degraded, header.detail) == ((), {})
    driver.answer("embed-0", asked, b"described", b"data")
    assert driver.requests("write-0")[0].header.grant == told


def test_a_local_client_can_not_forge_a_grant_either_and_carries_none(driver: Driver) -> None:
    driver.client(
        b"a", Header(kind=Kind.REQUEST, id="r1", operation="memory.get", grant={"name": "ada", "role": "read"}), b"{}"
    )
    assert driver.requests("read-0")[0].header.grant == {}


def test_the_largest_grant_fits_into_a_header(driver: Driver) -> None:
    names = tuple(f"{number:02}" + "ä" * 63 for number in range(limits.KEY_NAMESPACES - 1))
    _join(driver, Grant(name="n" * limits.KEY_CHARACTERS, namespaces=names, memories=1 << 40), name="n" * 128)
    driver.request(CLIENT, "i" * 128, key="k" * 128)
    (asked,) = driver.requests("read-0")
    assert len(protocol.encode(asked.header)[0]) < limits.HEADER_BYTES
    assert asked.header.client == ("n" * limits.KEY_CHARACTERS + "/" + "n" * 128)[:128]


def test_a_grant_counts_as_it_is_at_each_message(driver: Driver) -> None:
    _join(driver, READER)
    driver.request(CLIENT, "r1", "memory.delete")
    driver.grants[CLIENT] = replace(READER, role=Role.WRITE)
    driver.request(CLIENT, "r2", "memory.delete")
    assert driver.outcomes(CLIENT) == [("r1", "not_allowed")]
    assert driver.asked("write-0") == ["r2"]


def test_a_session_is_nobodys_but_its_keys(driver: Driver) -> None:
    """Neither by speaking on its connection nor by naming its instance does another key get at its answers."""
    _join(driver, WRITER, instance="one")
    driver.request(CLIENT, "r1", "memory.get")
    driver.grants[CLIENT] = READER
    driver.request(CLIENT, "r2", "memory.get")
    driver.cancel(CLIENT, "r1")
    assert driver.outcomes(CLIENT) == [("r2", "unknown_session")]
    _join(driver, READER, b"thief", instance="one")
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"thief") == []
    assert driver.outcomes(CLIENT) == [("r2", "unknown_session"), ("r1", "ok")]


def test_an_id_in_use_tells_another_key_only_that(driver: Driver) -> None:
    driver.request(b"a", "r1", "memory.get")
    _join(driver, READER)
    driver.request(CLIENT, "r1", "memory.get")
    driver.cancel(CLIENT, "r1")
    assert driver.outcomes(CLIENT) == [("r1", "argument_invalid")]
    driver.answer("read-0", driver.requests("read-0")[0])
    assert driver.outcomes(b"a") == [("r1", "ok")]


@pytest.mark.parametrize("grant", [READER, WRITER, BOUND_ADMIN], ids=lambda grant: grant.name)
def test_welcome_tells_a_key_what_it_allows_and_no_path(driver: Driver, grant: Grant) -> None:
    driver.dispatcher._frontend._welcome = {"version": "1", "pid": 5, "endpoint": "ipc://secret", "database": "/secret"}
    _join(driver, grant)
    told = driver.last(CLIENT).header.detail
    assert told["grant"] == {**grant.to_json(), "in_flight": limits.IN_FLIGHT}
    assert b"secret" not in orjson.dumps(told)
    assert "pid" not in told
    driver.hello(b"b")
    assert driver.last(b"b").header.detail["database"] == "/secret"
    assert "grant" not in driver.last(b"b").header.detail


@pytest.mark.parametrize("grant", [READER, WRITER, BOUND_ADMIN], ids=lambda grant: grant.name)
def test_status_tells_a_limited_client_of_no_other_client_process_or_path(driver: Driver, grant: Grant) -> None:
    _join(driver, grant)
    driver.request(CLIENT, "r1", "cluster.status")
    (report,) = (action for action in driver.others if isinstance(action, ReportStatus))
    assert report.known is not None
    whole = {
        "state": "serving",
        "version": "1",
        "model": "m",
        "degraded": [],
        "uptime_s": 1.0,
        "health": {},
        **dict.fromkeys(("pid", "endpoint", "database", "seq", "memories", "workers", "clients", "requests"), "secret"),
    }
    told = report.known.of(whole)
    assert b"secret" not in orjson.dumps(told)
    own = {"name": f"{grant.name}/k", "pid": 7, "version": "0", "in_flight": 0, "requests": 1}
    (client,) = told["clients"]
    assert {name: client[name] for name in own} == own
    assert told["grant"] == {**grant.to_json(), "in_flight": limits.IN_FLIGHT}


@pytest.mark.parametrize("grant", [LOCAL, ADMIN], ids=lambda grant: grant.name or "local")
def test_status_tells_everything_to_who_may_do_everything(driver: Driver, grant: Grant) -> None:
    _join(driver, grant)
    driver.request(CLIENT, "r1", "cluster.status")
    assert driver.others[-1] == ReportStatus(CLIENT, "r1")


def test_what_a_worker_refuses_is_logged_and_counted_as_denied(driver: Driver) -> None:
    _join(driver, WRITER)
    driver.request(CLIENT, "r1", "memory.get")
    driver.fail("read-0", driver.requests("read-0")[0], "not_allowed")
    assert driver.outcomes(CLIENT) == [("r1", "not_allowed")]
    assert _denials(driver) == [
        {"key": "ada", "request_id": "r1", "client": "ada/k", "operation": "memory.get", "reason": "no"}
    ]


def test_sessions_of_a_key_are_bounded_and_only_its_own_make_room(driver: Driver) -> None:
    for number in range(limits.KEY_SESSIONS + 3):
        _join(driver, WRITER, b"k%d" % number)
    names = [session.owner for session in driver.dispatcher._frontend.sessions]
    assert len(names) == limits.KEY_SESSIONS + 1
    assert names[0] == "a"  # the local one, idle for longest
    assert "ada/k2" not in names
    assert "ada/k3" in names


def test_a_key_whose_sessions_are_all_busy_is_told_to_wait() -> None:
    driver = Driver(Limits(queue=1000))
    for number in range(limits.KEY_SESSIONS):
        _join(driver, WRITER, b"k%d" % number)
        driver.request(b"k%d" % number, f"r{number}", "memory.get")
    _join(driver, WRITER, b"more")
    assert driver.outcomes(b"more") == [("", "overloaded")]
    driver.hello(b"b")
    assert driver.last(b"b").header.kind is Kind.WELCOME


def test_nothing_is_left_of_a_client_with_a_key(driver: Driver) -> None:
    _join(driver, WRITER)
    driver.request(CLIENT, "r1", "memory.get")
    driver.request(CLIENT, "r2", "memory.get")
    driver.answer("read-0", driver.requests("read-0")[0])
    driver.perform(driver.dispatcher.on_client_gone(CLIENT, driver.now))
    driver.answer("read-0", driver.requests("read-0")[1])
    assert not any(driver.leftovers().values())


def test_every_stage_of_a_route_is_told_the_grant(driver: Driver) -> None:
    _join(driver, WRITER)
    driver.request(CLIENT, "r1", "memory.store_similar")
    for worker in ("embed-0", "read-0", "write-0"):
        (asked,) = driver.requests(worker)
        assert asked.header.grant["name"] == "ada"
        driver.answer(worker, asked)
    assert driver.outcomes(CLIENT) == [("r1", "ok")]
