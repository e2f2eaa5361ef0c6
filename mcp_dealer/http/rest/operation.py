"""An operation of REST: what it takes and answers, and how an HTTP request becomes one."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from mcp_dealer.http.caller import Caller
from mcp_dealer.http.problem import of_status, problem
from mcp_dealer.http.rest.base import Answer, Given
from memmux.client.asynchronous import AsyncClient
from memmux.client.calls import check_name
from memmux.errors import ArgumentInvalidError, MemmuxError, UnknownFieldError
from memmux.logs import log

BODY_BYTES: Final = 16 << 20  # of a request that is JSON
KEY: Final = "Idempotency-Key"
SHOWN: Final = 8  # faults of a body that are named
JSON: Final = "application/json"
HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
PART: Final = frozenset({"namespace", "store"})
EVERY: Final = {"namespace": "*", "store": "all"}
UNSAID: Final = "default"  # the store that mcp-memory-service means where none is named

_UNKNOWN: Final = "extra_forbidden"  # what pydantic calls a field that is not known

Done = Mapping[str, object] | Response


class Parameters(BaseModel):
    """What the query of a URL gives, where all is text."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class RefusedError(Exception):
    """An answer that is known before the cluster is asked."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood; query and body: as the operation says what they are."""

    request: Request
    query: Any = None
    body: Any = None

    @property
    def caller(self) -> Caller:
        """Who asks."""
        found: Caller = self.request.state.caller
        return found

    @property
    def client(self) -> AsyncClient:
        """The caller's client of the cluster."""
        return self.caller.client

    @property
    def id(self) -> str:
        """What the path names."""
        return str(self.request.path_params["id"])

    def check_namespace(self) -> None:
        """Raise NotAllowedError where a namespace is named that the caller may not touch.

        What is named is never taken for another one, as `default` is where nobody names any.
        """
        for given in (self.query, self.body):
            name = part(given).get("namespace")
            if name is not None:
                self.caller.grant.check_namespace(name)

    def key(self, which: int | str = 0) -> str | None:
        """Return the caller's idempotency key, which is nobody else's; which: of the writes of a request.

        None where the caller gave none.
        """
        given = self.request.headers.get(KEY)
        if given is None:
            return None
        own = orjson.dumps([self.caller.name, which, given])
        return f"http-{hashlib.sha256(own).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What can be asked for.

    name: as the document has it. does: answers it. takes: its body. query: the parameters of its URL. gives: the shape
    of its answer, or None where media says what it is. fails: the statuses that are its own. writes: whether it takes
    an idempotency key. headers: others that it heeds, each with what it says. opens: whether anybody may ask. upload:
    whether its body is a file.
    """

    method: str
    path: str
    name: str
    group: str
    summary: str
    does: Callable[[Asked], Awaitable[Done]]
    takes: type[Given] | None = None
    query: type[Parameters] = Parameters
    gives: type[Answer] | None = None
    media: str = JSON
    fails: tuple[int, ...] = ()
    writes: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    opens: bool = False
    upload: bool = False
    description: str = ""

    async def answer(self, request: Request) -> Response:
        """Answer a request, whatever comes of it."""
        try:
            if self.writes and KEY in request.headers:
                check_name(KEY, request.headers[KEY])
            query = None if self.opens else _query(self.query, request)
            body = None if self.takes is None else _body(self.takes, await _read(request))
            asked = Asked(request, query, body)
            asked.check_namespace()
            done = await self.does(asked)
        except RefusedError as refused:
            return refused.answer
        except MemmuxError as error:
            return problem(error)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.NO_CONTENT)  # which nobody hears
        except Exception:  # noqa: BLE001 - whatever it is, the caller gets an answer of the usual form
            log.get().error("http_failed", operation=self.name, exc_info=True)
            return problem(MemmuxError())
        return done if isinstance(done, Response) else answer(done)


def route(path: str, operations: Sequence[Operation]) -> Route:
    """Return where the operations of a path are served."""
    by_method = {one.method: one for one in operations}
    if "GET" in by_method:
        by_method["HEAD"] = by_method["GET"]

    async def answered(request: Request) -> Response:
        return await by_method[request.method].answer(request)

    return Route(path, answered, methods=list(by_method), name=operations[0].name)


def answer(document: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON document as an answer."""
    return Response(orjson.dumps(document), headers={**HEADERS, **(headers or {})}, media_type=JSON)


def part(given: Any) -> dict[str, Any]:
    """Return the argument `namespace` of the cluster's methods, if a request says where.

    Raises ArgumentInvalidError if it says two places.
    """
    store = getattr(given, "store", None)
    named = {"namespace": getattr(given, "namespace", None), "store": None if store == UNSAID else store}
    places = {None if said == EVERY[name] else said for name, said in named.items() if said is not None}
    if len(places) > 1:
        raise ArgumentInvalidError("namespace and store name one thing, and name two here; leave one out")
    return {"namespace": places.pop()} if places else {}


def _query(model: type[Parameters], request: Request) -> Parameters:
    several = {name for name, one in model.model_fields.items() if "list" in str(one.annotation)}
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        if name not in several and len(values) > 1:
            raise ArgumentInvalidError(f"the parameter {name!r} is there several times; give it once")
    try:
        return model.model_validate({name: one if name in several else one[0] for name, one in given.items()})
    except ValidationError as error:
        raise RefusedError(_faults(error, "query", model)) from None


async def _read(request: Request) -> bytes:
    """Return the body of a request, which is JSON and no larger than it may be."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        detail = f"the body is {kind or 'of no type'}; send JSON, with the header Content-Type: {JSON}"
        raise RefusedError(of_status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, "media_type"))
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > BODY_BYTES:
            detail = f"the body has more than {BODY_BYTES} bytes, the most; send less at once"
            raise RefusedError(of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, "message_too_large"))
    return bytes(read)


def _body(model: type[Given], read: bytes) -> Given:
    try:
        given = model.model_validate_json(read)
    except ValidationError as error:
        raise RefusedError(_faults(error, "body", model)) from None
    if twice := _twice(read):
        raise ArgumentInvalidError(f"the field {twice!r} is there several times; give it once")
    return given


def _twice(read: bytes) -> str:
    """Return a field that an object of JSON has several times, of which readers would take the last; empty if none."""
    names = list[str]()

    def note(pairs: list[tuple[str, object]]) -> None:
        nonlocal names
        names = [name for name, _ in pairs]  # last those of the outermost object

    json.loads(read, object_pairs_hook=note)
    return next((name for name, times in Counter(names).items() if times > 1), "")


def _faults(error: ValidationError, where: str, model: type[BaseModel]) -> Response:
    """Return the answer that names what is wrong with a body or a query."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    faults.sort(key=lambda fault: fault["type"] != _UNKNOWN)  # it may be why another one is missing
    said = [{"loc": [where, *fault["loc"]], "msg": fault["msg"], "type": fault["type"]} for fault in faults[:SHOWN]]
    broken = any(fault["type"] == "json_invalid" for fault in faults)
    status = HTTPStatus.BAD_REQUEST if broken else HTTPStatus.UNPROCESSABLE_ENTITY
    first = faults[0]
    name = ".".join(map(str, first["loc"]))
    detail = f"{name or 'the ' + where}: {first['msg']}"
    code = "json_invalid" if broken else "argument_invalid"
    if first["type"] == _UNKNOWN:
        known = ", ".join(model.model_fields) or "none"
        detail, code = f"there is no {name!r} in the {where} here; there are {known}", UnknownFieldError.code
    return of_status(status, detail, code, errors=said)
