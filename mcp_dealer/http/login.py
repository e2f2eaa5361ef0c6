"""The login: a one-time URL becomes a cookie, by which the browser of this machine's owner is known."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mcp_dealer.http.credentials import COOKIE_S, Credentials
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs import log
from memmux.trust import logins


def routes(
    settings: Settings, credentials: Credentials, refused: Callable[[], Response], *, behind_proxy: bool = False
) -> list[Route]:
    """Return the routes: `GET /login?code=…`, and `POST /logout` for who is logged in, to which the gate sees.

    A link that opens nothing leads to the page all the same where a browser is logged in.

    refused: what makes the answer to such a link for anybody else. behind_proxy: whether a proxy vouches for
    X-Forwarded-Proto.
    """
    places = Places(settings)

    def secure(request: Request) -> bool:
        said = request.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip() if behind_proxy else ""
        return (said or request.url.scheme).lower() == "https"

    def known(request: Request) -> bool:
        cookie = request.cookies.get(credentials.cookie_name(secure=secure(request)))
        return cookie is not None and credentials.of_cookie(cookie).grant is not None

    async def login(request: Request) -> Response:
        if request.method != "GET" or not logins.take(places, request.query_params.get("code", "")):
            if known(request):
                return RedirectResponse("/", status_code=303)
            return refused()
        log.get().info("web_opened", address=request.client.host if request.client else "")
        answer = RedirectResponse("/", status_code=303)
        _set(answer, credentials.cookie(), int(COOKIE_S), secure=secure(request))
        return answer

    async def logout(request: Request) -> Response:
        answer = Response(status_code=204)
        _set(answer, "", 0, secure=secure(request))
        return answer

    def _set(answer: Response, value: str, seconds: int, *, secure: bool) -> None:
        answer.set_cookie(
            credentials.cookie_name(secure=secure),
            value,
            max_age=seconds,
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    return [Route(logins.PATH, login, methods=["GET"]), Route("/logout", logout, methods=["POST"])]
