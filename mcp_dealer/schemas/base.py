"""The base of all answers: JSON as their schema says, a text form, and schemas that are as small as they can be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import SkipJsonSchema

_DIGEST = re.compile(r"[0-9a-f]{64}")

Texts = Annotated[list[str] | None, SkipJsonSchema()]
Text = Annotated[str | None, SkipJsonSchema()]
Count = Annotated[int | None, SkipJsonSchema()]
"""What an answer has seldom, and its schema does not list."""


class Answer(BaseModel):
    """The base of every answer.

    degraded: codes of what was not as it should be. notes: what the caller should know of its arguments.
    """

    model_config = ConfigDict(frozen=True)

    heading: ClassVar[str] = ""
    """What stands before the JSON of a script."""

    degraded: Texts = None
    notes: Texts = None

    def lines(self) -> Iterable[str]:
        """Return the answer as a person would read it, line by line."""
        raise NotImplementedError

    def script(self) -> dict[str, Any] | None:
        """Return what scripts read in the text, which is JSON then; None for a text for readers."""
        return None

    def within(self, most: int, rest: Callable[[int], str]) -> Self:
        """Return the answer in `most` characters; rest: tells how to go on after so many of its parts.

        What is small whatever was asked stays as it is.
        """
        del most, rest
        return self

    def used(self) -> Iterable[str]:
        """Return the ids of the memories that it shows because they were asked for."""
        return ()

    def structured(self) -> dict[str, Any]:
        """Return the answer as JSON values, as its schema says."""
        return self.model_dump(mode="json", exclude_none=True)


def text(answer: Answer) -> str:
    """Return the answer as a person would read it, or as JSON where scripts read it."""
    script = answer.script()
    if script is not None:
        told = {"notes": answer.notes, "degraded": answer.degraded}
        return answer.heading + as_json(script | {name: values for name, values in told.items() if values})
    codes = [f"degraded: {', '.join(answer.degraded)}"] if answer.degraded else []
    notes = [f"note: {note}" for note in answer.notes or ()]
    return "\n".join([*answer.lines(), *notes, *codes])


def as_json(value: object) -> str:
    """Return a value as JSON, with every character that it has as it is."""
    return json.dumps(value, ensure_ascii=False)


def compact(schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a JSON schema without what a model does not need: titles, docstrings, null as a choice, empty defaults.

    An optional argument may still be given as null; the schema says only what is of use, because every host sends it
    to its model again and again.
    """
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    slim: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            slim[name] = {key: compact(inner, definitions) for key, inner in value.items()}
        elif name == "anyOf":
            (choice,) = (inner for inner in value if inner != {"type": "null"})
            slim |= compact(choice, definitions)
        elif name == "items":
            slim[name] = compact(value, definitions)
        elif name == "$ref":
            slim |= compact(definitions[value.rpartition("/")[2]], definitions)
        elif name in ("title", "$defs") or (name == "default" and not value) or value is True:
            continue  # the one keyword that is true is additionalProperties, which says nothing
        else:
            slim[name] = value
    if "properties" in slim:
        slim.pop("description", None)  # the class's docstring, which is for readers of the code
    return slim


class _Hashed(Protocol):
    @property
    def content_hash(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...


def shown_hash(of: _Hashed) -> str:
    """Return the one content hash by which every answer names a memory.

    That of mcp-memory-service if the memory was there once, by which it is found as by ours.
    """
    return next(filter(_DIGEST.fullmatch, of.aliases), of.content_hash)


def codes(degraded: Sequence[str]) -> list[str] | None:
    """Return the codes as an answer has them."""
    return list(degraded) or None


def epoch(time: str) -> float:
    """Return the seconds since 1970 of a time of an answer."""
    return datetime.fromisoformat(time).timestamp()


def iso(time: datetime) -> str:
    """Return a time as answers have it."""
    return time.isoformat(timespec="milliseconds")
