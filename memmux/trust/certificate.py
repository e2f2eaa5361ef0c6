"""The certificate by which HTTP is served over TLS, with its key: two files in PEM, or one that holds both."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memmux.errors import SettingInvalidError

_ROUNDS = 3  # of a handshake, in which each side speaks
_NOT_YET, _EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL


def load(cert: Path, key: Path) -> ssl.SSLContext:
    """Return what serves TLS with them; raise SettingInvalidError, which names the file and what is wrong with it."""
    for name, file in (("tls_cert", cert), ("tls_key", key)):
        try:
            file.open("rb").close()
        except OSError as error:
            raise SettingInvalidError(f"{name} {file} can't be read: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise SettingInvalidError(
            f"tls_cert {cert} and tls_key {key} are no certificate and its key, in PEM and without a password: {error}"
        ) from None
    return context


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when a certificate is valid, in seconds since 1970."""

    begins: float
    ends: float


def validity(cert: Path, context: ssl.SSLContext) -> Validity | None:
    """Return when the certificate of a context is valid; None if nothing tells that.

    Raises SettingInvalidError if it is valid no more, or not yet.

    Nothing in the standard library tells the time of a certificate but a client that is shaken hands with: here one
    that trusts this very certificate, in memory.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    asked, told = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        trusting.load_verify_locations(cert)
        client = trusting.wrap_bio(told, asked)
        server = context.wrap_bio(asked, told, server_side=True)
        for _ in range(_ROUNDS):
            for side in (client, server):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        wrong = {_NOT_YET: "is not valid yet; look at the clock", _EXPIRED: "has expired; renew it"}.get(
            error.verify_code
        )
        if wrong is not None:
            raise SettingInvalidError(f"the certificate in tls_cert {cert} {wrong}") from None
        return None
    except OSError:  # of whatever else a client may complain, the certificate can be served
        return None
    said = client.getpeercert() or {}
    begins, ends = (ssl.cert_time_to_seconds(str(said[name])) for name in ("notBefore", "notAfter"))
    return Validity(begins, ends)
