"""The page: its files, each read once, and the headers that keep it to itself.

The files are a fixed table, so no path leads anywhere else. Each is under a folder named by the digest of all of them,
`/static/<digest>/…`, and never changes there: a browser keeps it for ever, and a newer memmux has another folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from memmux.cli.degraded import FAILING, SENTENCES

INDEX: Final = "index.html"
VENDOR: Final = "vendor/"  # where the files of others are
REMEDIES: Final = "remedies.json"  # made of the sentences that the command line has
REFUSED: Final = "refused.html"  # what a link that opens nothing leads to
DIGEST: Final = "DIGEST"  # stands in INDEX and REFUSED where the digest belongs
HEADERS: Final[Mapping[str, str]] = {
    # Nothing of elsewhere, nothing inline, in nobody's frame, and no text that is taken for a script or for markup.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page.

    body: its bytes.
    kind: its media type.
    etag: the value of the header, with its quotes.
    """

    body: bytes
    kind: str
    etag: str

    @classmethod
    def of(cls, name: str, body: bytes) -> File:
        """Return the file of that name."""
        kind = _TYPES[name[name.rindex(".") :]]
        return cls(body=body, kind=kind, etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def answer(self, request: Request, cached: str) -> Response:
        """Return the answer to a request: the file, or that it is what the browser has; cached: for how long."""
        headers = {**HEADERS, "Cache-Control": cached, "ETag": self.etag}
        known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
        if self.etag in known:
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type=self.kind, headers=headers)


def files() -> dict[str, bytes]:
    """Return every file of the page, by its path below `static/`, as a browser gets it."""
    remedies = orjson.dumps({**SENTENCES, "failing": FAILING})
    found = [(name, lean(name, body)) for name, body in _below(resources.files(__package__) / "static", "")]
    return dict(sorted([*found, (REMEDIES, remedies)]))


def lean(name: str, body: bytes) -> bytes:
    """Return a file without what only its readers need: of our scripts and styles, comments of a line, and indents."""
    if name.startswith(VENDOR) or not name.endswith((".js", ".css")):
        return body
    lines = (line.strip() for line in body.split(b"\n"))
    return b"\n".join(line for line in lines if line and not line.startswith(b"//"))


def routes() -> list[Route]:
    """Return the routes of the page, whose files are read now."""
    bodies = files()
    version = _version(bodies)
    index = _document(INDEX, bodies)
    table = {name: File.of(name, body) for name, body in bodies.items() if not name.endswith(".html")}

    async def page(request: Request) -> Response:
        return index.answer(request, _ASK_AGAIN)

    async def static(request: Request) -> Response:
        file = table.get(request.path_params["name"]) if request.path_params["version"] == version else None
        if file is None:
            raise HTTPException(404, "there is no such file; load the page again")
        return file.answer(request, _FOR_EVER)

    return [Route("/", page), Route("/static/{version}/{name:path}", static)]


def refusing() -> Callable[[], Response]:
    """Return what makes the answer to a link that opens nothing."""
    body = _document(REFUSED, files()).body
    return lambda: Response(body, status_code=403, headers=dict(HEADERS), media_type=_TYPES[".html"])


def _document(name: str, bodies: Mapping[str, bytes]) -> File:
    return File.of(name, bodies[name].replace(DIGEST.encode(), _version(bodies).encode()))


def _version(bodies: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(b"\0".join(part for name, body in bodies.items() for part in (name.encode(), body)))
    return digest.hexdigest()[:16]


def _below(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _below(entry, f"{prefix}{entry.name}/")
        elif not entry.name.startswith("."):
            found.append((f"{prefix}{entry.name}", entry.read_bytes()))
    return found
