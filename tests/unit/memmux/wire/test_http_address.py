"""Where HTTP is served, and by which URL that is reached."""

from __future__ import annotations

import pytest

from memmux.wire import http_address
from memmux.wire.http_address import HttpAddress


@pytest.mark.parametrize(
    ("host", "loopback", "url"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:80"),
        ("::1", True, "http://[::1]:80"),
        ("0.0.0.0", False, "http://127.0.0.1:80"),  # noqa: S104 - nobody binds it
        ("::", False, "http://[::1]:80"),
        ("10.0.0.5", False, "http://10.0.0.5:80"),
    ],
)
def test_an_address_has_a_url_that_leads_there(host: str, loopback: bool, url: str) -> None:
    address = HttpAddress(host, 0)
    assert (address.loopback, address.url(80)) == (loopback, url)
    assert address.url(443, tls=True, name="memory.example") == "https://memory.example:443"
    assert http_address.parse(str(address)) == address
