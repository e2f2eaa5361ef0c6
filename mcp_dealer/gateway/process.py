"""The process of a gateway: where its relays come from, and when it ends."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from mcp_dealer.gateway.connection import Connection
from mcp_dealer.gateway.gateway import Gateway
from memmux import processes
from memmux.cluster import policy
from memmux.config.paths import Places, make_private, open_lock
from memmux.config.settings import Settings
from memmux.relay.frames import pack_fields
from memmux.relay.host import Host
from memmux.relay.line_log import LineLog
from memmux.relay.relay import LeaveError, Relay, Way
from memmux.relay.route import TOLD
from memmux.version import __version__

if TYPE_CHECKING:
    from mcp_dealer.http.service import HttpService

_STDERR = 2
IDLE_S = 300.0  # without a relay, before the process ends
DETACHED_IDLE_S = 30.0  # the same, where no router ends it
BEAT_S = 1.0  # between two signs of life
LEAST_S = 3.0  # without one, before it ends where no router hears it
BACKLOG = 1024  # relays that wait to be taken in
_PATH_STAYS: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}  # it is the router's


def run(how: str, settings: Settings, descriptor: int, http: int = -1, *, held: bool = False) -> None:
    """Serve as the flag `how` says; http: the descriptor of the socket for HTTP, or -1; held: once we are told to."""
    match how:
        case "--private":
            asyncio.run(_private(settings))
        case "--connection-fd":
            asyncio.run(_connected(settings, descriptor))
        case "--listen-fd":
            processes.end_with_parent()  # also while it is stopped: its relays would wait for it for ever
            if held and not os.read(0, 1):
                return  # the router has ended
            with policy.upgrading_nothing():
                asyncio.run(_listening(settings, socket.socket(fileno=descriptor), beats=True, http=http))
        case _:
            _detached(settings)


async def _private(settings: Settings) -> NoReturn:
    """Serve the host at standard input and output; its relay is a thread."""
    ours, theirs = socket.socketpair()
    host = Host(*_claimed())
    relay = Relay(host, _OneWay(theirs, settings))
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def carry() -> None:
        code = 1
        try:
            code = relay.run()
        finally:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_end, ended, code)

    threading.Thread(target=carry, name="relay", daemon=True).start()
    gateway = _made(None)
    _heed_signals(ended)
    serving = gateway.take(await Connection.of(ours))
    code = await ended
    theirs.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await asyncio.wait({serving})
    await _leave(gateway, code)


async def _connected(settings: Settings, descriptor: int) -> NoReturn:
    """Serve one relay, over the socket that it has given us."""
    gateway = _made(None)
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _heed_signals(ended)
    serving = gateway.take(await Connection.of(socket.socket(fileno=descriptor)))
    serving.add_done_callback(lambda _: _end(ended, 0))
    while not ended.done():
        _end_if_hung(settings.stall_s)
        await asyncio.wait({ended}, timeout=BEAT_S)
    await _leave(gateway, ended.result())


async def _listening(settings: Settings, listener: socket.socket, *, beats: bool, http: int = -1) -> NoReturn:
    """Serve all relays that connect, until there has been none for a while, or the router is gone.

    beats: whether the router at the other end of standard input and output is to be told that this process lives.
    """
    gateway = _made(settings)
    service = None if http < 0 else await _http(settings, gateway, socket.socket(fileno=http))
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _heed_signals(ended)
    place = Path(listener.getsockname())

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gateway.take(Connection(reader, writer))

    listener.setblocking(False)  # noqa: FBT003 - it takes no name
    server = await asyncio.start_unix_server(take, sock=listener, **_PATH_STAYS)

    def move() -> None:
        server.close()
        gateway.move()
        if service is not None:
            service.leave()

    if beats:
        told = {b"move": move, **({} if service is None else {b"http": service.open, b"leave": service.leave})}
        _watch_router(asyncio.get_running_loop(), told)
    while not ended.done() and not (gateway.moving and not gateway.sessions and (service is None or service.left)):
        if service is None and not gateway.sessions and _rested(gateway, None if beats else place):
            break
        if beats:
            _say(b"." if service is None else orjson.dumps(service.look()) + b"\n")
        else:
            _end_if_hung(settings.stall_s)
        await asyncio.wait({ended}, timeout=BEAT_S)
    server.close()
    if service is not None:
        await service.aclose()
    await _leave(gateway, 0)


async def _http(settings: Settings, gateway: Gateway, listener: socket.socket) -> HttpService:
    """Return what serves HTTP once the router says so; here alone it is imported."""
    from mcp_dealer.http.service import HttpService

    service = HttpService(settings, gateway.server, gateway.context, listener)
    await service.start()
    return service


def _rested(gateway: Gateway, place: Path | None) -> bool:
    """Return whether nobody has come for long, or nobody can as a detached gateway's socket, at `place`, is gone."""
    rested_s = time.monotonic() - gateway.idle_since
    return rested_s >= IDLE_S if place is None else rested_s >= DETACHED_IDLE_S or not place.exists()


