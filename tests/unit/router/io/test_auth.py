"""Who may come in: the answers to ZAP's questions, and the keys that are read anew when their file changes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import NoReturn

import pytest
from structlog.testing import capture_logs
from zmq.utils import z85

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import KeyFileError
from memmux.files import private
from memmux.logs import log
from memmux.logs.refusals import QUIET_S, Refusals
from memmux.trust import keys
from memmux.trust.key import Key
from memmux.trust.keys import Keys
from memmux.wire.curve import KeyPair
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from router.io.auth import decide
from router.io.auth import keyring as keyring_of
from tests.key_files import opened_to_others

ADA = KeyPair.make().public


@pytest.fixture
def places(settings: Settings) -> Places:
    return Places(settings)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, object]]]:
    """What is logged, as it is logged until a process has configured its log."""
    monkeypatch.setattr(log, "_logger", None)
    with capture_logs() as captured:
        yield captured  # type: ignore[misc]  # an event is a dict


def add(places: Places, name: str, public: str) -> Keys:
    return keys.add(places, Key(grant=Grant(name=name, role=Role.READ), public=public, created=1.0))


def question(public: str, mechanism: bytes = b"CURVE") -> list[bytes]:
    return [b"1.0", b"17", b"memmux", b"10.0.0.7", b"", mechanism, z85.decode(public)]


def test_a_client_with_a_valid_key_may_come_in_and_is_known_by_it_from_then_on(places: Places) -> None:
    verdict = decide(question(ADA), add(places, "ada", ADA), 3.0)
    assert (verdict.user, verdict.name, verdict.address, verdict.reason) == (ADA, "ada", "10.0.0.7", "")
    assert verdict.reply() == [b"1.0", b"17", b"200", b"", ADA.encode(), b""]


def test_an_unknown_and_a_revoked_key_may_not_and_the_revoked_one_has_a_name(places: Places) -> None:
    assert decide(question(ADA), Keys(), 3.0).reason == "unknown key"
    assert decide(question(ADA), add(places, "eve", KeyPair.make().public), 3.0).reason == "unknown key"
    add(places, "ada", ADA)
    verdict = decide(question(ADA), keys.revoke(places, "ada", 2.0), 3.0)
    assert (verdict.user, verdict.name, verdict.reason) == ("", "ada", "revoked key")
    assert verdict.reply() == [b"1.0", b"17", b"400", b"", b"", b""]


def test_a_key_lets_in_until_it_expires(places: Places) -> None:
    known = keys.add(places, Key(grant=Grant(name="ada"), public=ADA, created=1.0, expires=5.0))
    assert decide(question(ADA), known, 4.9).name == "ada"
    assert decide(question(ADA), known, 4.9).user == ADA
    expired = decide(question(ADA), known, 5.0)
    assert (expired.user, expired.name, expired.reason) == ("", "ada", "expired key")


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [b"1.0"],
        [b"1.0", b"17", b"memmux", b"10.0.0.7", b"", b"NULL"],
        [b"1.0", b"17", b"memmux", b"10.0.0.7", b"", b"PLAIN", b"user", b"password"],
        question(ADA, b"PLAIN"),
        [*question(ADA)[:-1], b"short"],
        [b"2.0", *question(ADA)[1:]],
        [b"\xff"] * 7,
        [b""] * 20,
    ],
)
def test_whatever_else_is_asked_is_denied(places: Places, asked: list[bytes]) -> None:
    verdict = decide(asked, add(places, "ada", ADA), 3.0)
    assert verdict.user == ""
    assert verdict.reason
    assert verdict.reply()[2] == b"400"


def test_the_keyring_takes_what_is_added_and_revoked(places: Places) -> None:
    keyring = keyring_of(places)
    assert not keyring.refresh()
    add(places, "ada", ADA)
    assert keyring.refresh()
    assert keyring.grant(ADA) is not None
    assert not keyring.refresh()
    keys.revoke(places, "ada", 2.0)
    assert keyring.refresh()
    assert keyring.grant(ADA) is None


@pytest.mark.parametrize("harm", ["broken", "open", "removed"])
def test_nobody_has_a_key_while_the_file_can_not_be_believed(
    places: Places, harm: str, events: list[dict[str, object]]
) -> None:
    add(places, "ada", ADA)
    keyring = keyring_of(places)
    before = places.keys.read_bytes()
    match harm:
        case "broken":
            places.keys.write_bytes(before + b"nonsense\n")
        case "open":
            opened_to_others(places.keys)
        case "removed":
            places.keys.unlink()
    assert keyring.refresh()
    assert keyring.grant(ADA) is None
    assert [event["event"] for event in events] == (["keys_unreadable"] if harm != "removed" else ["keys_read"])
    places.keys.write_bytes(before)
    places.keys.chmod(0o600)
    assert keyring.refresh()
    assert keyring.grant(ADA) is not None


@pytest.mark.parametrize("failure", [errno.EIO, errno.EMFILE, errno.ENOENT, errno.EACCES])
@pytest.mark.parametrize("where", ["open", "read"])
def test_keys_that_could_not_be_read_for_a_moment_are_valid_again_though_their_file_is_as_it_was(
    places: Places, events: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch, failure: int, where: str
) -> None:
    add(places, "ada", ADA)
    keyring = keyring_of(places)
    os.utime(places.keys, (1, 1))

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(failure, os.strerror(failure))

    with monkeypatch.context() as patched:
        patched.setattr(private.os, *(("open", fail) if where == "open" else ("fdopen", fail)))
        for _ in range(3):
            keyring.refresh()
            assert keyring.grant(ADA) is None
    assert len([event for event in events if event["event"] == "keys_unreadable"]) <= 1
    assert keyring.refresh()
    assert keyring.grant(ADA) is not None
    assert not keyring.refresh()


def test_a_router_does_not_begin_with_keys_that_can_not_be_read(places: Places) -> None:
    add(places, "ada", ADA)
    places.keys.chmod(0o644)
    with pytest.raises(KeyFileError):
        keyring_of(places)


def test_a_refusal_is_news_once_in_a_while_and_not_many_are_remembered() -> None:
    refusals = Refusals()
    assert [refusals.news("a", at) for at in (0.0, 1.0, QUIET_S, QUIET_S + 1)] == [True, False, True, False]
    for number in range(10_000):
        assert refusals.news(number, QUIET_S)
    assert len(refusals._said) <= 1024
