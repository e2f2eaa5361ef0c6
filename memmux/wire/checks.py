"""Checks of arguments: the one place that knows what a content, a tag, metadata, a number or a time may be.

Each raises the `RequestError` that names what is wrong and how to make it right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from memmux import limits
from memmux.errors import (
    ArgumentInvalidError,
    ContentEmptyError,
    ContentTooLongError,
    LimitOutOfRangeError,
    MetadataInvalidError,
    RequestError,
    TagInvalidError,
)
from memmux.wire.namespaces import EVERYWHERE
from memmux.wire.shown import shown
from memmux.wire.times import from_epoch, parse_time

WRITABLE = "give texts, numbers of at most 64 bits, true, false, null, and lists and objects of these"


def check_text(name: str, value: object, most: int, error: type[RequestError] = ArgumentInvalidError) -> None:
    """Raise `error` unless `value` is a text of 1 to `most` characters that is not blank."""
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise error(f"{name} is not a text of 1 to {most} characters")
    encoded(name, value)


def encoded(name: str, value: str) -> bytes:
    """Return `value` as UTF-8; raise ArgumentInvalidError if it is not valid Unicode."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ArgumentInvalidError(f"{name} is not valid Unicode: it holds a lone surrogate") from None


def check_content(content: object) -> None:
    """Raise a RequestError unless `content` is a text that can be a memory."""
    if not isinstance(content, str):
        raise ArgumentInvalidError("content is not a text")
    if not content.strip():
        raise ContentEmptyError
    if (size := len(encoded("content", content))) > limits.CONTENT_BYTES:
        raise ContentTooLongError(
            f"the content has {size} bytes, the most is {limits.CONTENT_BYTES}; split it into several memories"
        )


def check_metadata(metadata: object) -> None:
    """Raise MetadataInvalidError unless `metadata` is a JSON object, finite and within its limits."""
    check_object("the metadata", metadata, limits.METADATA_BYTES, MetadataInvalidError)


def check_object(name: str, value: object, most: int, error: type[RequestError] = ArgumentInvalidError) -> None:
    """Raise `error` unless `value` is a JSON object, finite, of at most so many bytes and limits.DEPTH levels."""
    if not isinstance(value, Mapping):
        raise error(f"{name} is not a JSON object")
    if not value:
        return
    try:
        # First of all: it refuses what holds itself, of which each level below may have more than the one before.
        size = len(orjson.dumps(value if isinstance(value, dict) else dict(value)))
    except orjson.JSONEncodeError as reason:
        raise error(f"{name} can't be written as JSON: {reason}; {WRITABLE}") from None
    level: list[Any] = [value]
    for _ in range(limits.DEPTH):
        held = [one for each in level for one in (each.values() if isinstance(each, Mapping) else each)]
        if any(isinstance(one, float) and not math.isfinite(one) for one in held):
            raise error(f"{name} holds NaN or an infinity, which JSON has not; leave it out")
        level = [one for one in held if isinstance(one, Mapping | list | tuple)]
        if not level:
            break
    else:
        raise error(f"{name} has objects and lists in each other, more than {limits.DEPTH} levels deep; flatten it")
    if size > most:
        raise error(f"{name} has {size} bytes, the most is {most}")


def check_tags(tags: object) -> None:
    """Raise TagInvalidError unless `tags` are at most limits.TAGS short texts."""
    if not isinstance(tags, list | tuple) or len(tags) > limits.TAGS:
        raise TagInvalidError(f"tags are a list of at most {limits.TAGS}{_meant(tags)}")
    for tag in tags:
        check_text("a tag", tag, limits.TAG_CHARACTERS, TagInvalidError)


def _meant(value: object) -> str:
    """Return how a list is written of which somebody gave the only text."""
    return f"; write [{value!r}]" if isinstance(value, str) and len(value) <= limits.TAG_CHARACTERS else ""


def check_range(name: str, value: object, low: int, high: int) -> None:
    """Raise LimitOutOfRangeError unless `value` is a whole number from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise LimitOutOfRangeError(f"{name} is {shown(value)}; it is a whole number from {low} to {high}")


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise ArgumentInvalidError unless `value` is a number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ArgumentInvalidError(f"{name} is {shown(value)}; it is a number from {low:g} to {high:g}")


def check_namespace(name: str, value: object) -> None:
    """Raise ArgumentInvalidError unless `value` can be the name of a new namespace."""
    check_text(name, value, limits.NAMESPACE_CHARACTERS)
    if str(value).strip() == EVERYWHERE:
        raise ArgumentInvalidError(f"{name} is {value!r}, which means all of them; name one otherwise")


def check_thread(thread: object, place: object) -> None:
    """Raise a RequestError unless these can be a thread and the place of a memory in it; each may be None."""
    if thread is not None:
        check_text("thread", thread, limits.THREAD_CHARACTERS)
    if place is not None:
        check_range("place", place, -limits.PLACE, limits.PLACE)


def check_aliases(aliases: object) -> None:
    """Raise ArgumentInvalidError unless `aliases` are at most limits.ALIASES short texts."""
    if not isinstance(aliases, list | tuple) or len(aliases) > limits.ALIASES:
        raise ArgumentInvalidError(f"aliases are a list of at most {limits.ALIASES}{_meant(aliases)}")
    for alias in aliases:
        check_text("an alias", alias, limits.TYPE_CHARACTERS)


def aware(name: str, value: object) -> datetime | None:
    """Return the time that `value` is or names, with its zone: a datetime, ISO 8601, or seconds since 1970.

    Raises ArgumentInvalidError.
    """
    if isinstance(value, str):
        return parse_time(value)
    if value is None:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return from_epoch(value)
        return value.astimezone()  # type: ignore[attr-defined,no-any-return]  # what is no datetime is refused below
    except (AttributeError, OverflowError, ValueError, OSError):
        raise ArgumentInvalidError(f"{name} is not a time between the years 1 and 9999") from None
