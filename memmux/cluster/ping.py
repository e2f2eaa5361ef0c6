"""PING: looks whether a cluster answers at the endpoint that its file names."""

from __future__ import annotations

import time

from memmux.cluster.endpoint import Endpoint, read
from memmux.cluster.steps import Steps, pauses, run
from memmux.config.paths import Places
from memmux.errors import OverloadedError
from memmux.processes import alive
from memmux.wire import protocol
from memmux.wire.addresses import path_of, path_while_full
from memmux.wire.protocol import Header, Kind

PONG_S = 3.0  # a router that does not answer a PING for so long is dead


def ping(endpoint: Endpoint) -> bool:
    """Return whether a router answers there in time."""
    return run(answers(endpoint, PONG_S))


def look(places: Places) -> Steps[Endpoint | None]:
    """Return the endpoint of a cluster that answers; raise OverloadedError if it lets nobody more in."""
    endpoint = read(places)
    if endpoint is None or not alive(endpoint.pid):
        return None
    if _bound(endpoint.address) and (yield from answers(endpoint, PONG_S)):
        return endpoint
    if full(endpoint):
        raise OverloadedError(
            f"the cluster (pid {endpoint.pid}) has as many connections as it may open files; close clients, or raise "
            "the limit of open files (`ulimit -n`, or LimitNOFILE of its service) and start it anew"
        )
    return None


def full(endpoint: Endpoint) -> bool:
    """Return whether the cluster there serves, and lets nobody more in."""
    local = endpoint.address.startswith("ipc:///")
    return local and alive(endpoint.pid) and path_while_full(endpoint.address).exists()


def _bound(address: str) -> bool:
    """Return whether there may be a socket: after a reboot another process may have the router's pid."""
    return not address.startswith("ipc:///") or path_of(address).exists()


def answers(endpoint: Endpoint, timeout_s: float) -> Steps[bool]:
    """Return whether a router answers there within the time; nothing blocks."""
    import zmq  # only where there may be a router: who starts one does without

    from memmux.wire import sockets  # the same

    until = time.monotonic() + timeout_s
    # A context of its own, so that this works in a forked process and leaves nothing behind.
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        socket = sockets.dealer(context, endpoint.address, curve=endpoint.curve)
        # Never blocking: once libzmq has given up a handshake, nothing can be sent, and no time-out ends the wait.
        socket.send_multipart(protocol.encode(Header(kind=Kind.PING)), zmq.NOBLOCK)
        for pause in pauses():
            # Any answer shows a router; whether it speaks our protocol is HELLO's question, and has its own error.
            if socket.poll(0):
                return True
            if time.monotonic() >= until or not endpoint.alive():
                return False
            yield pause
    except zmq.ZMQError:
        pass  # not an address that can be connected to, or a peer of which it is already known that it is no router
    finally:
        context.destroy(linger=0)  # and its socket, which has no name here if connecting failed
    return False
