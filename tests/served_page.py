"""The page with the REST routes under it, served for tests that open it in a browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memmux.config.settings import Settings
from memmux.wire.grants import Grant

if TYPE_CHECKING:
    from tests.http_app import Served


@contextmanager
def served_for(
    settings: Settings, grants: Mapping[str, Grant] | None = None, *, keyed: bool = True
) -> Iterator[Served]:
    """Serve it before the cluster of these settings; grants, keyed: as `tests.http_app.serve` has them."""
    from mcp_dealer.http import page
    from mcp_dealer.http.rest.events import Streams
    from mcp_dealer.http.rest.routes import routes as rest
    from tests.http_app import serve

    streams = Streams()
    routes = lambda: [*rest(streams), *page.routes()]  # noqa: E731
    with serve(settings, routes, grants=grants, keyed=keyed, leave=streams.end) as running:
        yield running
