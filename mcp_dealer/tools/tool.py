"""A tool: schemas as small as they can be, and refusals that read `<code>: <sentence>`; nothing of the SDK."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, get_type_hints

from pydantic import ValidationError

from mcp_dealer.arguments import Arguments
from mcp_dealer.link import call_log
from mcp_dealer.schemas import Answer, compact
from mcp_dealer.schemas.bounds import ANSWER_CHARACTERS, MEMORY_CHARACTERS
from mcp_dealer.tool_error import ToolError
from memmux.errors import ArgumentInvalidError, MemmuxError
from memmux.logs import log

Run = Callable[..., Awaitable[Answer]]
Progress = Callable[[float, float], Coroutine[Any, Any, None]]
"""Is told how much of how much a call has done."""
Schema = Mapping[str, Any]

_TEXTS = (str, str | None)
# Whether it destroys, and what it does the second time, is asked of a tool that changes something alone.
_READS: Schema = {"readOnlyHint": True, "openWorldHint": False}
_WRITES: Schema = {"readOnlyHint": False, "idempotentHint": True, "openWorldHint": False}
ASKED, PROGRESS = "asked", "progress"  # what a tool's method calls its arguments and who is told of progress, if any


async def unheard(done: float, total: float) -> None:
    """Tell nobody."""
    del done, total


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTool:
    """A tool that is a method of one model of arguments.

    run: the method. listing: what the protocol says of it, as JSON. reports: whether it says how far it is.
    """

    name: str
    run: Run
    model: type[Arguments]
    listing: Mapping[str, Any]
    reports: bool

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
        model = hints.get(ASKED, Arguments)
        name, shown = getattr(run, "__name__", ""), _shown(model)
        listed = {name: schema for name, schema in shown.get("properties", {}).items() if name not in unlisted}
        listing = {
            "name": name,
            "description": " ".join((inspect.getdoc(run) or "").split()),
            "inputSchema": shown | {"properties": listed} | ({"required": list(required)} if required else {}),
            "outputSchema": _answered(hints["return"]),
            "annotations": _READS if destructive is None else {**_WRITES, "destructiveHint": destructive},
        }
        return cls(name=name, run=run, model=model, listing=listing, reports=PROGRESS in hints)

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing."""
        return bool(self.listing["annotations"]["readOnlyHint"])

    async def answer(
        self,
        arguments: Mapping[str, Any],
        progress: Progress = unheard,
        form: Callable[[Answer], Answer] | None = None,
    ) -> Answer:
        """Return the answer, within its bound, in another form if there is one.

        Raises ToolError with the code and the remedy of whatever refuses.
        """
        with refusals(self.name):
            asked, ignored = self._checked(arguments)
            try:
                answer = await self._answer(asked, progress)
            except ArgumentInvalidError as error:
                raise ArgumentInvalidError("; ".join((error.message, *ignored))) from None
            answer = answer if form is None else form(answer)
            notes = [*(answer.notes or ()), *asked.notes(), *ignored]
            most = asked.max_response_chars
            noted = answer.model_copy(update={"notes": notes}) if notes else answer
            return noted.within(most if most and most > 0 else ANSWER_CHARACTERS, asked.rest)

    async def _answer(self, asked: Arguments, progress: Progress) -> Answer:
        given: dict[str, Any] = {} if type(asked) is Arguments else {ASKED: asked}
        if self.reports:
            given[PROGRESS] = progress
        return await self.run(**given)

    def _checked(self, arguments: Mapping[str, Any]) -> tuple[Arguments, list[str]]:
        """Return the arguments as the tool's types, and notes on those that it has not.

        Raises ArgumentInvalidError, and UnknownFieldError where to ignore one would do harm.
        """
        known = _known(self.model)
        parsed = {name: _read(value, known[name]) for name, value in self.model.given(arguments, known).items()}
        try:
            asked = self.model.model_validate(parsed)
        except ValidationError as error:
            wrong = [*map(_wrong, error.errors(include_url=False)), *self.model.ignored(arguments, known)]
            raise ArgumentInvalidError("; ".join(wrong)) from None
        return asked, self.model.ignored(arguments, known)


def _read(value: object, annotation: object) -> object:
    """Return a list or an object that a host has sent as JSON text, as some do; anything else as it is.

    An argument that is a text stays one though it looks like JSON; "null" does, too: were it read, what somebody wrote
    would be as if left out.
    """
    if not isinstance(value, str) or annotation in _TEXTS:
        return value
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return value if isinstance(read, str | int | float | None) else read


@cache  # pydantic takes milliseconds for a schema, of which a server has dozens
def _shown(arguments: type[Arguments]) -> dict[str, Any]:
    """Return the schema of a tool's arguments."""
    return compact(arguments.model_json_schema())


@cache
def _answered(answer: type[Answer]) -> dict[str, Any]:
    """Return the schema of its answer."""
    return compact(answer.model_json_schema())


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
        raise ToolError(f"{MemmuxError.code}: {MemmuxError().message}") from error


def _wrong(error: Any) -> str:
    """Return what pydantic found wrong, and the remedy, as a part of a sentence."""
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{path} is missing; give it"
    message: str = error["msg"]
    return f"{path} is wrong: {message[:1].lower()}{message[1:]}"
