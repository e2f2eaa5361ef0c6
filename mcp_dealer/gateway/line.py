"""A line of a host that is worked on: its messages, their answers, and the frame that these become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_dealer import lines
from mcp_dealer.link.asked import AskedLine
from memmux.relay import frames

if TYPE_CHECKING:
    from mcp_dealer.gateway.session import RelaySession

TOO_LONG = "too_long: the answer is longer than {} bytes; ask for less at once"


@dataclass(slots=True, eq=False)
class Line:
    """A line that is worked on.

    asked: how many of its messages have no answer yet. opens: whether one is `initialize`. answers: ids of requests,
    and the lines that answer them. cancels: lines that cancel it.
    """

    number: int
    replayed: bool
    size: int
    asked: int = 0
    open_ended: bool = False
    opens: bool = False
    answers: list[tuple[object, str]] = field(default_factory=list)
    cancels: list[Line] = field(default_factory=list)

    def payload(self) -> bytes:
        """Return its answers as a frame has them; where they are more than one holds, the longest become errors."""
        return _within(self.answers, frames.PAYLOAD_BYTES)


@dataclass(slots=True, eq=False)
class AskedMessage(AskedLine):
    """One message of a line. of: the session that it came in."""

    line: Line = field(default_factory=lambda: Line(0, replayed=True, size=0))
    of: RelaySession | None = None

    @property
    def again(self) -> bool:
        """Whether an earlier gateway was sent the line, too."""
        return self.of is not None and self.of.again(self.line)

    def keep(self) -> int:
        """Have the next gateway told of the line, too, and be there as long as it is kept; return its number."""
        if self.of is not None:
            self.of.pin(self.line.number, needed=True)
        return self.line.number

    def let_go(self, number: int) -> None:
        """Have it told of a line no more."""
        if self.of is not None:
            self.of.pin(0, (number,))


def _within(answers: Sequence[tuple[object, str]], most: int) -> bytes:
    said = [text.encode() for _, text in answers]
    size = sum(map(len, said)) + len(said)
    if size > most:
        for place in sorted(range(len(said)), key=lambda place: len(said[place]), reverse=True):
            error = lines.error(lines.INTERNAL_ERROR, TOO_LONG.format(most), answers[place][0]).encode()
            size += len(error) - len(said[place])
            said[place] = error
            if size <= most:
                break
        else:  # a batch of so many that even the errors are too much
            return lines.error(lines.INTERNAL_ERROR, TOO_LONG.format(most), None).encode()
    return b"\n".join(said)
