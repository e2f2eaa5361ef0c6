from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import KeyFileError
from memmux.trust.signing import FORMAT, MOST_CHARACTERS, Signer
from tests.key_files import opened_to_others


@pytest.fixture
def places(settings: Settings) -> Places:
    return Places(settings)


def test_what_was_signed_is_known_again_also_by_another_process(places: Places) -> None:
    text = Signer(places).sign("cookie", b"who")
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()
    assert Signer(places).read("cookie", text) == b"who"
    assert places.signing.stat().st_mode & 0o777 == 0o600


def test_it_is_known_for_its_purpose_alone(places: Places) -> None:
    signer = Signer(places)
    text = signer.sign("cookie", b"who")
    assert signer.read("session", text) is None
    assert signer.read("cookiew", signer.sign("cookie", b"who")) is None
    assert signer.read("", text) is None


def test_it_expires_at_its_time(places: Places) -> None:
    now = [100.0]
    signer = Signer(places, lambda: now[0])
    text = signer.sign("cookie", b"who", until=200.0)
    now[0] = 199.9
    assert signer.read("cookie", text) == b"who"
    now[0] = 200.0
    assert signer.read("cookie", text) is None


@pytest.mark.parametrize("other", "Aa0_-=é \0")
def test_whatever_is_altered_is_unknown(places: Places, other: str) -> None:
    signer = Signer(places)
    text = signer.sign("cookie", b"whom", until=1e12)
    for at in range(len(text)):
        assert text[at] == other or signer.read("cookie", text[:at] + other + text[at + 1 :]) is None
        assert signer.read("cookie", text[:at]) is None
    assert signer.read("cookie", text + other) is None


@pytest.mark.parametrize("text", ["", "=", "é", "A" * (MOST_CHARACTERS + 1), "A" * 80, " ", "\0"])
def test_what_nobody_signed_is_unknown(places: Places, text: str) -> None:
    signer = Signer(places)
    assert signer.read("cookie", text) is None
    assert not places.signing.exists()  # a question makes no secret
    signer.sign("cookie", b"")
    assert signer.read("cookie", text) is None


def test_another_secret_ends_what_every_process_has_signed(places: Places) -> None:
    signer, other = Signer(places), Signer(places)
    text = signer.sign("cookie", b"who")
    assert other.read("cookie", text) == b"who"
    signer.renew()
    assert other.read("cookie", text) is None
    assert signer.read("cookie", text) is None
    assert other.read("cookie", signer.sign("cookie", b"new")) == b"new"
    places.signing.unlink()
    assert other.read("cookie", signer.sign("cookie", b"newest")) == b"newest"


@pytest.mark.parametrize("content", ["", "{}", "nonsense", f'{{"format":"{FORMAT}","secret":"00"}}'])
def test_a_file_without_a_secret_is_named_with_the_remedy(places: Places, content: str) -> None:
    places.signing.parent.mkdir(parents=True, exist_ok=True)
    places.signing.write_text(content)
    places.signing.chmod(0o600)
    for _ in range(2):
        with pytest.raises(KeyFileError, match="memmux web"):
            Signer(places).sign("cookie", b"who")


def test_a_secret_that_others_may_read_is_refused(places: Places) -> None:
    signer = Signer(places)
    text = signer.sign("cookie", b"who")
    opened_to_others(places.signing)
    with pytest.raises(KeyFileError, match="chmod 600"):
        signer.read("cookie", text)


@pytest.fixture
def once_unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """After the call, the next file that is opened can't be, as there is no descriptor left."""
    real, fails = os.open, False

    def opened(*given: Any, **named: Any) -> int:
        nonlocal fails
        if fails:
            fails = False
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(*given, **named)

    def arm() -> None:
        nonlocal fails
        fails = True

    monkeypatch.setattr(os, "open", opened)
    return arm


def test_a_read_that_fails_once_is_not_remembered(places: Places, once_unreadable: Callable[[], None]) -> None:
    text = Signer(places).sign("cookie", b"who")
    signer = Signer(places)
    once_unreadable()
    with pytest.raises(KeyFileError, match="can't be read"):
        signer.read("cookie", text)
    assert signer.read("cookie", text) == b"who"
    assert Signer(places).read("cookie", signer.sign("cookie", b"new")) == b"new"


def test_another_secret_ends_all_also_where_it_can_not_be_read_at_first(
    places: Places, once_unreadable: Callable[[], None]
) -> None:
    signer = Signer(places)
    text = signer.sign("cookie", b"who")
    Signer(places).renew()
    once_unreadable()
    for _ in range(2):
        with suppress(KeyFileError):
            assert signer.read("cookie", text) is None


def test_nothing_is_signed_with_a_secret_that_is_gone(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Signer, "_make", lambda _: None)
    with pytest.raises(KeyFileError, match="try again"):
        Signer(places).sign("cookie", b"who")
