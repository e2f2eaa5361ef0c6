"""The socket factory: the only place that sets ZeroMQ options. Every number that libzmq would choose is explicit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import zmq

from memmux import limits
from memmux.wire.addresses import parse
from memmux.wire.curve import Curve

QUEUE_MESSAGES = 4096  # per peer and direction; admission control acts long before
INBOX_MESSAGES = 256  # per peer, of a ROUTER: who sends faster than it reads waits, and does not fill its memory
# Plain numbers: to add two of the enum costs as much as to send.
_NOW, _MORE, _WAIT_MS = int(zmq.NOBLOCK), int(zmq.SNDMORE), int(zmq.RCVTIMEO)
_EVENTS, _READABLE = int(zmq.EVENTS), int(zmq.POLLIN)
_WAIT_MOST_MS = 3_600_000  # the number has 32 bits
ZERO_COPY_RECV = 10  # zmq.h's number for the option, for which pyzmq has no name
RECONNECT_MS = 20  # first pause before connecting again
RECONNECT_MOST_MS = 500  # the longest pause
HANDSHAKE_MS = 5_000
HEARTBEAT_MS = 5_000  # over tcp, between two looks whether the other end is there
HEARTBEAT_MOST_MS = 15_000  # without a sign of it, before the connection is closed
ZAP_ADDRESS = "inproc://zeromq.zap.01"  # RFC 27 names it
ZAP_DOMAIN = b"memmux"

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
    return _router(context, address, "")


def listener(context: zmq.Context[zmq.Socket[bytes]], address: str, secret: str) -> zmq.Socket[bytes]:
    """Return a ROUTER as of `router`, over tcp and never without CURVE; whom it lets in, ZAP_ADDRESS is asked.

    secret: the server's CURVE key.
    """
    if not secret:
        raise ValueError("there is no tcp without CURVE")
    return _router(context, address, secret)


def _router(context: zmq.Context[zmq.Socket[bytes]], address: str, secret: str) -> zmq.Socket[bytes]:
    # Else each small message that waits keeps the 8 KiB buffer alive that it was read into.
    context.set(ZERO_COPY_RECV, 0)
    socket = configured(context.socket(zmq.ROUTER))
    socket.rcvhwm = INBOX_MESSAGES
    try:
        socket.router_mandatory = 1
        socket.router_handover = 0
        if secret:
            socket.curve_server = 1
            socket.curve_secretkey = secret.encode()
            socket.zap_domain = ZAP_DOMAIN
            _over_tcp(socket, address)
        if address:
            socket.bind(address)
    except BaseException:
        socket.close()  # left open, it would keep the context from ending
        raise
    return socket


def send(target: zmq.Socket[bytes], routing_id: bytes, frames: Sequence[bytes]) -> bool:
    """Send over a ROUTER without blocking; return False when the peer is gone, or has not read for long."""
    try:
        send_now(target, [routing_id, *frames])
    except zmq.Again:
        return False
    except zmq.ZMQError as error:
        if error.errno != zmq.EHOSTUNREACH:
            raise
        return False
    return True


def send_now(target: zmq.Socket[Any], frames: Sequence[bytes]) -> None:
    """Send a message without blocking; raise zmq.Again where it can't be sent now.

    It does what `send_multipart` does for less than half of the time, and `receive` what `recv_multipart` does.
    """
    _send(target, frames, _NOW)


def send_surely(target: zmq.Socket[Any], frames: Sequence[bytes]) -> None:
    """Send a message as soon as it can be sent."""
    _send(target, frames, 0)


def _send(target: zmq.Socket[Any], frames: Sequence[bytes], how: int) -> None:
    for frame in frames[:-1]:
        target.send(frame, how | _MORE)
    target.send(frames[-1], how)


def waiting(source: zmq.Socket[Any], most: int) -> Iterator[list[bytes]]:
    """Yield the messages that wait, so many at most.

    Each is asked for before: to be told by an error that there is none takes three times as long.
    """
    for _ in range(most):
        if not source.getsockopt(_EVENTS) & _READABLE:  # type: ignore[operator]  # it is a number
            return
        yield _receive(source, _NOW)


def receive(source: zmq.Socket[Any], timeout_s: float) -> list[bytes] | None:
    """Return the next message, after waiting so long at most for it; None where none comes.

    With a poll before that, the system would be asked more often.
    """
    # Rounded up: who waits a little too short would wait again and again.
    source.setsockopt(_WAIT_MS, min(max(0, math.ceil(timeout_s * 1000)), _WAIT_MOST_MS))
    try:
        return _receive(source, 0)
    except zmq.Again:
        return None


def _receive(source: zmq.Socket[Any], how: int) -> list[bytes]:
    frame = source.recv(how, copy=False)
    frames = [frame.bytes]
    while frame.more:
        frame = source.recv(how, copy=False)
        frames.append(frame.bytes)
    return frames


def _over_tcp(socket: zmq.Socket[Any], address: str) -> None:
    """Notice when the other end vanishes, which tcp alone would not for hours."""
    socket.heartbeat_ivl = HEARTBEAT_MS
    socket.heartbeat_timeout = HEARTBEAT_MOST_MS
    socket.ipv6 = parse(address).six


def zap(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    """Return the REP that is asked who may come in through this context's listeners; to be made before them."""
    socket = configured(context.socket(zmq.REP))
    try:
        socket.bind(ZAP_ADDRESS)
    except BaseException:
        socket.close()  # the same
        raise
    return socket


def monitor(socket: zmq.Socket[bytes], events: int) -> zmq.Socket[bytes]:
    """Return a PAIR that says what happens to the connections of a socket; hints, not facts.

    libzmq waits for its reader, and accepts nothing meanwhile, once some 1000 events are unread. So neither is the
    monitor of a socket ever disabled, which would wait for libzmq: close the socket, and then this one.
    """
    address = f"inproc://monitor-{id(socket):x}"
    socket.monitor(address, events)
    reader: zmq.Socket[bytes] = configured(socket.context.socket(zmq.PAIR))
    reader.rcvhwm = 1  # beside the 1000 that libzmq sets at its own end
    reader.connect(address)
    return reader


def dealer(
    context: zmq.Context[AnySocket], address: str, identity: bytes = b"", curve: Curve | None = None
) -> AnySocket:
    """Return a DEALER connected to `address`; with an identity it is the routing id that the ROUTER sees.

    curve: over tcp, whom it talks to and who it is. Over tcp, send with NOBLOCK alone: a peer that refuses the key, or
    that is no router, has libzmq give the connection up for good, and a send that blocks then never returns.
    """
    socket = configured(context.socket(zmq.DEALER))
    try:
        if identity:
            socket.setsockopt(zmq.ROUTING_ID, identity)
        if curve is not None:
            socket.curve_serverkey = curve.server.encode()
            socket.curve_publickey = curve.own.public.encode()
            socket.curve_secretkey = curve.own.secret.encode()
            _over_tcp(socket, address)
        socket.connect(address)
    except BaseException:
        socket.close()  # the same
        raise
    return socket
