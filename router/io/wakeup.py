"""The wake-up: signals that end a poll, as a handler that only sets a flag would not."""

from __future__ import annotations

import signal
import socket
from types import TracebackType
from typing import Self

_WOKEN = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Wakeup:
    """A descriptor that can be read when a signal came; a context manager, in which signals are caught.

    told_to_stop: by which signal; empty until there was one.
    """

    def __init__(self) -> None:
        self.told_to_stop = ""
        self._readable, self._written = socket.socketpair()
        self._handlers: dict[signal.Signals, object] = {}
        self._descriptor = -1

    def fileno(self) -> int:
        """Return the descriptor to be polled."""
        return self._readable.fileno()

    def __enter__(self) -> Self:
        self._readable.settimeout(0)
        self._written.settimeout(0)
        self._handlers = {number: signal.signal(number, self._on_signal) for number in _WOKEN}
        self._descriptor = signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._descriptor)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave
        self._readable.close()
        self._written.close()

    def _on_signal(self, number: int, _frame: object) -> None:
        # It may interrupt anything, the dispatcher included: the loop, woken by the same signal, acts on it.
        if number != signal.SIGCHLD:
            self.told_to_stop = signal.Signals(number).name

    def came(self, timeout_s: float = 0.0) -> bool:
        """Return whether a signal came, after waiting at most so long for one."""
        self._readable.settimeout(timeout_s)
        try:
            return bool(self._readable.recv(4096))
        except (BlockingIOError, TimeoutError):
            return False
