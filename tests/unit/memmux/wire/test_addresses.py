from __future__ import annotations

import pytest

from memmux.errors import SettingInvalidError
from memmux.wire.addresses import Address, parse, parse_listen


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("tcp://10.0.0.5:7700", "10.0.0.5", 7700),
        ("tcp://memory.example:1", "memory.example", 1),
        ("tcp://[fd00::5]:65535", "fd00::5", 65535),
    ],
)
def test_an_address_is_written_as_it_was_read(text: str, host: str, port: int) -> None:
    assert parse(text) == Address(host, port)
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "7700", "10.0.0.5:7700", "ipc:///x", "tcp://:7700", "tcp://a b:1", "tcp://x", "tcp://x:y", "tcp://[x]:1"],
)
def test_what_is_no_address_is_refused_by_the_name_of_its_source(text: str) -> None:
    with pytest.raises(SettingInvalidError, match=r"MEMMUX_LISTEN is .*tcp://10\.0\.0\.5:7700"):
        parse(text, "MEMMUX_LISTEN")


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_a_port_that_clients_could_not_know_is_refused(port: str) -> None:
    with pytest.raises(SettingInvalidError, match="from 1 to 65535"):
        parse(f"tcp://10.0.0.5:{port}")


def test_an_address_of_version_6_without_brackets_is_refused_with_the_remedy() -> None:
    with pytest.raises(SettingInvalidError, match="in brackets"):
        parse("tcp://fd00::5:7700")


def test_a_cluster_listens_at_numbers_and_not_at_names() -> None:
    assert str(parse_listen("tcp://*:7700")) == "tcp://0.0.0.0:7700"
    assert str(parse_listen("tcp://localhost:7700")) == "tcp://127.0.0.1:7700"
    with pytest.raises(SettingInvalidError, match="by its number"):
        parse_listen("tcp://memory.example:7700")
    with pytest.raises(SettingInvalidError, match="by its number"):
        parse_listen("tcp://[::zz]:7700".replace("zz", "1:::2"))


@pytest.mark.parametrize(
    ("text", "loopback", "anywhere"),
    [
        ("tcp://127.0.0.1:1", True, False),
        ("tcp://127.9.9.9:1", True, False),
        ("tcp://[::1]:1", True, False),
        ("tcp://localhost:1", True, False),
        ("tcp://0.0.0.0:1", False, True),
        ("tcp://[::]:1", False, True),
        ("tcp://10.0.0.5:1", False, False),
        ("tcp://memory.example:1", False, False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(text: str, *, loopback: bool, anywhere: bool) -> None:
    assert (parse(text).loopback, parse(text).anywhere) == (loopback, anywhere)
