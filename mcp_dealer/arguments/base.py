"""The base of all arguments: names that are accepted and not listed, and two names for one argument."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from memmux.errors import ArgumentInvalidError
from memmux.wire.namespaces import EVERYWHERE

NAME_CHARACTERS = 64  # of an unknown argument, in a note
NAMES = 8  # unknown arguments that a note names

T = TypeVar("T")
THEIR_EVERYWHERE = "all"  # as a store: all of them


def one(given: Mapping[str, T | None]) -> T | None:
    """Return what is given under any of the names; raise ArgumentInvalidError if two of them differ."""
    said = [(name, value) for name, value in given.items() if value is not None]
    for name, value in said[1:]:
        if value != said[0][1]:
            raise ArgumentInvalidError(f"{said[0][0]} and {name} say different things; give one of them")
    return said[0][1] if said else None


def split(value: object) -> object:
    """Return a text of tags, with commas between them or as JSON, as a list; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(value)
    return [tag for part in value.split(",") if (tag := part.strip())]


def blank(value: object) -> bool:
    """Return whether it is a text that says nothing."""
    return isinstance(value, str) and not value.strip()


def tags_of(name: str, value: object) -> list[str] | None:
    """Return tags that stand inside another argument; raise ArgumentInvalidError, which names it."""
    tags = None if blank(value) else split(value)
    if tags is None or (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        return tags
    raise ArgumentInvalidError(f"{name} is wrong: give a list of texts, or one text with commas between them")


def text_of(name: str, value: object) -> str | None:
    """Return a text that stands inside another argument; raise ArgumentInvalidError, which names it."""
    if value is None or isinstance(value, str):
        return None if blank(value) else value
    raise ArgumentInvalidError(f"{name} is wrong: give a text")


def object_of(name: str, value: object) -> dict[str, Any]:
    """Return an object that stands inside another argument; raise ArgumentInvalidError, which names it."""
    if value is None or isinstance(value, dict) or blank(value):
        return dict(value) if isinstance(value, dict) else {}
    raise ArgumentInvalidError(f"{name} is wrong: give a JSON object")


def bounded(low: int, high: int | None = None) -> dict[str, Any]:
    """Return a schema's bounds, for a model to see; the one place that checks them is `memmux.wire.requests`."""
    return {"minimum": low} | ({} if high is None else {"maximum": high})


def lower(value: object) -> object:
    """Return a text without blanks around it and in lower case; anything else as it is."""
    return value.strip().lower() if isinstance(value, str) else value


Tags = Annotated[list[str] | None, BeforeValidator(split)]
Names = Annotated[list[str] | None, SkipJsonSchema(), BeforeValidator(split)]
Text = Annotated[str | None, SkipJsonSchema()]
Number = Annotated[int | None, SkipJsonSchema()]
Ratio = Annotated[float | None, SkipJsonSchema()]
Flag = Annotated[bool | None, SkipJsonSchema()]
Object = Annotated[dict[str, Any] | None, SkipJsonSchema()]
"""An argument that is accepted and not listed."""
Most = Annotated[int | None, Field(description="Longest answer")]


class Arguments(BaseModel):
    """The base of every tool's arguments. Whatever a tool answers, it is told how long the answer may be."""

    filled: ClassVar[Collection[str]] = ()
    """Arguments that mean something though they are empty: an error of their own."""
    idle: ClassVar[Mapping[str, str]] = {}
    """Arguments of mcp-memory-service that have no effect, and why."""

    max_response_chars: Number = None

    @classmethod
    def given(cls, said: Mapping[str, object], known: Collection[str]) -> dict[str, object]:
        """Return what is meant of what is said: what is empty or null is left out, as what is not `known`."""
        meant = {name: value for name, value in said.items() if name in known and value is not None}
        return {name: value for name, value in meant.items() if name in cls.filled or not blank(value)}

    @classmethod
    def ignored(cls, said: Mapping[str, object], known: Collection[str]) -> list[str]:
        """Return notes on what is said and has no effect, as it is not `known`."""
        unknown = [name for name in said if name not in known]
        notes = [f"{name} has no effect: {cls.idle[name]}" for name in unknown if name in cls.idle and said[name]]
        strange = [f"'{name[:NAME_CHARACTERS]}'" for name in unknown if name not in cls.idle]
        if len(strange) > NAMES:
            strange[NAMES:] = [f"and {len(strange) - NAMES} more"]
        return [*notes, f"there is no argument {', '.join(strange)}, which was ignored"] if strange else notes

    def notes(self) -> list[str]:
        """Return what the caller should know of arguments that have no effect."""
        return []

    def rest(self, shown: int) -> str:
        """Return how to see the rest after so many parts of an answer, as a part of a sentence."""
        del shown
        return "give a greater max_response_chars to see the rest"


class Placed(Arguments):
    """A tool that works in one namespace, which mcp-memory-service calls a store, or in all of them."""

    namespace: Annotated[str | None, Field(description="Part of the memory; * for all")] = None
    store: Text = None

    @property
    def part(self) -> dict[str, Any]:
        """The namespace meant, as the client takes it: nothing for its own, None for all."""
        everywhere = {
            "namespace": self.namespace == EVERYWHERE,
            "store": self.store is not None and self.store.strip().casefold() == THEIR_EVERYWHERE,
        }
        if any(everywhere.values()):
            if not all(everywhere.values()) and None not in (self.namespace, self.store):
                raise ArgumentInvalidError("namespace and store say different things; give one of them")
            return {"namespace": None}
        named = one({"namespace": self.namespace, "store": self.store})
        return {} if named is None else {"namespace": named}

    @property
    def home(self) -> dict[str, Any]:
        """The one namespace that something is stored in, as the client takes it: nothing for its own."""
        part = self.part
        if None in part.values():
            raise ArgumentInvalidError("what is stored is in one namespace; name it, or leave it out")
        return part


class Named(Placed):
    """A tool that is about one memory."""

    id: Annotated[str | None, Field(description="Id or hash")] = None
    content_hash: Text = None

    @property
    def target(self) -> str:
        """The id or content hash given."""
        target = one({"id": self.id, "content_hash": self.content_hash})
        if target is None:
            raise ArgumentInvalidError("id is missing; give it")
        return target
