"""The remote listener: clients of other machines connect over tcp and CURVE, and it is known who each of them is.

It has three sockets that the loop polls: the listener; the one on which ZAP asks who may come in; and a monitor, whose
hints tell of connections that fail before they have a key to be judged by, and of those that end.

A client is known to the dispatcher by the routing id of its connection behind PREFIX, which no routing id of a local
client begins with: those that libzmq makes have 5 bytes, and those that a client chooses do not begin with a zero.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

import zmq

from memmux.errors import AddressUnavailableError
from memmux.logs import log
from memmux.logs.refusals import QUIET_S, Refusals
from memmux.trust.keyring import Keyring
from memmux.wire import sockets
from memmux.wire.addresses import parse
from memmux.wire.curve import KeyPair
from memmux.wire.grants import Grant
from router.io import descriptors
from router.io.auth import decide
from router.io.connections import SILENT_MOST, Connections, Peer
from router.io.local_listener import EVENT

PREFIX = b"\x00remote/"
PROBE_S = 60.0  # between two looks at each client's connection if no hint came that one has ended
SETTLED_S = 0.5  # after a hint that a connection has ended, in which its client may still seem to be there
_TURN = 64  # questions and hints that are taken at once
_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
_HINTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | _FAILED
_PEERS = 4096  # connections of which it is remembered that they were refused
_UNREAD, _LAST_MS = 4096, 5  # hints that are still read when all is closed, and for how long there must be none
CUT = "connections_cut"  # the code that says: connections are cut, as there are too many
CUT_S = 5.0  # for which the code is said after the last one

Incoming = tuple[bytes, list[bytes], Grant]
"""A message of a client: its routing id, the frames, and what it may do."""


class RemoteListener:
    """The way in for clients of other machines.

    address: where it listens. pair: the cluster's own keys. keyring: the clients'. full_at: how many descriptors are
    taken when nobody is let in any more; half of those that are free at first are for connections that come in here.
    """

    def __init__(self, address: str, pair: KeyPair, keyring: Keyring, full_at: int = descriptors.CONNECTIONS) -> None:
        self.address = address
        self.keyring = keyring
        self._pair = pair
        self._log = log.get()
        self._refusals = Refusals()
        self._users: dict[bytes, str] = {}  # the public key behind each routing id that was heard from
        self._refused: set[bytes] = set()  # routing ids whose key was refused, and that it was logged of
        self._gone: list[bytes] = []
        self._full_at = full_at
        self._connections = Connections(full_at // 2, SILENT_MOST)
        self._cut_at = self._cut_said = -QUIET_S  # when a connection was cut last, and when that was logged last
        self._cut = 0  # connections, since it was logged last
        self._failed = False  # the handshake of the connection that ends next
        self._next_probe = 0.0
        self._ended = -PROBE_S  # when the last hint came that a connection has ended
        self._listener: zmq.Socket[bytes]
        self._zap: zmq.Socket[bytes]
        self._monitor: zmq.Socket[bytes]

    def open(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Listen; raise AddressUnavailableError if that can't be."""
        zap = None
        try:
            self._zap = zap = sockets.zap(context)  # libzmq may have that of a try before for a moment
            self._listener = sockets.listener(context, self.address, self._pair.secret)
        except zmq.ZMQError as error:
            if zap is not None:
                zap.close()
            raise AddressUnavailableError(_why_not(self.address, error)) from None
        self._monitor = sockets.monitor(self._listener, _HINTS)
        with suppress(OSError):
            self._connections = Connections((self._full_at - descriptors.lowest_free()) // 2, SILENT_MOST)

    def close(self, linger_ms: int) -> None:
        """Close it; the last answers still go out."""
        self._listener.close(linger=linger_ms)
        for _ in range(_UNREAD):  # libzmq may be waiting to say more
            if not self._monitor.poll(_LAST_MS):
                break
            self._monitor.recv_multipart()
        self._monitor.close(linger=0)
        self._zap.close(linger=0)

    @property
    def polled(self) -> Sequence[zmq.Socket[bytes]]:
        """What the loop polls."""
        return self._listener, self._zap, self._monitor

    @property
    def listener(self) -> zmq.Socket[bytes]:
        """What messages are sent on, to the routing id that `inner` returns."""
        return self._listener

    @staticmethod
    def owns(routing_id: bytes) -> bool:
        """Return whether that is a client that came in here."""
        return routing_id.startswith(PREFIX)

    @staticmethod
    def inner(routing_id: bytes) -> bytes:
        """Return the routing id that the listener knows."""
        return routing_id[len(PREFIX) :]

    def answer(self, now: float) -> None:
        """Answer who may come in, and take hints."""
        for question in sockets.waiting(self._zap, _TURN):
            self.keyring.refresh()
            verdict = decide(question, self.keyring.keys, time.time())
            self._zap.send_multipart(verdict.reply())
            if verdict.user:
                self._log.info("client_authenticated", key=verdict.name, address=verdict.address)
            else:
                self._refuse(verdict.address, verdict.reason, verdict.name, now)
        for message in sockets.waiting(self._monitor, _TURN):
            event, descriptor = EVENT.unpack(message[0])
            self._hint(event, descriptor, now)
        self._cut_excess(now)

    def messages(self, most: int) -> Iterator[Incoming]:
        """Yield what clients say whose key is valid now; whoever else says something is gone."""
        for _ in range(most):
            try:
                sender, *parts = self._listener.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            routing_id, user = PREFIX + sender.bytes, _user(parts)
            grant = self.keyring.grant(user)
            if grant is None:
                self._shut_out(routing_id, user)
                continue
            self._users[routing_id] = user
            self._connections.spoke(_descriptor(parts))
            yield routing_id, [part.bytes for part in parts], grant

    def gone(self) -> list[bytes]:
        """Return the clients that were found to be gone since this was last asked."""
        gone, self._gone = self._gone, []
        return gone

    def refresh(self) -> None:
        """Look at the keys' file and at the clock, and shut out whose key is not valid any more."""
        self.keyring.refresh()
        for routing_id, user in list(self._users.items()):
            if self.keyring.grant(user) is None:
                self._shut_out(routing_id, user)

    def to_probe(self, sessions: Collection[bytes], now: float) -> Collection[bytes]:
        """Return the clients to say something to now, to see whether they are there; forget those without a session.

        Not often: what a client does not read, because it asks nothing, waits in its queue.
        """
        here = set(filter(self.owns, sessions))
        self._users = {routing_id: user for routing_id, user in self._users.items() if routing_id in here}
        if now < self._next_probe:
            return ()
        self._next_probe = now + (PROBE_S if now - self._ended >= SETTLED_S else 0)
        return here

    def _shut_out(self, routing_id: bytes, user: str) -> None:
        """Take a client for gone, and say so once for each connection."""
        self._users.pop(routing_id, None)
        self._gone.append(routing_id)
        if routing_id in self._refused:
            return
        if len(self._refused) >= _PEERS:
            self._refused.clear()
        self._refused.add(routing_id)
        key = self.keyring.keys.find(user)
        reason = "unknown key" if key is None else "revoked key" if key.revoked is not None else "expired key"
        self._log.warning("key_refused", key="" if key is None else key.name, reason=reason)

    def _refuse(self, address: str, reason: str, name: str, now: float) -> None:
        if self._refusals.news((address, reason, name), now):
            self._log.warning("client_refused", address=address, reason=reason, **({"key": name} if name else {}))

    def _hint(self, event: int, descriptor: int, now: float) -> None:
        """Take a hint: a connection that ends right after its handshake failed is one that was refused for that."""
        if event == zmq.EVENT_ACCEPTED:
            self._connections.opened(descriptor, _peer(descriptor))
        elif event == zmq.EVENT_DISCONNECTED:
            address = self._connections.closed(descriptor)
            if self._failed:
                self._refuse(address, "no CURVE, or the key of another cluster", "", now)
            else:
                self._ended, self._next_probe = now, min(self._next_probe, now)  # perhaps of a client with a session
            self._failed = False
        elif event & _FAILED:
            self._failed = True

    def troubles(self, now: float) -> Sequence[str]:
        """Return the code of what is wrong, if anything is."""
        return (CUT,) if now - self._cut_at < CUT_S else ()

    def _cut_excess(self, now: float) -> None:
        """Cut what there is too much of, so that descriptors are left for the clients of this machine."""
        for descriptor, peer in self._connections.excess():
            _cut(descriptor, peer)
            self._cut_at, self._cut = now, self._cut + 1
        if self._cut and now - self._cut_said >= QUIET_S:
            bounds = {"most": self._connections.most, "silent_most": self._connections.silent_most}
            self._log.warning("connections_cut", count=self._cut, **bounds)
            self._cut_said, self._cut = now, 0


def _user(parts: Sequence[zmq.Frame]) -> str:
    """Return the User-Id of a message: what `decide` said of its connection."""
    with suppress(zmq.ZMQError, IndexError):
        return str(parts[-1].get("User-Id"))
    return ""


def _descriptor(parts: Sequence[zmq.Frame]) -> int:
    """Return the descriptor over which a message came; -1 if it is not known."""
    with suppress(zmq.ZMQError, IndexError):
        return int(parts[-1].get(zmq.SRCFD))
    return -1


def _peer(descriptor: int) -> Peer:
    """Return host and port at the other end; an empty one if the connection, and so the descriptor, is gone by now."""
    try:
        connection = socket.socket(fileno=descriptor)
    except OSError:
        return "", 0
    try:
        return _named(connection)
    except (OSError, IndexError):
        return "", 0
    finally:
        connection.detach()  # it is libzmq's


def _cut(descriptor: int, peer: Peer) -> None:
    """End a connection; libzmq sees that and closes it. By now the descriptor may be another one's, who is left."""
    try:
        connection = socket.socket(fileno=descriptor)
    except OSError:
        return
    try:
        if peer[0] and _named(connection) == peer:
            connection.shutdown(socket.SHUT_RDWR)
    except (OSError, IndexError):
        pass
    finally:
        connection.detach()


def _named(connection: socket.socket) -> Peer:
    host, port, *_ = connection.getpeername()
    return str(host), int(port)


def _why_not(address: str, error: zmq.ZMQError) -> str:
    port = parse(address).port
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{address} is in use by another program, or by the cluster of another database (`memmux clusters`); "
                "stop that one, choose another port, or have this one listen nowhere: --listen none"
            )
        case errno.EADDRNOTAVAIL | errno.ENODEV:
            return f"{address} is no address of this machine; name one of its own, or tcp://0.0.0.0:{port} for all"
        case _:
            return f"{address} can't be listened at: {error.strerror}; choose another port or address"
