from __future__ import annotations

import html
import os
import re
import time
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from memmux.cli import browser

URL = "http://127.0.0.1:8765/login?code=secret&more=1"
_LEADS = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')


class Started:
    """A browser that notes what it was called with, and what is there at that time."""

    def __init__(self) -> None:
        self.given = self.read = ""
        self.mode = 0

    def open(self, given: str) -> bool:
        self.given = given
        self.read, self.mode = self.file.read_text(), self.file.stat().st_mode & 0o777
        return True

    @property
    def file(self) -> Path:
        return Path(url2pathname(urlsplit(self.given).path))

    @property
    def led_to(self) -> str:
        found = _LEADS.search(self.read)
        assert found, self.read
        return html.unescape(found[1])


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Started:
    one = Started()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(webbrowser, "open", one.open)
    return one


def test_a_browser_is_led_to_a_url_that_it_is_not_called_with(started: Started, tmp_path: Path) -> None:
    with browser.led_to(URL, tmp_path) as opened:
        assert opened
        assert started.file.exists()
    assert "secret" not in started.given
    assert started.given.startswith("file:///")
    assert started.led_to == URL
    assert (started.file.parent, started.mode) == (tmp_path, 0o600)


def test_the_file_that_leads_there_is_gone_afterwards_whatever_happens(started: Started, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), browser.led_to(URL, tmp_path):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    assert started.given


def test_what_a_command_that_was_killed_has_left_is_removed(started: Started, tmp_path: Path) -> None:
    left, other, young = (tmp_path / name for name in ("memmux-web-1.html", "memmux-notes.html", "memmux-web-2.html"))
    for file in (left, other, young):
        file.touch()
    for file in (left, other):
        os.utime(file, (time.time() - browser.LEFT_S,) * 2)
    with browser.led_to(URL, tmp_path):
        pass
    assert sorted(tmp_path.iterdir()) == [other, young]
    assert started.given


@pytest.mark.parametrize(
    ("said", "own"),
    [("firefox_firefox.desktop", True), ("firefox.desktop", False), ("other_other.desktop", False), ("", False)],
)
def test_a_browser_that_is_a_snap_is_led_from_its_own_folder(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, *, own: bool
) -> None:
    common = tmp_path / "home" / "snap" / "firefox" / "common"
    common.mkdir(parents=True)
    program = tmp_path / "bin" / "xdg-settings"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with browser.led_to(URL, tmp_path):
        assert started.file.parent == (common if own else tmp_path)
    assert not list(common.iterdir())


def test_without_what_knows_the_default_browser_it_is_taken_for_none_of_a_snap(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "snap").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with browser.led_to(URL, tmp_path):
        assert started.file.parent == tmp_path


def test_a_folder_that_can_not_be_written_is_named_and_the_url_is_left_to_be_opened(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with browser.led_to(URL, tmp_path / "missing") as opened:
        assert not opened
    assert not started.given
    assert str(tmp_path / "missing") in capsys.readouterr().err
