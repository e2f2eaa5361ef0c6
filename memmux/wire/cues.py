"""Cues: what of a question counts besides its words and its meaning, in settings and requests."""

from __future__ import annotations

from enum import StrEnum


class Cue(StrEnum):
    """What a question may say, and the memories that it speaks for."""

    DATE = "date"  # it names a date or a period: those that were created then
    WHEN = "when"  # it asks for a time: those that say one
    PROXIMITY = "proximity"  # it has several words: those in which they stand close together
    SPEAKER = "speaker"  # it names somebody: what that one said
