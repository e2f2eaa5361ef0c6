"""Time expressions: what people write for a stretch of time, in an argument of its own or inside a question.

`parse` reads an expression, `find` takes one out of a question; `local_zone`, `named_zone`, `zone_of`: time zones.
The expressions are those of mcp-memory-service and their kin: forms (`memmux.when.expressions`) over the calendar
(`memmux.when.periods`). What has no form is left to dateparser, which is imported only then. Nothing here looks at a
clock: `now` is given.
"""

from __future__ import annotations

from memmux.when.extract import find
from memmux.when.parsing import parse
from memmux.when.periods import Span
from memmux.when.zones import local_zone, named_zone, zone_of

__all__ = ["Span", "find", "local_zone", "named_zone", "parse", "zone_of"]
