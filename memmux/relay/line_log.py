"""The log of lines: the relay without its descriptors. Bytes come in from either side, bytes go out to either side.

    log.read(data, at)     the host wrote; at: milliseconds since 1970
    log.end(why)           the host writes nothing more
    log.connected(hello)   a gateway is there; it gets everything that is not settled
    log.receive(data)      the gateway wrote
    log.disconnected()     the gateway is gone; what it said of a frame that is not whole is as if unsaid
    log.to_gateway         bytes for the gateway; `sent(n)`: so many were written
    log.to_host            bytes for the host; `written(n)`

A line is kept until a gateway has settled it, and answered by one gateway alone: what a second one says of it, or one
that died in the middle of a frame, does not count. The host gets whole lines only, as what it gets is appended as whole
lines, and what is left of one is still written when the gateway that said it is gone.
"""

from __future__ import annotations

from memmux.relay.frames import (
    ANSWER,
    END,
    EXIT,
    GO,
    HELLO,
    LINE,
    OUTPUT,
    PAYLOAD_BYTES,
    PIN,
    REPLAYED,
    SETTLED,
    Frame,
    FrameReader,
    unpack_numbers,
)
from memmux.relay.overlong import Overlong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LINES = 64  # without an answer; then nothing more is read
BYTES = 8 << 20  # of them, or of what the host has not read; then nothing more is read either


class Line:
    """A line of the host.

    at: when it was read. pinned: the next gateway gets it again when it is settled, too. needed: one is to be there all
    the time.
    """

    __slots__ = ("at", "needed", "payload", "pinned", "settled")

    def __init__(self, payload: bytes, at: int) -> None:
        self.payload = payload
        self.at = at
        self.pinned = False
        self.needed = False
        self.settled = False


