"""A local client that names a key: it may do what that allows, never more, and only as long as it is valid."""

from __future__ import annotations

import pytest

from memmux.wire.grants import Grant
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from memmux.wire.roles import Role
from router.dispatch.actions import ReportStatus
from tests.unit.router.dispatch.driver import Driver
from tests.unit.router.dispatch.known_keys import Known

READER = Grant(name="ci", role=Role.READ, namespaces=("notes",), in_flight=8)
WRITER = Grant(name="ada", role=Role.WRITE, in_flight=1, requests_s=3.0)
CLIENT, OTHER = b"k", b"o"


@pytest.fixture
def known() -> Known:
    return Known(READER, WRITER)


@pytest.fixture
def driver(known: Known) -> Driver:
    made = Driver(keys=known)
    made.ready("embed-0", Stage.EMBED)
    made.ready("read-0", Stage.READ)
    made.ready("write-0", Stage.WRITE)
    return made


def test_a_client_that_names_a_key_has_its_grant(driver: Driver) -> None:
    driver.hello(CLIENT, key="ci")
    assert driver.last(CLIENT).header.detail["grant"] == READER.to_json()
    driver.request(CLIENT, "r1", "memory.store")
    assert driver.outcomes(CLIENT) == [("r1", "not_allowed")]
    (denied,) = [dict(log.fields) for log in driver.logs if log.event == "request_denied"]
    assert (denied["key"], denied["client"]) == ("ci", "ci/k")
    driver.request(CLIENT, "r2", "memory.get")
    (asked,) = driver.requests("read-0")
    assert asked.header.grant == READER.to_json()
    assert asked.header.client == "ci/k"


def test_it_shares_the_bounds_of_the_key_and_is_named_by_it(driver: Driver) -> None:
    driver.hello(CLIENT, key="ada")
    driver.hello(OTHER, key="ada")
    driver.request(CLIENT, "r1", "memory.get")
    driver.request(OTHER, "r2", "memory.get")
    assert driver.outcomes(OTHER) == [("r2", "rate_limited")]
    driver.tick(1.0)
    driver.request(OTHER, "r3", "memory.get")
    assert driver.outcomes(OTHER)[-1] == ("r3", "overloaded")
    assert [client["name"] for client in driver.dispatcher.status(driver.now)["clients"]] == ["ada/k", "ada/o"]


@pytest.mark.parametrize(("name", "role"), [("web", Role.ADMIN), ("api-key", Role.WRITE)])
def test_what_is_built_in_can_be_named(name: str, role: Role) -> None:
    driver = Driver()
    driver.hello(CLIENT, key=name)
    assert driver.last(CLIENT).header.detail["grant"] == {"name": name, "role": role, "in_flight": 256}
    driver.hello(OTHER, key="eve")
    assert driver.last(OTHER).header.detail["code"] == "key_refused"


@pytest.mark.parametrize("key", ["eve", "ci/k", "CI", "../x", " "])
def test_a_key_that_is_not_known_is_refused_with_a_code(driver: Driver, key: str) -> None:
    driver.hello(CLIENT, key=key)
    assert driver.last(CLIENT).header.kind is Kind.ERROR
    assert driver.last(CLIENT).header.detail["code"] == "key_refused"
    assert "key_refused" in driver.events()
    driver.request(CLIENT, "r1", "memory.get")
    assert driver.outcomes(CLIENT)[-1] == ("r1", "unknown_session")


@pytest.mark.parametrize("key", [5, None, ["ci"], {"name": "ci"}, True])
def test_a_key_that_is_no_text_gives_no_session_with_more_rights(driver: Driver, key: object) -> None:
    driver.hello(CLIENT, key=key)
    assert driver.last(CLIENT).header.detail["code"] == "malformed_message"
    driver.request(CLIENT, "r1", "memory.get")
    assert driver.outcomes(CLIENT)[-1] == ("r1", "unknown_session")


def test_an_empty_key_is_none(driver: Driver) -> None:
    driver.hello(CLIENT, key="")
    assert "grant" not in driver.last(CLIENT).header.detail


@pytest.mark.parametrize("key", ["ada", "web", "eve", 5])
def test_the_key_that_a_client_of_another_machine_names_is_ignored(driver: Driver, key: object) -> None:
    driver.grants[CLIENT] = READER
    driver.hello(CLIENT, key=key)
    assert driver.last(CLIENT).header.detail["grant"] == READER.to_json()
    driver.request(CLIENT, "r1", "memory.store")
    assert driver.outcomes(CLIENT) == [("r1", "not_allowed")]


