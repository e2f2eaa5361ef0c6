"""The certificate while it is served: renewed without a restart, and said before it expires."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from pathlib import Path

import pytest

from mcp_dealer.http.tls import SETTLED_S, WARN_S, Tls
from memmux.errors import SettingInvalidError
from memmux.trust.certificate import load, validity
from tests import certificate
from tests.bounds import BOUND_S

HOUR_S = 3600.0


class _Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The files of a certificate and its key, which may be replaced."""
    pem = certificate.make(tmp_path)
    cert, key = tmp_path / "served.pem", tmp_path / "served.key"
    for file in (cert, key):
        shutil.copy(pem, file)
    return cert, key


def _ends(files: tuple[Path, Path]) -> float:
    valid = validity(files[0], load(*files))
    assert valid is not None
    return valid.ends


def _presented(tls: Tls, context: ssl.SSLContext) -> bytes:
    """The certificate that who connects is shown now."""
    tls.look()
    ours, theirs = socket.socketpair()
    shown: list[bytes] = []

    def ask() -> None:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with trusting.wrap_socket(theirs) as client:
            shown.append(client.getpeercert(binary_form=True) or b"")
            client.recv(1)

    asking = threading.Thread(target=ask)
    asking.start()
    with context.wrap_socket(ours, server_side=True) as server:
        server.sendall(b".")
        asking.join(BOUND_S)
    return shown[0]


def test_a_renewed_certificate_is_served_to_who_comes_next(files: tuple[Path, Path], tmp_path: Path) -> None:
    tls = Tls(*files)
    context = tls.context()
    assert context is not None
    before = _presented(tls, context)
    assert _presented(tls, context) == before
    (tmp_path / "another").mkdir()
    another = certificate.make(tmp_path / "another")
    for file in files:
        shutil.copy(another, tmp_path / "new")
        (tmp_path / "new").replace(file)
    after = _presented(tls, context)
    assert after != before
    assert ssl.DER_cert_to_PEM_cert(after).strip() in another.read_text()
    assert not tls.trouble


@pytest.mark.parametrize("wrong", ["half", "gone", "expired", "nonsense"])
def test_what_is_no_good_is_not_served_and_said_if_it_stays(
    files: tuple[Path, Path], tmp_path: Path, wrong: str
) -> None:
    clock = _Clock(_ends(files) - 30 * HOUR_S)
    tls = Tls(*files, clock=clock)
    context = tls.context()
    assert context is not None
    before, kept = _presented(tls, context), files[1].read_bytes()
    if wrong == "gone":
        files[1].unlink()
    elif wrong == "nonsense":
        files[1].write_text("nonsense")
    else:
        bad = certificate.make_expired(tmp_path)
        for file in files if wrong == "expired" else files[1:]:
            shutil.copy(bad, file)
    assert _presented(tls, context) == before
    assert not tls.trouble, "the other file may just be on its way"
    clock.now += SETTLED_S
    assert _presented(tls, context) == before
    assert "the certificate of before is served on" in tls.trouble
    for file in files:
        file.write_bytes(kept)
    assert _presented(tls, context) == before
    assert not tls.trouble


def test_its_end_is_foretold_in_the_last_sixth_of_its_time(files: tuple[Path, Path]) -> None:
    ends = _ends(files)
    clock = _Clock(ends - certificate.DAYS * 24 / 6 * HOUR_S - 1)
    tls = Tls(*files, clock=clock)
    tls.context()
    assert not tls.trouble
    clock.now += 2
    assert "served.pem expires 20" in tls.trouble
    clock.now = ends
    assert "served.pem has expired; renew it" in tls.trouble
    assert WARN_S > certificate.DAYS * 24 / 6 * HOUR_S


def test_without_a_certificate_there_is_nothing_to_look_at(files: tuple[Path, Path]) -> None:
    tls = Tls(None, None)
    assert tls.context() is None
    tls.look()
    assert not tls.trouble
    files[0].unlink()
    with pytest.raises(SettingInvalidError, match=r"served\.pem can't be read"):
        Tls(*files).context()
