"""A tool as the SDK calls it: schemas as small as they can be, and refusals that read `<code>: <sentence>`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Self, TypeVar, get_type_hints

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp_types import CallToolResult, ContentBlock, TextContent, ToolAnnotations
from pydantic import ValidationError

from mcp_dealer import call_log
from mcp_dealer.arguments import Arguments
from mcp_dealer.schemas import Answer, compact, text
from mcp_dealer.schemas.bounds import ANSWER_CHARACTERS, MEMORY_CHARACTERS
from memmux.errors import ArgumentInvalidError, MemmuxError
from memmux.logs import log

T = TypeVar("T")
Run = Callable[..., Awaitable[Answer]]

_TEXTS = (str, str | None)
# Whether it destroys, and what it does the second time, is asked of a tool that changes something alone.
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, idempotent_hint=True, open_world_hint=False)
ASKED, CONTEXT = "asked", "context"  # what a tool's method calls its arguments and the MCP request, if it takes them


class MemoryTool(Tool):
    """A tool that is a method of one model of arguments."""

    @classmethod
    def of(
        cls,
        run: Run,
        *,
        destructive: bool | None = None,
        required: tuple[str, ...] = (),
        unlisted: tuple[str, ...] = (),
    ) -> Self:
        """Return the tool that calls `run`; it only reads unless `destructive` is given.

        required: arguments that the schema asks for, though another name for them is accepted too. unlisted: arguments
        that it leaves out, for want of room.
        """
        hints = get_type_hints(run, include_extras=True)
        described, shown = _described(hints.get(ASKED, Arguments), hints["return"])
        listed = {name: schema for name, schema in shown.get("properties", {}).items() if name not in unlisted}
        parameters = shown | {"properties": listed}
        if required:
            parameters["required"] = list(required)
        return cls(
            fn=run,
            name=getattr(run, "__name__", ""),
            title=None,
            description=" ".join((inspect.getdoc(run) or "").split()),
            parameters=parameters,
            fn_metadata=described,
            is_async=True,
            context_kwarg=CONTEXT if CONTEXT in hints else None,
            annotations=_READS if destructive is None else _WRITES.model_copy(update={"destructive_hint": destructive}),
        )

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> Answer | CallToolResult:
        """Run the tool; raise ToolError with the code and the remedy of whatever refuses.

        The SDK's own `run` would put a prefix of its own before the code and let unknown arguments pass.
        """
        answer = await self.answer(arguments, context)
        return result(answer) if convert_result else answer

    async def answer(
        self, arguments: Mapping[str, Any], context: Context[Any, Any], form: Callable[[Answer], Answer] | None = None
    ) -> Answer:
        """Return the answer, within its bound, in another form if there is one.

        Raises ToolError with the code and the remedy of whatever refuses.
        """
        with refusals(self.name):
            asked, ignored = self._checked(arguments)
            try:
                answer = await self._answered(asked, context)
            except ArgumentInvalidError as error:
                raise ArgumentInvalidError("; ".join((error.message, *ignored))) from None
            answer = answer if form is None else form(answer)
            notes = [*(answer.notes or ()), *asked.notes(), *ignored]
            most = asked.max_response_chars
            noted = answer.model_copy(update={"notes": notes}) if notes else answer
            return noted.within(most if most and most > 0 else ANSWER_CHARACTERS, asked.rest)

    async def _answered(self, asked: Arguments, context: Context[Any, Any]) -> Answer:
        given: dict[str, Any] = {} if type(asked) is Arguments else {ASKED: asked}
        if self.context_kwarg is not None:
            given[self.context_kwarg] = context
        answer: Answer = await self.fn(**given)
        return answer

    def _checked(self, arguments: Mapping[str, Any]) -> tuple[Arguments, list[str]]:
        """Return the arguments as the tool's types, and notes on those that it has not.

        Raises ArgumentInvalidError, and UnknownFieldError where to ignore one would do harm.
        """
        model = self.fn_metadata.arg_model
        assert issubclass(model, Arguments)
        known = _known(model)
        parsed = model.given(arguments, known)
        # Some hosts send lists and objects as JSON text, which the SDK reads; a text that looks like JSON stays a text,
        # and so does "null": were it read, what somebody wrote would be as if left out.
        if any(isinstance(value, str) and known[name] not in _TEXTS for name, value in parsed.items()):
            read = self.fn_metadata.pre_parse_json(parsed)
            parsed = read | {name: said for name, said in parsed.items() if known[name] in _TEXTS or read[name] is None}
        try:
            asked = model.model_validate(parsed)
        except ValidationError as error:
            wrong = [*map(_wrong, error.errors(include_url=False)), *model.ignored(arguments, known)]
            raise ArgumentInvalidError("; ".join(wrong)) from None
        return asked, model.ignored(arguments, known)


def result(answer: Answer) -> CallToolResult:
    """Return an answer as the SDK sends it."""
    content: list[ContentBlock] = [TextContent(type="text", text=text(answer))]
    return CallToolResult(content=content, structured_content=answer.structured())


@cache  # pydantic takes milliseconds for a schema, of which a server has dozens
def _described(arguments: type[Arguments], answer: type[Answer]) -> tuple[FuncMetadata, dict[str, Any]]:
    """Return what the SDK knows of a tool's arguments and answer, and the schema of the arguments."""
    described = FuncMetadata(arg_model=arguments, output_model=answer)
    described.output_schema = compact(described.output_schema or {})
    return described, compact(arguments.model_json_schema())


@cache
def _known(arguments: type[Arguments]) -> Mapping[str, Any]:
    """Return the types of a tool's arguments, by their names."""
    return {field.alias or name: field.annotation for name, field in arguments.model_fields.items()}


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn what fails inside into the tool error that tells it; of a crash it tells nothing but that it was one."""
    try:
        yield
    except ToolError:
        raise
    except MemmuxError as error:
        raise ToolError(f"{error.code}: {error.message}"[:MEMORY_CHARACTERS]) from error
    except Exception as error:
        log.get().exception("tool_crashed", tool=name, call_id=call_log.call_id())
        raise UnexpectedToolError(f"{MemmuxError.code}: {MemmuxError().message}") from error


def _wrong(error: Any) -> str:
    """Return what pydantic found wrong, and the remedy, as a part of a sentence."""
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{path} is missing; give it"
    message: str = error["msg"]
    return f"{path} is wrong: {message[:1].lower()}{message[1:]}"