def test_a_key_that_ends_ends_its_requests_at_once_and_nobody_elses(driver: Driver, known: Known) -> None:
    driver.hello(CLIENT, key="ci")
    driver.hello(OTHER)
    driver.request(CLIENT, "r1", "memory.get")
    driver.request(OTHER, "r2", "memory.get")
    del known.now["ci"]
    driver.perform(driver.dispatcher.look_at_keys(driver.now))
    assert driver.outcomes(CLIENT) == [("r1", "key_refused")]
    assert driver.outcomes(OTHER) == []
    assert [client["name"] for client in driver.dispatcher.status(driver.now)["clients"]] == ["o"]
    driver.request(CLIENT, "r3", "memory.get")
    assert driver.outcomes(CLIENT)[-1] == ("r3", "unknown_session")


def test_each_message_is_judged_by_the_key_as_it_is(driver: Driver, known: Known) -> None:
    driver.hello(CLIENT, key="ada")
    known.now["ada"] = Grant(name="ada", role=Role.READ)
    known.refresh()
    driver.request(CLIENT, "r1", "memory.store")
    assert driver.outcomes(CLIENT) == [("r1", "not_allowed")]
    del known.now["ada"]
    known.refresh()
    driver.request(CLIENT, "r2", "memory.get")
    assert driver.outcomes(CLIENT)[-1] == ("r2", "key_refused")
    assert driver.dispatcher.status(driver.now)["clients"] == []


def test_who_says_hello_anew_has_what_that_names_whatever_became_of_the_key_before(
    driver: Driver, known: Known
) -> None:
    driver.hello(CLIENT, key="ci")
    driver.request(CLIENT, "r1", "memory.get")
    del known.now["ci"]
    known.refresh()
    driver.hello(CLIENT)
    assert driver.last(CLIENT).header.kind is Kind.WELCOME
    assert [client["name"] for client in driver.dispatcher.status(driver.now)["clients"]] == ["k"]
    driver.request(CLIENT, "r2", "memory.store")
    assert driver.asked("embed-0") == ["r2"]


def test_who_says_hello_without_a_key_does_not_keep_the_one_before(driver: Driver) -> None:
    driver.hello(CLIENT, key="ci")
    driver.hello(CLIENT)
    assert "grant" not in driver.last(CLIENT).header.detail
    driver.request(CLIENT, "r1", "memory.store")
    assert driver.asked("embed-0") == ["r1"]


def test_a_key_that_was_just_made_is_known(driver: Driver, known: Known) -> None:
    known.now["new"] = Grant(name="new", role=Role.READ)
    driver.hello(CLIENT, key="new")
    assert driver.last(CLIENT).header.kind is Kind.WELCOME


def test_an_instance_that_names_another_key_is_another_client(driver: Driver) -> None:
    driver.hello(CLIENT, instance="i", key="ada")
    driver.hello(OTHER, instance="i", key="ci")
    driver.hello(b"p", instance="i")
    names = [client["name"] for client in driver.dispatcher.status(driver.now)["clients"]]
    assert names == ["ada/k", "ci/o", "p"]


def test_who_names_a_key_has_no_router_take_over_and_sees_its_own_part_of_the_status(
    driver: Driver, known: Known
) -> None:
    known.now["ops"] = Grant(name="ops")
    driver.hello(CLIENT, key="ops")
    driver.client(CLIENT, Header(kind=Kind.REQUEST, id="r1", operation="cluster.stop", detail={"hand_over": True}))
    assert not any(getattr(action, "successor", 0) for action in driver.others)
    driver.hello(OTHER, key="ci")
    driver.request(OTHER, "r2", "cluster.status")
    (report,) = [action for action in driver.others if isinstance(action, ReportStatus)]
    assert report.known is not None


def test_a_client_with_few_rights_learns_nothing_of_the_process_that_speaks_for_it(driver: Driver) -> None:
    driver.hello(CLIENT, key="ada")
    driver.request(CLIENT, "r1", "cluster.status")
    (report,) = [action for action in driver.others if isinstance(action, ReportStatus)]
    assert report.known is not None
    assert report.known.client["name"] == "ada/k"
    assert "pid" not in report.known.client
