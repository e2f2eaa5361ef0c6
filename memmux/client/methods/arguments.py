"""Arguments as callers like to give them, made into what the requests take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, cast

import orjson

from memmux.errors import MetadataInvalidError
from memmux.wire.checks import WRITABLE
from memmux.wire.requests import Filter

Time: TypeAlias = datetime | float | str
"""A moment: a datetime, seconds since 1970, or ISO 8601; without an offset, in the time zone of this machine."""


def tags_of(tags: Sequence[str]) -> tuple[str, ...]:
    """Return tags as a request takes them."""
    return cast("tuple[str, ...]", tags)  # a list becomes one, and anything else is refused, by the request


def object_of(metadata: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return metadata as a request takes them; raise MetadataInvalidError for what holds itself."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        return metadata  # refused by the request
    plain = dict(metadata)
    try:
        orjson.dumps(plain)  # one that holds itself would be walked for ever
    except orjson.JSONEncodeError as error:
        raise MetadataInvalidError(f"the metadata can't be written as JSON: {error}; {WRITABLE}") from None
    return plain


def filter_of(
    *,
    tags: Sequence[str],
    any_tag: bool,
    type_: str | None,
    after: Time | None,
    before: Time | None,
    namespace: str | None,
    metadata: Mapping[str, object] | None = None,
    include_superseded: bool | None = None,
) -> Filter:
    """Return the filter of these fields; raise the RequestError that names what is wrong."""
    return Filter(
        tags=tags_of(tags),
        any_tag=any_tag,
        type=type_,
        after=cast("datetime | None", after),  # a text is read by the request
        before=cast("datetime | None", before),
        metadata=object_of(metadata),
        namespace=namespace,
        include_superseded=include_superseded,
    )
