"""What the classes of requests share: JSON in and out, and the names that bodies are made of."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import fields
from typing import Self, TypeAlias

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError, UnknownFieldError
from memmux.wire.checks import check_range, check_text
from memmux.wire.namespaces import DEFAULT_NAMESPACE
from memmux.wire.shown import shown

Metadata: TypeAlias = Mapping[str, object]
"""A JSON object: texts, finite numbers, true, false, null, lists and objects of these."""

__all__ = ["DEFAULT_NAMESPACE", "Body", "Metadata", "check_flag", "named", "namespaces_of", "put"]


class Body:
    """The arguments of an operation: JSON in and out, and no field that is not theirs."""

    __slots__ = ()

    def to_body(self) -> bytes:
        """Return it as a request's body."""
        return orjson.dumps(self)

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """Return what `to_body` wrote; raise the RequestError that names what is wrong."""
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ArgumentInvalidError("the body is not JSON") from None
        return cls.from_json(values)

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return what the JSON object describes; raise the RequestError that names what is wrong."""
        if not isinstance(values, dict):
            raise ArgumentInvalidError("the body is not a JSON object")
        known = _names(cls)  # type: ignore[arg-type]  # mypy takes a class for what has the hash of its instances
        if not values.keys() <= known.keys():
            name = next(name for name in values if name not in known)
            raise UnknownFieldError(f"there is no field {shown(name)} here; there are {', '.join(known)}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ArgumentInvalidError(f"an argument is missing: {error}") from None
        except RecursionError:  # from whatever writes a value into its message
            raise ArgumentInvalidError("a value of the body has objects or lists in each other too deeply") from None


@functools.cache
def _names(of: type[Body]) -> dict[str, None]:
    """Return the names of the fields of a body, in their order."""
    return dict.fromkeys(known.name for known in fields(of))  # type: ignore[arg-type]  # every subclass is a dataclass


def put(instance: object, name: str, value: object) -> None:
    """Normalise a field of a frozen dataclass while it is being made."""
    object.__setattr__(instance, name, value)


def namespaces_of(value: object) -> tuple[str, ...]:
    """Return several namespaces as they are kept in a request; raise the RequestError that names what is wrong."""
    if not isinstance(value, list | tuple):
        raise ArgumentInvalidError("namespaces are not a list")
    check_range("the number of namespaces", len(value), 1, limits.KEY_NAMESPACES)
    for name in value:
        check_text("a namespace", name, limits.NAMESPACE_CHARACTERS)
    return tuple(value)


def named(value: object) -> str | tuple[str, ...] | None:
    """Return what names one namespace, several, or all, as it is kept; raise the RequestError that names what is wrong.

    Several are a list, and all are None.
    """
    if value is None or isinstance(value, list | tuple):
        return value if value is None else namespaces_of(value)
    check_text("namespace", value, limits.NAMESPACE_CHARACTERS)
    return str(value)


def check_flag(name: str, value: object) -> None:
    """Raise ArgumentInvalidError unless `value` is true or false."""
    if not isinstance(value, bool):
        raise ArgumentInvalidError(f"{name} is true or false")
