"""Gateways: the socket that relays of MCP hosts connect to, and the process that serves it once somebody does.

With `http` one is started at once, and serves the HTTP socket as well (`router.lifecycle.http_socket`).

The router only listens: what has come while no gateway is there waits in the socket's backlog, so a gateway that is
killed refuses nobody. A gateway has no stage and no credit.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from memmux.config.settings import Settings
from memmux.errors import ClusterStartError
from memmux.files import private
from memmux.logs import log
from router.lifecycle.early_gateway import EarlyGateway, spawn
from router.lifecycle.gateway_process import LEAVE_HTTP, SERVE_HTTP, GatewayProcess
from router.lifecycle.http_socket import HttpSocket
from router.lifecycle.supervisor import BACKOFF_MOST_S, BACKOFF_S, DEGRADED_AFTER, STEADY_S

BACKLOG = 1024  # relays that wait to be taken in
HEAD_START_S = 0.5  # a half of what a gateway imports; a handshake is waited for, and a search comes later
LEAVE_S = 1.0  # for a gateway to write what was answered at the last moment
FAILING = "gateway_failing"  # the code that says that none comes up


class Gateways:
    """The socket, and at most one gateway that takes relays in; others are on their way out.

    path: of the socket. successor: whether another router has it still; then a gateway is wanted if that one has any,
    of which a file beside the socket tells. early: one that is there by now, and wanted. http: the socket for HTTP;
    with it one always is. Every method is quick; `listen`, which asks the router before for it, and `close` alone wait.
    """

    def __init__(
        self,
        settings: Settings,
        path: Path,
        *,
        successor: bool,
        wanted: bool = False,
        early: EarlyGateway | None = None,
        http: HttpSocket | None = None,
    ) -> None:
        self._settings = settings
        self._http = HttpSocket(settings, path.with_name("http"), successor=successor) if http is None else http
        self._path = path
        self._own = path.with_name(f"m{os.getpid()}") if successor else path
        self._marker = path.with_name("gateway")
        self._listener: socket.socket | None = None
        self._present: GatewayProcess | None = None
        self._leaving: list[GatewayProcess] = []
        self._failures = 0
        self._starts = 0
        self._due: float | None = None
        self._early = early
        self._wanted = wanted or (successor and self._marker.exists())
        self._stopping = False

    def listen(self) -> None:
        """Listen, at a path that only we use if we are a successor; raise ClusterStartError if that can't be."""
        early = self._early
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) if early is None else early.listener
        try:
            self._own.unlink(missing_ok=True)
            listener.bind(str(self._own))
            listener.listen(BACKLOG)
            listener.setblocking(False)  # noqa: FBT003 - it takes no name
        except OSError as error:
            listener.close()
            raise ClusterStartError(
                f"the cluster can't listen at {self._own}: {error.strerror}; remove what is there, or set "
                "MEMMUX_RUNTIME_DIR to another folder"
            ) from None
        self._listener = listener
        self._http.open(time.monotonic())
        self._wanted = self._wanted or self._http.descriptor is not None
        if self._own == self._path:
            self._http.publish()

    def publish(self) -> None:
        """Be where relays look, in the place of the router before; raise ClusterStartError if that can't be."""
        if self._own == self._path:
            return
        try:
            self._own.rename(self._path)
        except OSError as error:
            raise ClusterStartError(f"{self._path} can't be had: {error.strerror}") from None
        self._own = self._path
        self._http.publish()
        if self._present is not None and self._present.serves_http:
            self._present.tell(SERVE_HTTP)

    @property
    def head_start_s(self) -> float:
        """How much later than a gateway, which a relay waits for, the model may be loaded."""
        return HEAD_START_S if self._wanted and self._own == self._path else 0.0

    @property
    def warm(self) -> bool:
        """Whether a gateway is there, if one is wanted."""
        return not self._wanted or (self._present is not None and self._present.ready is not None)

    def polled(self, now: float) -> int | None:
        """Return the descriptor that tells that somebody waits to be taken in; None if that is nobody's concern now."""
        if self._listener is None or self._present is not None or self._stopping:
            return None
        return self._listener.fileno() if self._due is None or now >= self._due else None

    def due(self, now: float) -> float | None:
        """Return when the next start may be."""
        return self._due if self._present is None and self._due is not None and self._due > now else None

    def start_due(self, now: float) -> None:
        """Start the gateway that HTTP needs, if it is not there and may be."""
        if self._http.descriptor is not None and self._present is None and (self._due is None or now >= self._due):
            self.start(now)

    def start(self, now: float) -> None:
        """Start a gateway: somebody waits for one."""
        if self._present is None and not self._stopping:
            self._present = self._spawn(now)
            if self._present is None:
                self._failed(now)
            self._mark()

    def look(self, now: float) -> None:
        """Take what gateways say, and do without those that have ended, hang, or have grown too much."""
        self._have_http(now)
        self._have_wanted(now)
        for gateway in filter(None, (self._present, *self._leaving)):
            gateway.hear(now)
        self._leaving = [gateway for gateway in self._leaving if gateway.poll() is None]
        for gateway in self._leaving:
            self._kill_if_stalled(gateway, now)
        present = self._present
        if present is None:
            return
        if present.http_trouble is not None:
            self._http.unserved = present.http_trouble
            self._http.renewal_due = bool(present.certificate_trouble)
        if (code := present.poll()) is not None:
            self._present = None
            if code == 0 or (present.ready is not None and now - present.ready >= STEADY_S):
                self._failures, self._due = 0, None
            elif present.ready is not None:  # it can start: what it died of is no reason to send relays away
                self._failures, self._due = 0, now + BACKOFF_S
                log.get().warning("gateway_lost", failures=0, seconds=BACKOFF_S)
            else:
                self._failed(now)
            self._mark()
        elif not self._kill_if_stalled(present, now) and present.too_large:
            log.get().warning("gateway_grew_too_large", gateway_pid=present.pid)
            self._replace(present, now)

    def _have_wanted(self, now: float) -> None:
        """Start the gateway that is wanted from the beginning, as soon as it may be, until one was ready."""
        if self._wanted:
            self._wanted = self._present is None or self._present.ready is None
            if self._due is None or now >= self._due:
                self.start(now)

    def _kill_if_stalled(self, gateway: GatewayProcess, now: float) -> bool:
        """Return whether it has said nothing for so long that it was killed; one that leaves has relays to send on."""
        if not gateway.stalled(now):
            return False
        log.get().error("gateway_stalled", gateway_pid=gateway.pid, silent_s=round(now - gateway.heard, 3))
        gateway.kill()
        return True

    def _have_http(self, now: float) -> None:
        """Have the socket for HTTP, which may be free only now, and a gateway that has it."""
        self._http.open(now)
        if self._own == self._path:
            self._http.publish()
        present = self._present
        if self._http.descriptor is not None and present is not None and not (present.serves_http or self._stopping):
            self._replace(present, now)

    def move(self) -> None:
        """Have the gateway send its relays to the next one, which another router has."""
        self._stopping = True
        if self._present is not None:
            self._present.move()

    def leave(self) -> None:
        """Have the gateway take no request over HTTP any more, and answer those that it has: the cluster ends."""
        if self._present is not None and self._present.serves_http:
            self._present.tell(LEAVE_HTTP)

    @property
    def busy(self) -> bool:
        """Whether a gateway that was told to move still answers what it was asked over HTTP."""
        return any(gateway.serves_http for gateway in filter(None, (self._present, *self._leaving)))

    @property
    def http(self) -> HttpSocket:
        """The socket for HTTP."""
        return self._http

    def pids(self) -> set[int]:
        """Return the pids of the processes that are waited for here."""
        return {gateway.pid for gateway in filter(None, (self._present, *self._leaving))}

    def troubles(self) -> list[str]:
        """Return the codes of what is wrong."""
        return [*([FAILING] if self._failures >= DEGRADED_AFTER else []), *self._http.troubles]

    def status(self) -> Mapping[str, object] | None:
        """Return what `cluster.status` says of the gateway; None where none is needed."""
        present = self._present
        if present is None:
            return {"pid": None, "state": "failing", "restarts": self._starts} if self.troubles() else None
        return {**present.status(), "restarts": max(0, self._starts - 1)}

    def close(self) -> None:
        """End everything; what was answered over HTTP is written first."""
        ending = [*filter(None, (self._present, *self._leaving))]
        until = time.monotonic() + LEAVE_S
        for gateway in ending:
            gateway.end()
        for gateway in ending:
            gateway.wait(max(0.0, until - time.monotonic()))
        self._present, self._leaving = None, []
        self._http.close()
        if self._listener is not None:
            self._listener.close()

    def remove(self) -> None:
        """Remove the socket's path; the database's lock is ours, or the path is one that only we use."""
        for path in (self._own, self._marker):
            path.unlink(missing_ok=True)
        if self._own == self._path:
            self._http.remove()

    @property
    def own(self) -> Path:
        """Where it listens now."""
        return self._own

    def _replace(self, present: GatewayProcess, now: float) -> None:
        """Have another gateway take the place of the present one, which goes once its relays have gone over."""
        self._present = None
        self.start(now)
        present.move()
        self._leaving.append(present)

    def _failed(self, now: float) -> None:
        """Start later; who waits is told so often that it could not be."""
        self._failures += 1
        pause_s = min(BACKOFF_S * 2.0 ** min(self._failures - 2, 16), BACKOFF_MOST_S) if self._failures > 1 else 0.0
        self._due = now + pause_s
        log.get().warning("gateway_lost", failures=self._failures, seconds=pause_s)
        if self._failures >= DEGRADED_AFTER and self._listener is not None:
            with suppress(OSError):
                while True:
                    self._listener.accept()[0].close()

    def _spawn(self, now: float) -> GatewayProcess | None:
        assert self._listener is not None
        settings, http = self._settings, self._http.descriptor
        early, self._early = self._early, None
        try:
            if early is not None:
                process = early.process
                early.begin()
            else:
                process = spawn(self._listener.fileno(), http, settings.flags(), settings.database.parent)
        except OSError as error:
            log.get().error("gateway_not_started", error=f"{error.filename or sys.executable}: {error.strerror}")
            return None
        gateway = GatewayProcess(settings, process, http=early is None and http is not None, now=now)
        self._starts += 1
        if gateway.serves_http and self._own == self._path:
            gateway.tell(SERVE_HTTP)
        return gateway

    def _mark(self) -> None:
        """Have the file there while a gateway runs."""
        with suppress(OSError):
            if self._present is None:
                self._marker.unlink(missing_ok=True)
            else:
                os.close(private.open_file(self._marker, os.O_WRONLY))
