"""The endpoint: what the file and the READY line say."""

from __future__ import annotations

import orjson

from memmux.cluster.endpoint import Endpoint


def test_a_folder_with_a_line_break_in_its_name_is_an_address() -> None:
    endpoint = Endpoint("ipc:///tmp/a\nb/clients", 5, "0.1.0", 1)
    assert Endpoint.from_line(orjson.dumps(endpoint.to_json())) == endpoint


def test_the_flags_that_gave_settings_are_told() -> None:
    endpoint = Endpoint("ipc:///tmp/clients", 5, "0.1.0", 1, given=("--http=127.0.0.1:9000",))
    assert Endpoint.from_line(orjson.dumps(endpoint.to_json())) == endpoint
    assert "given" not in Endpoint("ipc:///tmp/clients", 5, "0.1.0", 1).to_json()
