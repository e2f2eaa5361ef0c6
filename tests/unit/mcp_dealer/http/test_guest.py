"""Who is at the other end of HTTP, as people are shown it."""

from __future__ import annotations

import pytest

from mcp_dealer.http.guest import CHARACTERS, Guest

_ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("said", "application"),
    [
        ("curl/8.5.0", "curl/8.5.0"),
        ("claude-code/2.1.0 (external, cli)", "claude-code/2.1.0"),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("my hook", "my hook"),
        (f"{_ANDROID}Chrome/144.0.0.0 Mobile Safari/537.36", "Chrome 144"),
        (f"{_ANDROID}Chrome/144.0.0.0 Safari/537.36 Edg/144.0.3.1", "Edge 144"),
        (f"{_MAC}Version/26.1 Safari/605.1.15", "Safari 26"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0", "Firefox 146"),
        ("Mozilla/5.0 of nobody", "browser"),
        ("", ""),
        ("\x1b[31mred\x9b", "[31mred"),
        ("x" * 5000, "x" * CHARACTERS),
        ("Mozilla/5.0 Version/" + "1" * 1_000_000, "browser"),
    ],
)
def test_an_application_is_what_its_user_agent_begins_with_or_the_browser_that_it_names(
    said: str, application: str
) -> None:
    guest = Guest.of("192.0.2.7", said)
    assert guest == Guest("192.0.2.7", application)
    assert ("application" in guest.about()) == bool(application)


def test_a_client_of_mcp_is_what_it_says_itself() -> None:
    assert Guest("::1", "node").running("claude-code", "2.1.0").about() == {
        "address": "::1",
        "application": "claude-code 2.1.0",
    }
