from __future__ import annotations

from pathlib import Path

import pytest

from memmux.errors import SettingInvalidError
from memmux.trust.certificate import load, validity
from tests import certificate


def test_a_certificate_and_its_key_are_what_tls_is_served_with(tmp_path: Path) -> None:
    pem = certificate.make(tmp_path)
    for key in (pem, tmp_path / "tls.key"):
        valid = validity(pem, load(pem, key))
        assert valid is not None
        assert (valid.ends - valid.begins) / 86_400 == certificate.DAYS


def test_the_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    pem = certificate.make(tmp_path)
    certificate.make_expired(tmp_path)
    (tmp_path / "none.pem").write_text("no certificate")
    (tmp_path / "folder.pem").mkdir()
    for cert, key, said in [
        ("nowhere.pem", "tls.key", r"tls_cert .*nowhere\.pem can't be read: No such file"),
        ("tls.pem", "nowhere.pem", r"tls_key .*nowhere\.pem can't be read: No such file"),
        ("tls.pem", "folder.pem", r"tls_key .*folder\.pem can't be read: Is a directory"),
        ("none.pem", "tls.key", r"none\.pem .* no certificate and its key"),
        ("tls.pem", "none.pem", r"none\.pem are no certificate and its key"),
        ("tls.pem", "expired.key", r"expired\.key are no certificate and its key.*mismatch"),
    ]:
        with pytest.raises(SettingInvalidError, match=said):
            load(tmp_path / cert, tmp_path / key)
    assert pem.exists()


def test_one_that_has_expired_is_known(tmp_path: Path) -> None:
    pem = certificate.make_expired(tmp_path)
    with pytest.raises(SettingInvalidError, match=r"expired\.pem has expired; renew it"):
        validity(pem, load(pem, pem))
