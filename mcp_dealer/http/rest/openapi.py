"""The OpenAPI 3.1 document, made of the operations and their models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mcp_dealer.http.problem import MEDIA_TYPE
from mcp_dealer.http.rest.answers import Problem, Progress
from mcp_dealer.http.rest.operation import JSON, KEY, Operation
from memmux.client.calls import NAME_CHARACTERS
from memmux.version import __version__

PATH: Final = "/api/openapi.json"
FILE: Final = "application/octet-stream"
_REFS: Final = "#/components/schemas/{model}"
_TOKENS: Final[tuple[dict[str, list[str]], ...]] = ({"bearer": []}, {"apiKey": []}, {"cookie": []})
_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of `memmux key add NAME --http`"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same token"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "memmux", "description": "What `memmux web` gives a browser"},
}
_REASONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "The body is no JSON, or a time in words is not understood",
        401: "No token, or none that is valid",
        403: "The token does not allow this",
        404: "There is no such memory, or change",
        409: "Something else is there, or was changed since",
        412: "The memory was changed meanwhile",
        413: "More than may be sent at once",
        415: "The body is not of the type that is taken",
        421: "The header Host names no host of this server",
        422: "An argument is wrong",
        429: "This key asks more often than it may",
        503: "Not now; the same request may succeed after Retry-After",
        504: "The time was over",
        507: "The disk is full",
    }
)
_ANYBODY: Final = (421,)
_CALLER: Final = (401, 403, 421, 422, 429, 503, 504)
_BODY: Final = (400, 413, 415)


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document of operations."""
    taken = [(one.takes, "validation") for one in operations if one.takes is not None]
    given = [(one.gives, "serialization") for one in operations if one.gives is not None]
    models: dict[tuple[type[BaseModel], Any], None] = dict.fromkeys(
        [*taken, *given, (Problem, "serialization"), (Progress, "serialization")]
    )
    _, schemas = models_json_schema(list(models), ref_template=_REFS)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "memmux",
            "version": __version__,
            "description": "One memory for every AI client. Errors are problems as of RFC 9457, with stable codes.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": _SCHEMES},
        "security": list(_TOKENS),
    }


def _operation(one: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {"operationId": one.name, "tags": [one.group], "summary": one.summary}
    said["description"] = one.description or f"{one.summary}."
    if parameters := [*_path(one), *_query(one), *_headers(one)]:
        said["parameters"] = parameters
    if one.takes is not None:
        content: dict[str, Any] = {"schema": _ref(one.takes)}
        if one.takes.example:
            content["example"] = one.takes.example
        said["requestBody"] = {"required": True, "content": {JSON: content}}
    if one.upload:
        said["requestBody"] = {"required": True, "content": {FILE: {"schema": {}}}}
    said["responses"] = _responses(one)
    if one.opens:
        said["security"] = []
    return said


def _responses(one: Operation) -> dict[str, Any]:
    schema = {"type": "object"} if one.gives is None and one.media == JSON else {}
    content = {one.media: {"schema": _ref(one.gives)} if one.gives is not None else {"schema": schema}}
    statuses = {*one.fails, *(_ANYBODY if one.opens else _CALLER)}
    if one.takes is not None or one.upload:
        statuses |= set(_BODY)
    if one.writes:
        statuses |= {409, 507}
    problems = {MEDIA_TYPE: {"schema": _ref(Problem)}}
    failures = {str(status): {"description": _REASONS[status], "content": problems} for status in sorted(statuses)}
    other = {"default": {"description": "Another failure", "content": problems}}
    return {"200": {"description": HTTPStatus.OK.phrase, "content": content}, **failures, **other}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFS.format(model=model.__name__)}


def _path(one: Operation) -> Iterable[dict[str, Any]]:
    if "{id}" in one.path:
        what = "An id, a content hash or an alias"
        schema = {"type": "string", "minLength": 1}
        yield {"name": "id", "in": "path", "required": True, "description": what, "schema": schema}


def _query(one: Operation) -> Iterable[dict[str, Any]]:
    described = one.query.model_json_schema()
    for name, given in described.get("properties", {}).items():
        schema = _plain(given)
        words = schema.pop("description", None)
        parameter = {"name": name, "in": "query", "required": False, "schema": schema}
        yield parameter if words is None else {**parameter, "description": words}


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter, which is left out and never null."""
    plain = {name: value for name, value in schema.items() if name not in {"title", "anyOf"}}
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    for kind in kinds[:1]:
        plain |= kind
    if plain.get("default", 0) is None:
        del plain["default"]
    return plain


def _headers(one: Operation) -> Iterable[dict[str, Any]]:
    known = dict(one.headers)
    if one.writes:
        known[KEY] = "The same key is answered the same, and what it asks for is done once"
    for name, words in known.items():
        bounds = {"minLength": 1, "maxLength": NAME_CHARACTERS} if name == KEY else {}
        schema = {"type": "string", **bounds}
        yield {"name": name, "in": "header", "required": False, "description": words, "schema": schema}
