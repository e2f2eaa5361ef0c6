"""The tools: what an MCP client may do with the memory, and how a refusal reads.

Bounds stand in the schemas for the model to see; the one place that checks them is `memmux.requests`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ContentBlock, TextContent, ToolAnnotations
from pydantic import Field, ValidationError

from mcp_dealer.schemas import Answer, Changed, Found, Health, Hits, Kept, Listed, Removed, compact, text
from memmux import limits, logs
from memmux.aclient import AsyncClient
from memmux.errors import ArgumentInvalidError, MemmuxError, UnknownFieldError
from memmux.requests import Mode

Run = Callable[..., Awaitable[Answer]]

Id = Annotated[str, Field(description="Id or content hash")]
Tags = Annotated[list[str] | None, Field(description="Labels")]
Type = Annotated[str | None, Field(description="Kind, e.g. decision")]
Metadata = Annotated[dict[str, Any] | None, Field(description="JSON object of your own")]
HasTags = Annotated[list[str] | None, Field(description="With all these tags")]
AnyTag = Annotated[bool, Field(description="Any of the tags")]
OfType = Annotated[str | None, Field(description="Of this type")]
After = Annotated[str | None, Field(description="Created since, ISO 8601")]
Before = Annotated[str | None, Field(description="Created before, ISO 8601")]


def _bounds(low: int, high: int | None = None) -> dict[str, Any]:
    return {"minimum": low} | ({} if high is None else {"maximum": high})


class MemoryTools:
    """The tools, as methods over the client that `connected` returns."""

    def __init__(self, connected: Callable[[], AsyncClient]) -> None:
        self._connected = connected

    def all(self) -> list[Tool]:
        """Return the tools, ready for a server."""
        return [
            MemoryTool.of(self.memory_store, destructive=False),
            MemoryTool.of(self.memory_search),
            MemoryTool.of(self.memory_get),
            MemoryTool.of(self.memory_list),
            MemoryTool.of(self.memory_update, destructive=True),
            MemoryTool.of(self.memory_delete, destructive=True),
            MemoryTool.of(self.memory_health),
        ]

    async def memory_store(
        self,
        content: Annotated[str, Field(description="Text to remember, complete in itself")],
        *,
        tags: Tags = None,
        type: Type = None,  # noqa: A002  # the argument's name is part of the tool
        metadata: Metadata = None,
    ) -> Kept:
        """Remember a text. The same text again is no second memory."""
        stored = await self._connected().store(content, tags=tags or (), type=type, metadata=metadata)
        return Kept.of(stored)

    async def memory_search(
        self,
        query: Annotated[str, Field(description="What to look for")],
        *,
        limit: Annotated[
            int, Field(description="Most results", json_schema_extra=_bounds(1, limits.SEARCH_LIMIT))
        ] = 10,
        mode: Annotated[
            str,
            Field(
                description="How to rank",
                json_schema_extra={"enum": [str(mode) for mode in Mode]},
            ),
        ] = Mode.HYBRID.value,
        tags: HasTags = None,
        any_tag: AnyTag = False,
        type: OfType = None,  # noqa: A002  # the argument's name is part of the tool
        after: After = None,
        before: Before = None,
    ) -> Hits:
        """Find memories by meaning and words, best first, with scores."""
        result = await self._connected().search(
            query, mode=mode, limit=limit, tags=tags or (), any_tag=any_tag, type=type, after=after, before=before
        )
        return Hits.of(result)

    async def memory_get(self, id: Id) -> Found:  # noqa: A002  # the argument's name is part of the tool
        """Read one memory."""
        return Found.of(await self._connected().get(id))

    async def memory_list(
        self,
        *,
        limit: Annotated[int, Field(description="Page size", json_schema_extra=_bounds(1, limits.LIST_LIMIT))] = 20,
        offset: Annotated[int, Field(description="How many to skip", json_schema_extra=_bounds(0))] = 0,
        tags: HasTags = None,
        any_tag: AnyTag = False,
        type: OfType = None,  # noqa: A002  # the argument's name is part of the tool
        after: After = None,
        before: Before = None,
    ) -> Listed:
        """List memories, newest first, a page at a time."""
        page = await self._connected().list(
            limit=limit, offset=offset, tags=tags or (), any_tag=any_tag, type=type, after=after, before=before
        )
        return Listed.of(page)

    async def memory_update(
        self,
        id: Id,  # noqa: A002  # the argument's name is part of the tool
        *,
        content: Annotated[str | None, Field(description="New text")] = None,
        tags: Annotated[list[str] | None, Field(description="New tags, instead of the old")] = None,
        type: Annotated[str | None, Field(description="New type")] = None,  # noqa: A002  # the same
        metadata: Annotated[dict[str, Any] | None, Field(description="Keys to set; null removes one")] = None,
    ) -> Changed:
        """Change a memory; what is left out stays."""
        updated = await self._connected().update(id, content=content, tags=tags, type=type, metadata=metadata)
        return Changed.of(updated)

    async def memory_delete(self, id: Id) -> Removed:  # noqa: A002  # the argument's name is part of the tool
        """Forget a memory."""
        return Removed.of(await self._connected().delete(id))

    async def memory_health(self) -> Health:
        """Tell how the memory service is."""
        return Health.of(await self._connected().status())


class MemoryTool(Tool):
    """A tool whose refusals read `<code>: <sentence>` and whose schemas are as small as they can be."""

    @classmethod
    def of(cls, run: Run, *, destructive: bool | None = None) -> Tool:
        """Return the tool that calls `run`; it only reads unless `destructive` is given."""
        reads = destructive is None
        tool = cls.from_function(
            run,
            description=inspect.getdoc(run),
            annotations=ToolAnnotations(
                read_only_hint=reads, destructive_hint=bool(destructive), idempotent_hint=True, open_world_hint=False
            ),
            structured_output=True,
        )
        tool.parameters = compact(tool.parameters)
        tool.fn_metadata.output_schema = compact(tool.fn_metadata.output_schema or {})
        return tool

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> Answer | CallToolResult:
        """Run the tool; raise ToolError with the code and the remedy of whatever refuses.

        The SDK's own `run` would put a prefix of its own before the code and let unknown arguments pass.
        """
        del context  # the tools need nothing of the MCP request
        try:
            answer: Answer = await self.fn(**self._checked(arguments))
        except MemmuxError as error:
            raise ToolError(f"{error.code}: {error.message}") from error
        except Exception as error:
            logs.get().exception("tool_crashed", tool=self.name)
            raise UnexpectedToolError(f"{MemmuxError.code}: {MemmuxError().message}") from error
        if not convert_result:
            return answer
        content: list[ContentBlock] = [TextContent(type="text", text=text(answer))]
        return CallToolResult(content=content, structured_content=answer.structured())

    def _checked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as the tool's types; raise UnknownFieldError or ArgumentInvalidError."""
        known = self.parameters["properties"]
        for name in arguments:
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise UnknownFieldError(f"{self.name} has no argument {name!r}; {takes}")
        # Models often say null for what they leave out.
        given = {name: value for name, value in arguments.items() if value is not None}
        # Some hosts send lists and objects as JSON text, which the SDK reads; a text that looks like JSON stays a text.
        texts = {name: value for name, value in given.items() if known[name]["type"] == "string"}
        parsed = self.fn_metadata.pre_parse_json(given) | texts
        try:
            return self.fn_metadata.arg_model.model_validate(parsed).model_dump_one_level()
        except ValidationError as error:
            raise ArgumentInvalidError("; ".join(map(_wrong, error.errors(include_url=False)))) from None


def _wrong(error: Any) -> str:
    """Return what pydantic found wrong, and the remedy, as a part of a sentence."""
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{path} is missing; give it"
    message: str = error["msg"]
    return f"{path} is wrong: {message[:1].lower()}{message[1:]}"
