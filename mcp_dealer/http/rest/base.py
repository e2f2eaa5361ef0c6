"""What the shapes of REST are made of: the two kinds of them, and fields that several have.

The names are those of mcp-memory-service, and ours beside them. What is not known is refused: one who misspelt what
keeps something from being deleted has to hear of it. Bodies are strict: a number is no text. What memmux bounds is
checked where the requests to the cluster are made.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from mcp_dealer.http.rest import times
from memmux import limits

Namespace = Annotated[
    str | None,
    Field(
        None,
        min_length=1,
        max_length=limits.NAMESPACE_CHARACTERS,
        description="One namespace, or `*` for all; by default that of the settings, or the first of the key",
        examples=["default"],
    ),
]
Store = Annotated[
    str | None,
    Field(
        None,
        min_length=1,
        max_length=limits.NAMESPACE_CHARACTERS,
        description="As namespace, by the name that mcp-memory-service has for it; `all` for all",
    ),
]
Time = Annotated[
    str | None,
    Field(None, max_length=limits.EXPRESSION_CHARACTERS, description="ISO 8601, seconds since 1970, or words"),
]
When = Annotated[
    str, Field(min_length=1, max_length=limits.EXPRESSION_CHARACTERS, description="A time in words, such as last week")
]
Zone = Annotated[
    str | None,
    Field(
        None,
        max_length=64,
        examples=["Europe/Berlin"],
        description="Where the times in words are meant; by default this machine's",
    ),
    AfterValidator(times.known),
]
Theirs = Annotated[Any, Field(None, description="Of mcp-memory-service; without effect")]
Content = Annotated[str, Field(min_length=1, description="The text, of at most 1 MiB", examples=["It listens on 5433"])]
Query = Annotated[str, Field(min_length=1, description="What to look for, at most 64 KiB", examples=["which port"])]
Object = Annotated[dict[str, Any], Field(description="A JSON object of at most 64 KiB and 200 levels")]


def split(value: object) -> object:
    """Return the tags of a text with commas, as mcp-memory-service takes them; anything else as it is."""
    return [part for part in map(str.strip, value.split(",")) if part] if isinstance(value, str) else value


Tag = Annotated[str, Field(min_length=1, max_length=limits.TAG_CHARACTERS)]
Csv = Annotated[list[Tag], BeforeValidator(split, json_schema_input_type=list[Tag] | str)]
"""Tags: a list, or a text with commas."""
Seq = Annotated[int, Field(ge=1, le=limits.SEQ)]
"""The number of a change."""
Id = Annotated[str, Field(min_length=1, max_length=limits.TYPE_CHARACTERS)]
Etag = Annotated[str, Field(pattern='^"[0-9a-f]{32}"$')]
"""The state of a memory, as the header ETag has it."""


class Given(BaseModel):
    """What a request gives."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)
    example: ClassVar[dict[str, Any]] = {}
    """What stands for it in the document."""


class Answer(BaseModel):
    """What an answer holds; never made, as dictionaries are quicker, but compared with them by the tests."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
