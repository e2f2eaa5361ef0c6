"""Certificates for tests: of localhost, signed by itself, with its key, in one file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

DAYS = 2  # for which a certificate is valid


def make(folder: Path) -> Path:
    """Return the file; the test is skipped where there is no openssl."""
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    file, key = folder / "tls.pem", folder / "tls.key"
    _openssl("req", "-x509", *_KEY, "-days", str(DAYS), *subject, "-keyout", str(key), "-out", str(file))
    file.write_bytes(key.read_bytes() + file.read_bytes())
    return file


def make_expired(folder: Path) -> Path:
    """Return the file of one that is valid no more."""
    file, key, request = folder / "expired.pem", folder / "expired.key", folder / "expired.csr"
    _openssl("req", "-new", *_KEY, "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(request))
    _openssl("x509", "-req", "-in", str(request), "-signkey", str(key), "-days", "-1", "-out", str(file))
    file.write_bytes(key.read_bytes() + file.read_bytes())
    return file


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments: str) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate")
    subprocess.run([openssl, *arguments], check=True, capture_output=True)
