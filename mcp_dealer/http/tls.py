"""TLS of one process: the certificate that it is served with, taken anew when it is renewed, and its end foretold."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from memmux.errors import SettingInvalidError
from memmux.logs import log
from memmux.trust import certificate

SETTLED_S = 10.0  # for both files to be replaced, of which the second may come later, before what is wrong is said
WARN_S = 14 * 86_400.0  # before its end a certificate should be renewed, or
SHARE = 6  # one of so many parts of its time, if that is less

_State = tuple[tuple[int, int, int] | None, ...]


class Tls:
    """What speaks TLS; cert and key: the files, None where it is not asked for.

    Files that are replaced count from the next connection on. If what took their place is no good, the certificate of
    before is served on. clock: seconds since 1970.
    """

    def __init__(self, cert: Path | None, key: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._files = None if cert is None or key is None else (cert, key)
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._state: _State = ()  # of the files that are served
        self._validity: certificate.Validity | None = None
        self._wrong = ""  # with what stands in their place now
        self._wrong_since = 0.0
        self._said = ""

    def context(self) -> ssl.SSLContext | None:
        """Return what connections are accepted with; None where TLS is not asked for.

        Raises SettingInvalidError while the certificate or its key is missing, unreadable, of another, or expired.
        """
        if self._files is not None:
            state = _state(self._files)
            self._context, self._validity = _good(self._files)
            self._state, self._wrong = state, ""
        return self._context

    def look(self) -> None:
        """Take files that were replaced, and say what is wrong; to be called now and then."""
        if self._files is None or self._context is None:
            return
        state = _state(self._files)
        if state != self._state:
            self._renew(self._files, self._context, state)
        elif self._wrong:  # what was served is back
            self._wrong = ""
        if self.trouble and self.trouble != self._said:
            log.get().warning("certificate_to_renew", error=self.trouble)
        self._said = self.trouble

    def _renew(self, files: tuple[Path, Path], context: ssl.SSLContext, state: _State) -> None:
        try:
            _, self._validity = _good(files)
            context.load_cert_chain(*files, password=lambda: "")  # which counts for who is shaken hands with next
        except (SettingInvalidError, OSError, ValueError) as error:
            if not self._wrong:
                self._wrong_since = self._clock()
            self._wrong = str(error)
            return
        self._state, self._wrong = state, ""
        log.get().info("certificate_renewed", until=self._until())

    @property
    def trouble(self) -> str:
        """What is to be done about the certificate soon; empty if nothing is."""
        now = self._clock()
        if self._wrong and now - self._wrong_since >= SETTLED_S:
            return f"{self._wrong}; the certificate of before is served on, until the gateway is replaced"
        if self._files is None or (valid := self._validity) is None:
            return ""
        cert = f"the certificate in tls_cert {self._files[0]}"
        if now >= valid.ends:
            return f"{cert} has expired; renew it"
        if valid.ends - now < min(WARN_S, (valid.ends - valid.begins) / SHARE):
            return f"{cert} expires {self._until()}; renew it"
        return ""

    def _until(self) -> str:
        return (
            "" if self._validity is None else f"{datetime.fromtimestamp(self._validity.ends, UTC):%Y-%m-%d %H:%M} UTC"
        )


def _good(files: tuple[Path, Path]) -> tuple[ssl.SSLContext, certificate.Validity | None]:
    context = certificate.load(*files)
    return context, certificate.validity(files[0], context)


def _state(files: tuple[Path, Path]) -> _State:
    """Return what is another one when a file is replaced, or what it is a link to."""
    found: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            about = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((about.st_ino, about.st_mtime_ns, about.st_size))
    return tuple(found)
