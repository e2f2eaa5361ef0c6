"""The HTTP socket: the router binds it, and the gateway accepts what comes there.

So what comes while a gateway is restarted waits in the backlog, and nothing is refused. A successor asks for the very
socket, over a unix socket beside that of the relays: what waits, waits for it, and there is no moment without one.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import KeyNeededError, SettingInvalidError
from memmux.logs import log
from memmux.trust import keys
from memmux.wire import http_address

BACKLOG = 1024  # connections that wait to be accepted; the system may allow fewer
AGAIN_S = 2.0  # before a port that was taken is tried again: the cluster before this one may just be ending
ASK_S = 2.0  # for the router before to pass the socket on
UNAVAILABLE = "http_unavailable"  # the code that says: HTTP was asked for, and can't be served
RENEWAL_DUE = "certificate_renewal_due"  # the code that says: it can be served, but not for long
_ASKED = 16  # successors that may wait to be answered
_WORD = b"http"


class HttpSocket:
    """The socket of one router.

    place: where a successor asks for it. successor: whether another router may have it. Every method is quick; `open`
    alone waits for the router before, once, and no longer than ASK_S.
    """

    def __init__(self, settings: Settings, place: Path, *, successor: bool) -> None:
        self._settings = settings
        self._address = None if settings.http is None else http_address.parse(settings.http)
        self._place = place
        self._successor = successor
        self._listener: socket.socket | None = None
        self._asked: socket.socket | None = None
        self._asking: socket.socket | None = None  # at which the router before has been asked, and has said nothing yet
        self._try_at = 0.0
        self._said = False  # that it can't be had
        self.unserved = ""
        """Why the gateway can't serve it, as that has said last; empty if it can."""
        self.renewal_due = False
        """Whether the certificate ends soon, or what has taken its place can't be served, as the gateway has said."""

    def open(self, now: float) -> None:
        """Have the socket, from the router before or from the system; that it can't be had is said, and tried again."""
        if self._address is None or self._listener is not None or now < self._try_at:
            return
        taken: socket.socket | None = None
        if self._successor:
            try:
                taken = _found(self._ask(), self._address)
            except TimeoutError:
                self._not_opened("the router before has it, and does not answer", "let that one go on, or end it")
                return
            self._successor = False
        try:
            self._listener = taken if taken is not None else _bound(self._address)
        except OSError as error:
            self._try_at = now + AGAIN_S
            self._not_opened(error.strerror, "free the port, or set another MEMMUX_HTTP")
            return
        self._said = False
        log.get().info("http_opened", url=self._url(), taken_over=taken is not None)

    def _ask(self) -> list[int]:
        """Return the descriptors that the router before passes on, none if nobody is there.

        Raises TimeoutError if it is there and says nothing. What it says later is had by calls that do not wait.
        """
        asking = self._asking
        if asking is None:
            asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            asking.settimeout(ASK_S)
        try:
            if self._asking is None:
                asking.connect(str(self._place))
            _, descriptors, _, _ = socket.recv_fds(asking, len(_WORD), 1)
        except (TimeoutError, BlockingIOError):
            asking.settimeout(0.0)
            self._asking = asking
            raise TimeoutError from None
        except OSError:  # nobody is there, or not any more
            descriptors = []
        asking.close()
        self._asking = None
        return descriptors

    def _not_opened(self, error: str | None, remedy: str) -> None:
        if not self._said:
            self._said = True
            log.get().warning("http_not_opened", address=str(self._address), error=error, remedy=remedy)

    @property
    def troubles(self) -> Sequence[str]:
        """The code of what is wrong, if anything is."""
        if self._said or self.unserved:
            return (UNAVAILABLE,)
        return (RENEWAL_DUE,) if self.renewal_due else ()

    def publish(self) -> None:
        """Let a successor ask for it here, in the place of the router before."""
        if self._listener is None or self._asked is not None:
            return
        asked = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._place.unlink(missing_ok=True)
            asked.bind(str(self._place))
            asked.listen(_ASKED)
            asked.setblocking(False)  # noqa: FBT003 - it takes no name
        except OSError as error:
            asked.close()
            log.get().warning("http_not_passed_on", error=str(error))
            return
        self._asked = asked

    def polled(self) -> int | None:
        """Return the descriptor that tells that a successor asks; None while none can."""
        return None if self._asked is None else self._asked.fileno()

    def pass_on(self) -> None:
        """Give the socket to whoever asks: processes of this user alone reach the folder."""
        if self._asked is None or self._listener is None:
            return
        with suppress(OSError):
            while True:
                asking, _ = self._asked.accept()
                with asking, suppress(OSError):
                    socket.send_fds(asking, [_WORD], [self._listener.fileno()])

    @property
    def descriptor(self) -> int | None:
        """The descriptor that a gateway inherits; None as long as the socket can't be had."""
        return None if self._listener is None else self._listener.fileno()

    @property
    def url(self) -> str:
        """Where it is reached; empty where it is not, or nobody is served there."""
        return "" if self.unserved else self._url()

    def _url(self) -> str:
        if self._listener is None or self._address is None:
            return ""
        names = self._settings.http_hosts if not self._address.loopback else ()
        tls = self._settings.tls_cert is not None
        return self._address.url(self._listener.getsockname()[1], tls=tls, name=names[0] if names else "")

    def close(self) -> None:
        """Listen no more; who was given the socket goes on with it."""
        for one in filter(None, (self._listener, self._asked, self._asking)):
            one.close()
        self._listener = self._asked = self._asking = None

    def remove(self) -> None:
        """Remove the path; the database's lock is ours."""
        self._place.unlink(missing_ok=True)


def check(settings: Settings) -> None:
    """Raise what keeps HTTP from being served as the settings say: SettingInvalidError, KeyNeededError.

    Beyond this machine it is served to who has a token alone, and over TLS, unless a proxy sees to that.
    """
    address = None if settings.http is None else http_address.parse(settings.http)
    if address is None:
        return
    cert, key = settings.tls_cert, settings.tls_key
    if (cert is None) != (key is None):
        raise SettingInvalidError("tls_cert and tls_key belong together; give both, or none")
    if cert is not None and key is not None:
        from memmux.trust import certificate  # few clusters need it

        certificate.load(cert, key)
    if address.loopback or settings.behind_proxy:
        return
    where = f"http is {address}, beyond this machine"
    if cert is None:
        raise SettingInvalidError(
            f"{where}; give it a certificate with --tls-cert and --tls-key, or say --behind-proxy where a proxy in "
            f"front of it speaks TLS, or take {http_address.HOST}:{address.port}"
        )
    if not any(key.token for key in keys.read(Places(settings)).valid(time.time())):
        raise KeyNeededError(f"{where}, and nobody has a token; make one with `memmux key add NAME --http`")


def _bound(address: http_address.HttpAddress) -> socket.socket:
    """Return a socket that listens there; raise OSError."""
    listener = socket.socket(socket.AF_INET6 if address.six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.six:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - it takes no name
    except OSError:
        listener.close()
        raise
    return listener


def _found(descriptors: Iterable[int], address: http_address.HttpAddress) -> socket.socket | None:
    """Return the one that listens where the router shall, on any port if that may be any; the others are closed."""
    for descriptor in descriptors:
        try:
            listener = socket.socket(fileno=descriptor)
            host, port, *_ = listener.getsockname()
        except (OSError, ValueError):
            os.close(descriptor)
            continue
        if host == address.host and address.port in (0, port):
            listener.setblocking(False)  # noqa: FBT003 - it takes no name
            return listener
        listener.close()
    return None
