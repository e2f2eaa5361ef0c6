"""A gateway's process: how it is started, what it is told on its standard input, and what it says on its output.

The end of its standard input is the end of the router. Once a second it says that it lives, and what HTTP counts.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress

import orjson

from memmux.config.settings import Settings
from memmux.logs import log
from memmux.processes import private_bytes, rss_bytes
from router.dispatch.dispatcher import LATE_S

SILENT_S = 3.0  # that it may be in any case: three times what lies between two signs of life
START_S = 60.0  # for it to say that it lives, on a machine that is busy
GROWTH = 1.5  # times its first size, to which it may grow in any case
WHOLE_BYTES = 64 << 20  # of one that has imported all that it may need: its first size is at least taken for that
MOVE = b"move\n"
SERVE_HTTP = b"http\n"  # not before: the router before this one has a gateway that does
LEAVE_HTTP = b"leave\n"
KEPT_BYTES = 1 << 16  # of what it says, read at once


class GatewayProcess:
    """A running gateway, which was spawned with these settings. Times are monotonic seconds.

    http: whether it serves HTTP, too. heard: when it last said that it lives. ready: since when it serves.
    """

    def __init__(self, settings: Settings, process: subprocess.Popen[bytes], *, http: bool, now: float) -> None:
        self._settings = settings
        self._popen = process
        assert self._popen.stdout is not None
        os.set_blocking(self._popen.stdout.fileno(), False)
        self.serves_http = http
        self.heard = self._listened = now
        self.ready: float | None = None
        self._first_bytes = 0
        self._moved = False
        self._figures: Mapping[str, int | str] = {}

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Return its exit code; None while it runs."""
        code = self._popen.poll()
        if code is not None:
            self._close()
        return code

    def tell(self, word: bytes) -> None:
        """Tell it SERVE_HTTP or LEAVE_HTTP; nothing if it has just ended."""
        if self._popen.stdin is not None:
            with suppress(OSError, ValueError):  # closed by it, or by us
                os.write(self._popen.stdin.fileno(), word)

    def move(self) -> None:
        """Have it take nobody in any more, and send who is there to the next one."""
        if not self._moved:
            self._moved = True
            self.tell(MOVE)

    def hear(self, now: float) -> None:
        """Take what it says; the time in which nobody listened, as the router stood still, is left out."""
        if now - self._listened >= LATE_S:
            self.heard = now
        self._listened = now
        assert self._popen.stdout is not None
        with suppress(OSError):
            if said := os.read(self._popen.stdout.fileno(), KEPT_BYTES):
                self.heard = now
                self._figures = _figures(said) or self._figures
                if self.ready is None:
                    self.ready, self._first_bytes = now, private_bytes(self.pid)
                    log.get().info("gateway_ready", gateway_pid=self.pid)

    def stalled(self, now: float) -> bool:
        """Return whether it has said nothing for too long."""
        return now - self.heard >= (START_S if self.ready is None else max(SILENT_S, self._settings.stall_s))

    @property
    def http_trouble(self) -> str | None:
        """Why it serves nobody over HTTP; empty if it does, None as long as it has not said."""
        return str(self._figures.get("error", "")) if self._figures else None

    @property
    def certificate_trouble(self) -> str:
        """What is to be done soon about the certificate that it serves; empty if nothing is."""
        return str(self._figures.get("certificate", ""))

    @property
    def too_large(self) -> bool:
        """Whether it has grown beyond what a worker may."""
        cap = self._settings.worker_rss_mb << 20
        return bool(cap) and private_bytes(self.pid) > max(cap, int(GROWTH * max(self._first_bytes, WHOLE_BYTES)))

    def status(self) -> Mapping[str, object]:
        """Return what `cluster.status` says of it."""
        return {
            "pid": self.pid,
            "state": "ready" if self.ready is not None else "starting",
            "rss_bytes": rss_bytes(self.pid),
            **({"http": self._figures} if self.serves_http else {}),
        }

    def kill(self) -> None:
        """End it at once."""
        self._popen.send_signal(signal.SIGKILL)

    def end(self) -> None:
        """Have it end; what it has answered over HTTP it writes first."""
        self._popen.send_signal(signal.SIGTERM if self.serves_http and self.ready is not None else signal.SIGKILL)

    def wait(self, timeout_s: float) -> None:
        """Return when it has ended, which it is made to after so long."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout_s)
        self._popen.kill()
        self._popen.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()


def _figures(said: bytes) -> Mapping[str, int | str]:
    """Return the last whole line of figures in what a gateway said; none if there is none."""
    for line in reversed(said.split(b"\n")[:-1]):
        with suppress(ValueError):
            found = orjson.loads(line.lstrip(b"."))
            return found if isinstance(found, dict) else {}
    return {}
