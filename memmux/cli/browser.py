"""The browser of this machine's owner, opened at a URL that is a secret.

What a process is called with is seen by all users of the machine. So the browser is called with a private file, which
leads to the URL and is removed once that was used.
"""

from __future__ import annotations

import secrets
import subprocess
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path

from memmux.cli import output
from memmux.files import durable

LEFT_S = 300.0  # after which the file of a command that was killed is removed
_NAME = "memmux-web-{}.html"
_ASKED_S = 5.0  # for the name of the default browser
_PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={url}">
<title>memmux</title>
<p><a href="{url}">Open memmux</a>
"""


@contextmanager
def led_to(url: str, folder: Path) -> Iterator[bool]:
    """Open a browser by a file in that private folder; give whether one was started. The file is gone at the end.

    The default browser finds the file in a folder of its own where it is a snap, which sees no hidden folder, and none
    outside the home. Where the file can't be kept none is started, and a note says why.
    """
    folder = _of_snap() or folder
    file = folder / _NAME.format(secrets.token_hex(8))
    try:
        _remove_left(folder)
        durable.write(file, _PAGE.format(url=escape(url)).encode(), sync=False)
    except OSError as error:
        output.note(f"no browser is opened: the file that leads it to the page can't be in {folder} ({error.strerror})")
        yield False
        return
    try:
        yield webbrowser.open(file.as_uri())
    finally:
        file.unlink(missing_ok=True)


def _of_snap() -> Path | None:
    """Return the folder that the default browser has for itself if it is a snap."""
    snaps = Path.home() / "snap"
    if not snaps.is_dir():
        return None
    try:
        asked = ["xdg-settings", "get", "default-web-browser"]
        told = subprocess.run(asked, capture_output=True, timeout=_ASKED_S, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    name, _, application = told.decode(errors="replace").partition("_")  # a snap's are named firefox_firefox.desktop
    folder = snaps / name / "common"
    return folder if application and folder.is_dir() else None


def _remove_left(folder: Path) -> None:
    for file in folder.glob(_NAME.format("*")):
        with suppress(OSError):
            if not 0 <= time.time() - file.stat().st_mtime < LEFT_S:
                file.unlink()
