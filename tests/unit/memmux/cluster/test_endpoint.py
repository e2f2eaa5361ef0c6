"""The endpoint: what the file and the READY line say, and whose word it is."""

from __future__ import annotations

import os

import orjson
import pytest

from memmux.cluster import endpoint as endpoints
from memmux.cluster.endpoint import Endpoint
from memmux.config.paths import Places


@pytest.mark.parametrize("listen", ["", "tcp://0.0.0.0:7700"])
def test_endpoint_file_is_read_as_it_was_written_by_its_owner_alone(places: Places, listen: str) -> None:
    endpoint = Endpoint("ipc:///run/clients", 42, "0.1", 1, listen)
    endpoints.write(places, endpoint)
    assert endpoints.read(places) == endpoint
    assert places.endpoint.stat().st_mode & 0o777 == 0o600
    assert list(places.endpoint.parent.iterdir()) == [places.endpoint]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"endpoint": 1, "pid": 1, "protocol": 1}',
        b'{"endpoint": "ipc:///x", "pid": 0, "protocol": 1}',
        b'{"endpoint": "ipc:///x", "pid": -1, "protocol": 1}',
        b'{"endpoint": "ipc:///x", "pid": true, "protocol": 1}',
        b'{"endpoint": "inproc://x", "pid": 1, "protocol": 1}',
        b'{"endpoint": "tcp://nonsense", "pid": 1, "protocol": 1}',
        b'{"endpoint": "ipc:///x", "pid": 1}',
        b"\xff" * 10_000,
    ],
)
def test_broken_endpoint_file_is_none(places: Places, content: bytes) -> None:
    places.endpoint.write_bytes(content)
    places.endpoint.chmod(0o600)
    assert endpoints.read(places) is None


def test_endpoint_file_that_others_may_have_written_is_none(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints.write(places, Endpoint("ipc:///x", 1, "0", 1))
    places.endpoint.chmod(0o620)
    assert endpoints.read(places) is None
    places.endpoint.chmod(0o600)
    assert endpoints.read(places) is not None
    monkeypatch.setattr(os, "getuid", lambda: places.endpoint.stat().st_uid + 1)
    assert endpoints.read(places) is None


def test_endpoint_file_that_is_a_link_a_folder_or_absent_is_none(places: Places) -> None:
    assert endpoints.read(places) is None
    other = places.database.with_name("other")
    other.write_bytes(orjson.dumps(Endpoint("ipc:///x", 1, "0", 1).to_json()))
    other.chmod(0o600)
    places.endpoint.symlink_to(other)
    assert endpoints.read(places) is None
    places.endpoint.unlink()
    places.endpoint.mkdir()
    assert endpoints.read(places) is None
    places.endpoint.rmdir()


def test_only_the_router_itself_removes_its_endpoint_file(places: Places) -> None:
    endpoints.write(places, Endpoint("ipc:///x", 42, "0", 1))
    endpoints.remove(places, 43)
    assert places.endpoint.exists()
    endpoints.remove(places, 42)
    assert not places.endpoint.exists()
    endpoints.remove(places, 42)


def test_a_folder_with_a_line_break_in_its_name_is_an_address() -> None:
    endpoint = Endpoint("ipc:///tmp/a\nb/clients", 5, "0.1.0", 1)
    assert Endpoint.from_line(orjson.dumps(endpoint.to_json())) == endpoint


def test_the_flags_that_gave_settings_are_told() -> None:
    endpoint = Endpoint("ipc:///tmp/clients", 5, "0.1.0", 1, given=("--http=127.0.0.1:9000",))
    assert Endpoint.from_line(orjson.dumps(endpoint.to_json())) == endpoint
    assert "given" not in Endpoint("ipc:///tmp/clients", 5, "0.1.0", 1).to_json()
