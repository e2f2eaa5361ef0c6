"""A form of expressions, and how a list of them is written.

Patterns are for text in lower case with single spaces, without a leading "in", "on" or "the"; their groups are named.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import TypeAlias

from memmux.when.periods import Anchor, Days, Span

Match: TypeAlias = re.Match[str]
Read: TypeAlias = Callable[[Match, Anchor], Days | Span]


class InQuestion(Enum):
    """The condition under which an expression counts inside a question."""

    CLEAR = auto()  # always
    NAME = auto()  # if there is no clear one
    LED = auto()  # the same, and only after a word like "in" or "since": it may be about something else
    NEVER = auto()  # it is far too short for that


@dataclass(frozen=True, kw_only=True)
class Form:
    """One form: how an expression looks, and which stretch of time it is.

    recurs: it comes again each year or week, so which one is meant depends on what is around it.
    """

    pattern: str
    read: Read
    found: InQuestion
    recurs: bool = False

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern; compiled when it is first needed."""
        return re.compile(self.pattern)


class Forms(list[Form]):
    """A list of forms; where one is the beginning of another, the longer one comes first."""

    def reads(self, pattern: str, found: InQuestion, *, recurs: bool = False) -> Callable[[Read], Read]:
        """Return a decorator that lists the function as what reads expressions of this pattern."""

        def enter(read: Read) -> Read:
            self.append(Form(pattern=pattern, read=read, found=found, recurs=recurs))
            return read

        return enter