class LineLog:
    """The lines of one host that are not settled, and what is on its way to either side."""

    def __init__(self) -> None:
        self.to_gateway = bytearray()
        self.to_host = bytearray()
        self.understood = False
        """Whether this gateway has said anything."""
        self.exit: tuple[int, bytes] | None = None
        """The code and the words with which a gateway had the relay leave."""
        self.go: bytes | None = None
        """What a gateway said that wants to be left: empty, or `seek`; None if it did not."""
        self._lines: dict[int, Line] = {}
        self._number = 0
        self._offered = 0  # the highest number that a gateway has been sent
        self._begun = bytearray()  # a line of the host that has no end yet
        self._overlong: Overlong | None = None  # the same, if it is too long to be sent
        self._unsettled = 0
        self._unsettled_bytes = 0
        self._ended: bytes | None = None
        self._connected = False
        self._frames = FrameReader()

    # the host

    def read(self, data: bytes, at: int) -> None:
        """Take what the host wrote."""
        first, newline, rest = data.partition(b"\n")
        self._begin(first)
        while newline:
            self._finish(at)
            first, newline, rest = rest.partition(b"\n")
            self._begin(first)

    def end(self, why: bytes = b"", at: int = 0) -> None:
        """Take that nothing more comes; a last line may lack its end."""
        if self._ended is not None:
            return
        if self._begun or self._overlong is not None:
            self._finish(at)
        self._ended = why
        if self._connected:
            self.to_gateway += Frame(END, 0, why).pack()

    def _begin(self, part: bytes) -> None:
        """Take a part of a line."""
        if self._overlong is not None:
            self._overlong.feed(part)
            return
        self._begun += part
        if len(self._begun) > PAYLOAD_BYTES:
            self._overlong = Overlong(self._begun)
            self._begun = bytearray()

    def _finish(self, at: int) -> None:
        """Take the end of a line; what is too long is refused here, as no gateway can be sent it."""
        if self._overlong is not None:
            self._say(self._overlong.refusal())
            self._overlong = None
            return
        self._take(bytes(self._begun), at)
        self._begun.clear()

    def _take(self, payload: bytes, at: int) -> None:
        self._number += 1
        line = self._lines[self._number] = Line(payload, at)
        self._unsettled += 1
        self._unsettled_bytes += len(payload)
        if self._connected:
            self._offer(self._number, line)

    def written(self, size: int) -> None:
        """Take that so many bytes were written to the host."""
        del self.to_host[:size]

    # the gateway

    def connected(self, hello: bytes) -> None:
        """Begin with a gateway that knows nothing yet."""
        self.disconnected()
        self._connected = True
        self.to_gateway += Frame(HELLO, self._offered, hello).pack()
        for number, line in self._lines.items():
            self._offer(number, line)
        if self._ended is not None:
            self.to_gateway += Frame(END, 0, self._ended).pack()

    def disconnected(self) -> None:
        """Have no gateway."""
        self._connected, self.understood, self.go = False, False, None
        self._frames = FrameReader()
        self.to_gateway.clear()

    def sent(self, size: int) -> None:
        """Take that so many bytes were written to the gateway."""
        del self.to_gateway[:size]

    def receive(self, data: bytes) -> None:
        """Take what the gateway wrote; raise FrameError for what is no frame."""
        for frame in self._frames.feed(data):
            self.understood = True
            if frame.kind == ANSWER:
                if self._settle(frame.number):
                    self._say(frame.payload)
            elif frame.kind == SETTLED:
                self._settle(frame.number)
            elif frame.kind == PIN:
                self._pin(frame.number, unpack_numbers(frame.payload), needed=bool(frame.at))
            elif frame.kind == OUTPUT:
                self._say(frame.payload)
            elif frame.kind == GO:
                self.go = frame.payload
            elif frame.kind == EXIT:
                self.exit = frame.number, frame.payload

    def _offer(self, number: int, line: Line) -> None:
        self._offered = max(self._offered, number)
        self.to_gateway += Frame(REPLAYED if line.settled else LINE, number, line.payload, line.at).pack()

    def _say(self, lines: bytes) -> None:
        if lines:
            self.to_host += lines + b"\n"

    def _settle(self, number: int) -> bool:
        """Return whether the line was not settled before."""
        line = self._lines.get(number)
        if line is None or line.settled:
            return False
        line.settled = True
        self._unsettled -= 1
        self._unsettled_bytes -= len(line.payload)
        if not line.pinned:
            del self._lines[number]
        return True

    def _pin(self, number: int, unpinned: list[int], *, needed: bool) -> None:
        if (line := self._lines.get(number)) is not None:
            line.pinned, line.needed = True, needed
        for other in unpinned:
            if (line := self._lines.get(other)) is not None:
                line.pinned = line.needed = False
                if line.settled:
                    del self._lines[other]

    # what to wait for

    @property
    def lines(self) -> Mapping[int, Line]:
        """The lines that are kept, by their numbers."""
        return self._lines

    @property
    def waits(self) -> bool:
        """Whether a gateway is needed."""
        return self._unsettled > 0 or any(line.needed for line in self._lines.values())

    @property
    def ended(self) -> bool:
        """Whether the host writes nothing more."""
        return self._ended is not None

    @property
    def settled(self) -> bool:
        """Whether every line of the host is settled, and what is said is written."""
        return not self._unsettled and not self.to_host

    @property
    def rests(self) -> bool:
        """Whether nothing is on its way but lines that wait all the time: another gateway may take over."""
        return self.understood and self._ended is None and not (self.oldest or self.to_gateway or self.to_host)

    @property
    def oldest(self) -> int:
        """The number of the first line that is not settled, and does not wait all the time; 0 if there is none."""
        waiting = (number for number, line in self._lines.items() if not (line.settled or line.needed))
        return next(waiting, 0)

    @property
    def takes_lines(self) -> bool:
        """Whether more of the host is to be read: it ends at so many lines without an answer, or so many bytes."""
        waiting = max(self._unsettled_bytes + len(self.to_gateway), len(self.to_host))
        return self._ended is None and self._unsettled < LINES and waiting < BYTES

    @property
    def takes_answers(self) -> bool:
        """Whether more of the gateway is to be read: not while the host leaves much unread."""
        return len(self.to_host) < BYTES
