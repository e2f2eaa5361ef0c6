"""The host, as its relay sees it: two descriptors and a parent process, and whether anybody is there to hear."""

from __future__ import annotations

import _socket
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memmux.relay.line_log import LineLog

FULL_S = 3.0  # for which nothing can be written, once nothing more can come in
LOOK_S = 2.0  # between two looks for the parent, where its end can't be polled
READ_BYTES = 1 << 16
WRITE_BYTES = 4096  # that fit into a pipe for which poll says that there is room
CLOSED, FULL, PARENT = b"output closed", b"output full", b"parent gone"  # why a host hears nothing any more
_ENDS = select.POLLERR | select.POLLHUP | select.POLLNVAL
_KIND, _SOCKET = 0o170000, 0o140000  # of a file's mode


class Host:
    """read, written: the descriptors that lead to it. Nothing here blocks, though neither is set to non-blocking.

    They may be shared with other processes, for which that would be set too.
    """

    def __init__(self, read: int = 0, written: int = 1) -> None:
        self.read = read
        self.written = written
        self.gone = b""
        """Why nobody hears us any more; empty while somebody may."""
        self._parent = os.getppid()
        self._parent_end = -1
        self._full_since: float | None = None
        self._socket: _socket.socket | None = None
        try:
            self._parent_end = os.pidfd_open(self._parent)
        except (AttributeError, OSError):
            pass  # not on this system: then it is looked for now and then
        try:
            if os.fstat(written).st_mode & _KIND == _SOCKET:
                self._socket = _socket.socket(fileno=os.dup(written))
        except OSError:
            pass

    @property
    def ended(self) -> bool:
        """Whether the process that started us is gone."""
        return os.getppid() != self._parent

    def close(self) -> None:
        """Close what is ours; the descriptors of the host stay as they are."""
        if self._socket is not None:
            self._socket.close()
        if self._parent_end >= 0:
            os.close(self._parent_end)

    def wanted(self, log: LineLog) -> dict[int, int]:
        """Return what is to be polled, and for what."""
        if self.gone:
            return {}
        wanted = {self.written: select.POLLOUT if log.to_host else 0}
        if log.takes_lines:
            wanted[self.read] = select.POLLIN
        if self._parent_end >= 0:
            wanted[self._parent_end] = select.POLLIN
        return wanted

    def wait_s(self, log: LineLog) -> float | None:
        """Return how long to wait for events at most."""
        if log.ended and log.to_host:
            return FULL_S / 4
        return None if self._parent_end >= 0 else LOOK_S

    def take(self, events: dict[int, int], log: LineLog, now: float, at: int) -> None:
        """Read and write what can be, and see whether the host is gone; now: monotonic seconds, at: since 1970, in ms.

        A reader that is gone shows as an error of the descriptor, and a parent as the end of its process.
        """
        if self.gone:
            return
        if self._parent_end in events or self.ended:
            self.gone = PARENT
        elif events.get(self.written, 0) & _ENDS:
            self.gone = CLOSED
        if events.get(self.read) and log.takes_lines:
            self._read(log, at)
        self._write(log, room=bool(events.get(self.written, 0) & select.POLLOUT))
        full = log.ended and bool(log.to_host)
        self._full_since = (now if self._full_since is None else self._full_since) if full else None
        if self._full_since is not None and now - self._full_since >= FULL_S:
            self.gone = self.gone or FULL

    def _read(self, log: LineLog, at: int) -> None:
        try:
            data = os.read(self.read, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            log.read(data, at)
        else:
            log.end(b"input ended")

    def _write(self, log: LineLog, *, room: bool) -> None:
        poll = select.poll()
        poll.register(self.written, select.POLLOUT)
        try:
            while log.to_host and (room or poll.poll(0)):
                if self._socket is not None:
                    written = self._socket.send(log.to_host[: 1 << 18], _socket.MSG_DONTWAIT)
                else:
                    written = os.write(self.written, log.to_host[:WRITE_BYTES])
                log.written(written)
                self._full_since = None
                room = False
        except BlockingIOError:
            pass
        except OSError:
            self.gone = CLOSED
