"""Problems: every error over HTTP as `application/problem+json` (RFC 9457), and the one table of status codes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mcp_dealer.http.remedies import here
from memmux.errors import MemmuxError, RequestError

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:memmux:error:"  # of a problem, before its code
_HTML: Final = "text/html"
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>memmux: {status}</title>
<h1>{title}</h1>
<p>{text}</p>
</html>
"""
_NOTHING: Final = 'No page of memmux is at this address. <a href="/">The page of the memory</a>'
_UNKNOWN: Final = "Run <code>memmux web</code> on the machine of the memory: it opens the page."
RETRY_S: Final = 1  # before a request that may succeed unchanged is sent again, where the cluster does not say

STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "key_refused": 401,
        "not_found": 404,
        "key_not_found": 404,
        "unknown_operation": 404,
        "database_missing": 404,
        "key_conflict": 409,
        "id_conflict": 409,
        "undo_conflict": 409,
        "quota_exceeded": 409,
        "key_name_taken": 409,
        "server_name_taken": 409,
        "not_allowed": 403,
        "path_refused": 403,
        "local_only": 403,
        "time_not_understood": 400,
        "content_too_long": 413,
        "message_too_large": 413,
        "rate_limited": 429,
        "precondition_failed": 412,
        "overloaded": 503,
        "draining": 503,
        "worker_unavailable": 503,
        "cluster_unreachable": 503,
        "cluster_start_failed": 503,
        "cancelled": 503,
        "unknown_session": 503,
        "busy": 503,
        "database_replaced": 503,
        "database_unreachable": 503,
        "model_missing": 503,
        "model_invalid": 503,
        "model_unsupported": 503,
        "file_only": 501,
        "deadline_exceeded": 504,
        "storage_full": 507,
    }
)
"""The status of each code that has one of its own; of a wrong request else 422, and of anything else 500."""


def status_of(error: MemmuxError) -> int:
    """Return the status by which an error is answered."""
    return STATUSES.get(error.code, 422 if isinstance(error, RequestError) else 500)


def document(error: MemmuxError, **more: object) -> dict[str, Any]:
    """Return the JSON object that an error is; more: other members of it."""
    status = status_of(error)
    return {
        "type": f"{TYPE}{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": here(error.message),
        "code": error.code,
        "retry": error.retryable,
        **({} if error.retry_after_ms is None else {"retry_after_ms": error.retry_after_ms}),
        **more,
    }


def problem(error: MemmuxError, headers: Mapping[str, str] | None = None, **more: object) -> Response:
    """Return the answer that says what failed, with Retry-After where the same request may succeed later."""
    status = status_of(error)
    known = dict(headers or {})
    if error.retryable or status == HTTPStatus.TOO_MANY_REQUESTS:
        wait_ms = RETRY_S * 1000 if error.retry_after_ms is None else error.retry_after_ms
        known.setdefault("Retry-After", str(max(1, -(-wait_ms // 1000))))
    return _response(document(error, **more), status, known)


def of_status(
    status: int, detail: str, code: str, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """Return the answer for what HTTP itself refuses, such as a method: it is no error of the cluster."""
    fields = {
        "type": f"{TYPE}{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "retry": False,
        **more,
    }
    return _response(fields, status, dict(headers or {}))


async def refused(request: Request, error: Exception) -> Response:
    """Answer what no route does: an unknown path, of which a browser gets a page, or a method that a path has not."""
    if not isinstance(error, HTTPException):
        return problem(MemmuxError())
    if error.status_code == HTTPStatus.NOT_FOUND and shows_pages(request.method, request.headers.get("accept", "")):
        return Response(_PAGE.format(status=404, title="There is nothing here", text=_NOTHING), 404, media_type=_HTML)
    code = {404: "no_such_path", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    detail = {404: "there is nothing at this path; /api/openapi.json has all there are"}.get(
        error.status_code, f"{error.detail}; /api/openapi.json has what there is"
    )
    return of_status(error.status_code, detail, code, error.headers)


def shows_pages(method: str, accepted: str) -> bool:
    """Return whether who asks is a browser that goes to a path; accepted: the value of its header Accept."""
    return method in ("GET", "HEAD") and "text/html" in accepted.lower()


def page_without_key() -> bytes:
    """Return the page for a browser that nobody has signed in."""
    return _PAGE.format(status=401, title="Not signed in", text=_UNKNOWN).encode()


HANDLERS: Final[Mapping[Any, Any]] = MappingProxyType({HTTPException: refused})
"""What a Starlette application takes as `exception_handlers`."""


def _response(fields: Mapping[str, object], status: int, headers: Mapping[str, str]) -> Response:
    kept = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **headers}
    return Response(orjson.dumps(fields), status, kept, MEDIA_TYPE)
