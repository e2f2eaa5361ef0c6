"""The live page: asks, draws and waits for a key, until it is told to end."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from memmux.cli.top.figures import View
from memmux.cli.top.page import explanation, page, waiting
from memmux.cli.top.window import Key, Window, keys_of
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.wire.answers import Status

_PATIENCE_S = 2.0  # for an answer, before the page says that there is no cluster


def watch(settings: Settings, *, interval_s: float) -> None:
    """Show the cluster on this terminal, drawn anew each `interval_s` and when something changes, until q or Ctrl-C.

    It looks on: no cluster is started for it, and none stays for it.
    """
    seen: Status | None = None
    window = Window()
    window.explanation = explanation()
    with _keys() as keys, Live(window, console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            with Client(settings=settings, name="top", start=False, observer=True) as client:
                try:
                    while True:
                        now = client.status(timeout_s=_PATIENCE_S)
                        window.page = page(View.of(now, seen))
                        live.refresh()
                        seen = now
                        if _ended(keys.pressed(interval_s), window):
                            return
                except MemmuxError:  # it is gone, or has nothing to say: a new client looks for the next one
                    window.page = waiting(settings.where)
                    live.refresh()
            if _ended(keys.pressed(interval_s), window):
                return


def _ended(keys: Sequence[Key], window: Window) -> bool:
    """Return whether a key ends it; the others move the window."""
    for key in keys:
        if key is Key.END:
            return True
        window.press(key)
    return False


class _Keys:
    """The keyboard, and the signal that says that the window has another size."""

    def __init__(self, window: socket.socket) -> None:
        self._window = window
        self._keyboard = [sys.stdin.fileno()] if sys.stdin.isatty() else []

    def pressed(self, seconds: float) -> Sequence[Key]:
        """Return which keys are pressed, within so many seconds or until the window changes."""
        readable, _, _ = select.select([*self._keyboard, self._window], [], [], seconds)
        if self._window in readable:
            self._window.recv(4096)
        if not set(readable) & set(self._keyboard):
            return ()
        pressed = os.read(self._keyboard[0], 64)
        return keys_of(pressed) if pressed else (Key.END,)  # the terminal is gone


@contextmanager
def _keys() -> Iterator[_Keys]:
    """Read keys as they are pressed, unechoed, and give the terminal back as it was."""
    here, there = socket.socketpair()
    there.settimeout(0)
    before = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    resized = signal.signal(signal.SIGWINCH, lambda *_: None)
    descriptor = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
    try:
        if before is not None:
            tty.setcbreak(sys.stdin)
        yield _Keys(here)
    except KeyboardInterrupt:
        pass  # Ctrl-C is how most people end it
    finally:
        signal.set_wakeup_fd(descriptor)
        signal.signal(signal.SIGWINCH, resized)
        if before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        here.close()
        there.close()