def _watch_router(loop: asyncio.AbstractEventLoop, told: Mapping[bytes, Callable[[], object]]) -> None:
    """End with the router, which has the other end of standard input, and do what it says there."""

    def watch() -> None:
        while words := os.read(0, 64):
            for word in words.split():
                if word in told:
                    loop.call_soon_threadsafe(told[word])
        os._exit(0)

    threading.Thread(target=watch, name="router-watch", daemon=True).start()


def _end_if_hung(stall_s: float) -> None:
    """End this process, of which no router hears, unless this is called again within `stall_s`; its stack is said.

    Who counts is a thread without Python, which what hangs may not let go of.
    """
    faulthandler.dump_traceback_later(max(LEAST_S, stall_s), exit=True, file=_STDERR)


def _say(word: bytes) -> None:
    with suppress(OSError):  # the router is gone, or stopped and not reading
        os.write(1, word)


def _detached(settings: Settings) -> None:
    """Serve the relays of this machine for a cluster on another one."""
    path = Places(settings).mcp_socket
    make_private(path.parent.parent)
    make_private(path.parent)
    with open_lock(path.with_name("mcp.lock")) as lock:
        if not lock.take():
            return  # another one serves
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen(BACKLOG)
        asyncio.run(_listening(settings, listener, beats=False))


async def _leave(gateway: Gateway, code: int) -> NoReturn:
    """End the process.

    At once, because a thread that waits for standard input, or for a cluster that is still starting, can't be
    interrupted, and hosts kill servers that linger. Every answer was flushed when it was written.
    """
    await gateway.aclose()
    if gateway.traced:
        from mcp_dealer.link import traces  # there already

        traces.flush()
    os._exit(code)


def _end(ended: asyncio.Future[int], code: int) -> None:
    if not ended.done():
        ended.set_result(code)


def _heed_signals(told: asyncio.Future[int]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, told, 0)


def _made(settings: Settings | None) -> Gateway:
    """Return the gateway of this process, which is what all of it is for.

    It has no time zone of its own: each host has one. What is there by now stays, and is no more looked through.
    """
    gateway = Gateway(settings)
    os.environ.pop("TZ", None)
    gc.freeze()
    gc.enable()
    return gateway


def _claimed() -> tuple[int, int]:
    """Return standard input and output under other descriptors; what prints goes to standard error from now on."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    read, write = os.dup(0), os.dup(1)
    os.dup2(nothing, 0)
    os.dup2(_STDERR, 1)
    os.close(nothing)
    return read, write


class _OneWay(Way):
    """The way of a relay that is a part of its gateway's process."""

    def __init__(self, gateway: socket.socket, settings: Settings) -> None:
        self._gateway: socket.socket | None = gateway
        told = [(name, value) for name, value in os.environ.items() if name.startswith(TOLD)]
        try:
            folder = os.getcwd()  # noqa: PTH109 - as it is, also where it can't be read
        except OSError:
            folder = "/"
        self._hello = pack_fields(
            [
                ("version", __version__),
                ("session", os.urandom(16).hex()),
                ("pid", str(os.getpid())),
                ("host_pid", str(os.getppid())),
                ("folder", folder),
                *(("flag", flag) for flag in settings.flags()),
                *(("env", f"{name}={value}") for name, value in told),
            ]
        )

    def step(self, now: float, *, search: bool) -> socket.socket:
        """Return the one connection that there is, once."""
        del now, search
        gateway, self._gateway = self._gateway, None
        if gateway is None:
            raise LeaveError(1)
        return gateway

    def hello(self, log: LineLog) -> bytes:
        """Return what the gateway is told."""
        del log
        return self._hello
