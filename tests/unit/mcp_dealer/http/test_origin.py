"""The head of a request: what was sent of it, however much that is."""

from __future__ import annotations

import pytest

from mcp_dealer.http.origin import RequestHead

MANY = 300_000  # a copy of all values for each of them would take two minutes of a processor


@pytest.mark.timeout(30)
def test_any_number_of_equal_headers_is_read_in_one_pass() -> None:
    headers = [*([(b"A", b"1")] * MANY), (b"a", b"2"), (b"host", b"x")]
    head = RequestHead.of({"method": "GET", "path": "/", "headers": headers}, behind_proxy=False)
    assert head.headers == {"a": (*("1",) * MANY, "2"), "host": ("x",)}
