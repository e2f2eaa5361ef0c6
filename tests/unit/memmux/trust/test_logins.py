from __future__ import annotations

import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.trust import logins
from tests.bounds import BOUND_S

BASE = "http://127.0.0.1:8765"


def code_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["code"][0]


def test_a_url_opens_the_page_once(settings: Settings) -> None:
    url, places = logins.new_url(settings, f"{BASE}/"), Places(settings)
    assert url.startswith(f"{BASE}/login?code=")
    assert logins.take(places, code_of(url))
    assert not logins.take(places, code_of(url))


def test_of_many_who_try_one_comes_in(settings: Settings) -> None:
    code, places, came = code_of(logins.new_url(settings, BASE)), Places(settings), []
    together = threading.Barrier(8)

    def attempt() -> None:
        together.wait(BOUND_S)
        came.append(logins.take(places, code))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert sorted(came) == [False] * 7 + [True]


@pytest.mark.parametrize("set_by_s", [logins.LIVES_S, -2 * logins.LIVES_S])
def test_it_expires_also_when_the_clock_is_set_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, set_by_s: float
) -> None:
    code, places, now = code_of(logins.new_url(settings, BASE)), Places(settings), time.time()
    monkeypatch.setattr(time, "time", lambda: now + set_by_s)
    assert not logins.take(places, code)


def test_codes_that_have_expired_are_removed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    logins.new_url(settings, BASE)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + logins.LIVES_S)
    logins.new_url(settings, BASE)
    assert len(list(Places(settings).logins.iterdir())) == 1


@pytest.mark.parametrize("code", ["", "x", "..", "../mcp", "A" * 43, "é" * 43, "A" * 10_000, "A" * 42 + "\0"])
def test_a_code_that_was_not_given_out_opens_nothing(settings: Settings, code: str) -> None:
    assert not logins.take(Places(settings), code)
    logins.new_url(settings, BASE)
    assert not logins.take(Places(settings), code)


def test_no_code_is_kept_and_what_is_kept_is_private(settings: Settings) -> None:
    code, folder = code_of(logins.new_url(settings, BASE)), Places(settings).logins
    (file,) = folder.iterdir()
    assert code not in file.name
    assert code not in file.read_text()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
