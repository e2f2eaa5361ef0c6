"""The local listener, with real sockets: nobody is let in while it is full, and somebody is once it is not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zmq

from memmux.wire.addresses import path_of, path_while_full
from router.io.local_listener import FULL, LocalListener

MANY = 1 << 20


@pytest.fixture
def address(short_tmp: Path) -> str:
    return f"ipc://{short_tmp}/clients"


@pytest.fixture
def listener(address: str) -> Iterator[LocalListener]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    opened = LocalListener(context, address, MANY)
    opened.open()
    yield opened
    opened.close(0)
    context.term()


def _fill(listener: LocalListener, *, full: bool) -> None:
    listener._full_at = 0 if full else MANY


def _can_connect(address: str) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as client:
        return client.connect_ex(str(path_of(address))) == 0


def test_clients_are_let_in_again_once_there_is_room(listener: LocalListener, address: str) -> None:
    _fill(listener, full=True)
    assert listener.look() == (FULL,)
    assert not _can_connect(address)
    _fill(listener, full=False)
    assert listener.look() == ()
    assert _can_connect(address)


def test_clients_are_let_in_again_though_somebody_removed_the_path_meanwhile(
    listener: LocalListener, address: str
) -> None:
    _fill(listener, full=True)
    listener.look()
    path_while_full(address).unlink()
    assert listener.look() == (FULL,)
    _fill(listener, full=False)
    assert listener.look() == ()
    listener.look()
    assert _can_connect(address)
