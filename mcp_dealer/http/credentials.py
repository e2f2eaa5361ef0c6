"""Credentials: whose a token or a cookie is, and what is allowed by it now."""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from memmux.config import mms_variables
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import KeyFileError
from memmux.logs import log
from memmux.trust import tokens
from memmux.trust.keyring import Keyring
from memmux.trust.signing import Signer
from memmux.wire.grants import API_KEY, BUILT_IN, WEB, Grant

COOKIE_S = 7 * 86_400.0
_PURPOSE = "cookie"
_MOST_CHARACTERS = 1024  # of a token that is looked at


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody may come in: with which grant, or, for the log alone, why not.

    name: of the key, if known. token: the digest of the one that was sent, if it is valid.
    """

    grant: Grant | None = None
    why_not: str = ""
    name: str = ""
    token: str = ""


class Credentials:
    """What lets somebody in at the cluster of a database. environment: has the token of mcp-memory-service, if any.

    clock: the time, in seconds since 1970. Keys are read anew when their file has changed; while it can't be believed,
    no key is valid.
    """

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._places = Places(settings)
        self._clock = clock
        self._keyring: Keyring | None = None
        self._wrong = ""
        self._signer = Signer(self._places, clock)
        theirs = mms_variables.api_key(environment)
        self._api_key = tokens.digest(theirs) if theirs else ""

    def of_token(self, token: str) -> Verdict:
        """Return whose a token is; how long that takes tells nothing about any that is valid."""
        if not token.isascii() or len(token) > _MOST_CHARACTERS:
            return Verdict(why_not="no token of ours")
        ours = bool(self._api_key) and hmac.compare_digest(self._api_key, tokens.digest(token))
        keyring = self._looked()
        key = None if keyring is None else keyring.keys.of_token(token)
        if ours:
            return Verdict(BUILT_IN[API_KEY], name=API_KEY, token=self._api_key)
        if key is None or keyring is None:
            return Verdict(why_not="unknown token")
        if keyring.why_not(key):
            return Verdict(why_not="revoked" if key.revoked is not None else "expired", name=key.name)
        return Verdict(key.grant, name=key.name, token=key.token)

    def of_cookie(self, value: str) -> Verdict:
        """Return whether a cookie is one that `cookie` made, and has not ended."""
        try:
            if self._signer.read(_PURPOSE, value) == WEB.encode():
                return Verdict(BUILT_IN[WEB], name=WEB)
        except KeyFileError as error:
            self._told(error.message)
        return Verdict(why_not="unknown cookie")

    def cookie(self) -> str:
        """Return the value of a new cookie, which ends COOKIE_S from now; raise KeyFileError."""
        return self._signer.sign(_PURPOSE, WEB.encode(), self._clock() + COOKIE_S)

    def cookie_name(self, *, secure: bool) -> str:
        """Return the cookie's name: all ports of a host share its cookies, so each database has one of its own.

        secure: whether it is sent over TLS alone; then no page of another host can set it (RFC 6265bis, 4.1.3).
        """
        return f"{'__Host-' if secure else ''}memmux-{self._places.digest}"

    def _looked(self) -> Keyring | None:
        """Return the keys as they are now; None while they can't be believed."""
        try:
            if self._keyring is None:
                self._keyring = Keyring(self._places, lambda _, wrong: self._told(wrong), self._clock)
                self._told("")
            else:
                self._keyring.refresh()
        except KeyFileError as error:
            self._told(error.message)
        return self._keyring

    def _told(self, wrong: str) -> None:
        """Log what keeps keys from being believed, once for each reason."""
        if wrong and wrong != self._wrong:
            log.get().error("keys_unreadable", error=wrong)
        self._wrong = wrong
