"""The JSON Schema of what commands print: `python -m memmux.cli.docs.schema > memmux/cli/schemas/output.json`."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import orjson

from memmux.cli.docs.printed.failures import Failure
from memmux.cli.docs.shapes import ASKED_FOR, SHAPES
from memmux.client.method import parameters
from memmux.wire.answers import Answer

_PLAIN: Mapping[Any, dict[str, object]] = {
    str: {"type": "string"},
    Path: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    object: {},
    Any: {},
}
_CODES = {"type": "array", "items": {"type": "string"}, "description": "codes of what was gone without"}


def schema() -> dict[str, object]:
    """Return the schema: a definition for each command, named as it is, and for each shape."""
    made = _Definitions()
    commands = {
        name.replace(" ", "-"): one if len(one := [made.of(shape, top=True) for shape in shapes]) > 1 else one[0]
        for name, shapes in SHAPES.items()
    }
    errors = {"type": "object", "properties": {"error": made.of(Failure)}, "required": ["error"]}
    named = {name: {"anyOf": one} if isinstance(one, list) else one for name, one in commands.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What the commands of memmux print with --json",
        "description": "Each command has its definition, as `store` and `key-add`; `error` is what a failure prints.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in (*named, "error")],
        "$defs": {**named, "error": errors, **dict(sorted(made.found.items()))},
    }


class _Definitions:
    """Makes the definitions of shapes, each once."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, object]] = {}

    def of(self, kind: Any, *, top: bool = False) -> dict[str, Any]:
        """Return the schema of a type; top: as a command prints it, so that an answer says what it went without."""
        origin, args = get_origin(kind), get_args(kind)
        if is_dataclass(kind) or is_typeddict(kind):
            return self._named(kind, top=top)
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(one) for one in args]}
        if origin in (tuple, list, Sequence):
            return {"type": "array", "items": self.of(args[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.of(args[1])}
        assert origin is Literal or issubclass(kind, StrEnum), kind
        return {"enum": [str(one) if isinstance(one, str) else one for one in (args or kind)]}

    def _named(self, kind: Any, *, top: bool) -> dict[str, Any]:
        answer = top and is_dataclass(kind) and isinstance(kind, type) and issubclass(kind, Answer)
        name = f"{kind.__name__}.printed" if answer else kind.__name__
        if name not in self.found:
            self.found[name] = {}  # for a shape that holds itself
            self.found[name] = self._object(kind, answer=answer)
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, kind: Any, *, answer: bool) -> dict[str, object]:
        hints, marked = get_type_hints(kind), get_type_hints(kind, include_extras=True)
        names = [one.name for one in fields(kind)] if is_dataclass(kind) else list(hints)
        names = [name for name in names if not name.startswith("_")]
        text = inspect.getdoc(kind) or ""
        told = parameters(text, names)
        properties = {name: self.of(hints[name]) for name in names}
        for name, line in told.items():
            properties[name]["description"] = " ".join(line.partition(": ")[2].split())
        left_out = {name for name in names if get_origin(marked[name]) is NotRequired} | ASKED_FOR.get(
            kind.__name__, frozenset()
        )
        if answer:
            properties["degraded"] = _CODES
        return {
            "type": "object",
            "description": text.split("\n\n", maxsplit=1)[0].replace("\n", " "),
            "properties": properties,
            "required": [name for name in properties if name not in left_out],
            "additionalProperties": False,
        }


def text() -> bytes:
    """Return the file."""
    return orjson.dumps(schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    sys.stdout.buffer.write(text())
