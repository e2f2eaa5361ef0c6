"""The socket factory: the only place that sets ZeroMQ options. Every number that libzmq would choose is explicit."""

from __future__ import annotations

from typing import Any, TypeVar

import zmq

from memmux import limits

QUEUE_MESSAGES = 4096  # per peer and direction; admission control acts long before
INBOX_MESSAGES = 256  # per peer, of a ROUTER: who sends faster than it reads waits, and does not fill its memory
ZERO_COPY_RECV = 10  # zmq.h's number for the option, for which pyzmq has no name
RECONNECT_MS = 20  # first pause before connecting again
RECONNECT_MOST_MS = 500  # the longest pause
HANDSHAKE_MS = 5_000

AnySocket = TypeVar("AnySocket", bound="zmq.Socket[Any]")


def configured(socket: AnySocket) -> AnySocket:
    """Return `socket` with every common option set."""
    socket.linger = 0
    socket.sndhwm = QUEUE_MESSAGES
    socket.rcvhwm = QUEUE_MESSAGES
    # libzmq counts frames, not messages; one frame within its limit is refused above it and the peer disconnected,
    # so senders check sizes first.
    socket.maxmsgsize = limits.MESSAGE_BYTES
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = RECONNECT_MOST_MS
    socket.handshake_ivl = HANDSHAKE_MS
    return socket


def router(context: zmq.Context[zmq.Socket[bytes]], address: str = "") -> zmq.Socket[bytes]:
    """Return a ROUTER bound to `address` that refuses to send to a peer that is gone, instead of losing the message.

    Without an address it is not bound yet.
    """
    # Else each small message that waits keeps the 8 KiB buffer alive that it was read into.
    context.set(ZERO_COPY_RECV, 0)
    socket = configured(context.socket(zmq.ROUTER))
    socket.rcvhwm = INBOX_MESSAGES
    try:
        socket.router_mandatory = 1
        socket.router_handover = 0
        if address:
            socket.bind(address)
    except BaseException:
        socket.close()  # left open, it would keep the context from ending
        raise
    return socket


def dealer(context: zmq.Context[AnySocket], address: str, identity: bytes = b"") -> AnySocket:
    """Return a DEALER connected to `address`; with an identity it is the routing id that the ROUTER sees."""
    socket = configured(context.socket(zmq.DEALER))
    try:
        if identity:
            socket.setsockopt(zmq.ROUTING_ID, identity)
        socket.connect(address)
    except BaseException:
        socket.close()  # the same
        raise
    return socket
