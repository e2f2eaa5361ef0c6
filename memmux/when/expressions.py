"""All expressions that are read: the forms of one stretch of time each, and a day's with a part of the day."""

from __future__ import annotations

import re

from memmux.when.forms import counted, names, written
from memmux.when.forms.vocabulary import PART

FORMS = (*written.FORMS, *counted.FORMS, *names.FORMS)
"""All forms; where one is the beginning of another, the longer one comes first."""

PARTS_OF_DAYS = (
    re.compile(rf"(?P<day>.+?),?(?: in the| at)? {PART}"),
    re.compile(rf"{PART}(?: of| on)? (?P<day>.+)"),
)
"""An expression for a day, followed by a part of it, or led by one."""
