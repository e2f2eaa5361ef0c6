"""The page in Chromium: what it says of duplicates while memories wait for their vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memmux import Client
from memmux.config.settings import Settings
from tests.browser import missing, window
from tests.served_page import served_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def held(faults: Path, short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file without which the embedders of this test begin."""
    assert faults
    file = short_tmp / "held"
    file.touch()
    monkeypatch.setenv("MEMMUX_TEST_HOLD", str(file))
    return file


def test_duplicates_are_looked_for_again_once_memories_have_their_vectors(
    held: Path, settings: Settings, browser: Browser
) -> None:
    with Client(settings=settings, name="test") as client:
        for text in ("The ferry leaves at noon", "the ferry  leaves at noon"):
            assert not client.store(text).indexed
        with served_for(settings) as served, window(browser, served.url) as opened:
            page = opened.go("/?view=cleanup")
            page.wait_for_selector(".notes:has-text('no memory has a vector yet')")
            assert "Compared once there is a vector: 2 memories." in page.inner_text(".notes >> nth=0")
            assert "Nothing is there twice." not in page.inner_text(".view")
            held.unlink()
            page.wait_for_selector(".group:has-text('The ferry leaves at noon')")
            assert page.locator(".notes p").count() == 0
