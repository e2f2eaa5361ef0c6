"""A connection to a relay: frames over a stream socket."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

from memmux.relay import frames
from memmux.relay.frames import Frame, FrameError

_CREDENTIALS = struct.Struct("3i")  # pid, user and group, as Linux tells them


class Connection:
    """One relay's end of it is the process that an MCP host started."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._muted = False

    @classmethod
    async def of(cls, connected: socket.socket) -> Connection:
        """Return the connection over a socket that is connected already."""
        return cls(*await asyncio.open_unix_connection(sock=connected))

    async def frame(self) -> Frame | None:
        """Return the next frame; None when there is none any more."""
        try:
            kind, size, number, at = frames.unpack_header(await self._reader.readexactly(frames.HEADER_BYTES))
            return Frame(kind, number, await self._reader.readexactly(size), at)
        except (asyncio.IncompleteReadError, OSError, FrameError):
            return None

    def mute(self) -> None:
        """Send nothing more: the relay's lines are for the next gateway, which knows nothing of this one's end."""
        self._muted = True

    def send(self, frame: Frame) -> None:
        """Have a frame sent; one for a relay that is gone is dropped."""
        if not (self._muted or self._writer.is_closing()):
            self._writer.write(frame.pack())

    @property
    def unsent(self) -> int:
        """How many bytes the relay has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    @property
    def peer_pid(self) -> int:
        """The relay's pid as this process knows it; 0 where that can't be told."""
        peer = self._writer.get_extra_info("socket")
        if not hasattr(socket, "SO_PEERCRED") or peer is None:
            return 0
        with suppress(OSError, struct.error):
            pid: int = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[0]
            return pid
        return 0

    async def drain(self) -> None:
        """Return when the relay has taken most of what was sent, or is gone."""
        with suppress(OSError):
            await self._writer.drain()

    async def aclose(self) -> None:
        """Close it, once everything is sent."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
