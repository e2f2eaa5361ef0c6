"""The pictures of the page: `python docs/pictures/web.py [FOLDER]` draws each view in light and dark, at two widths.

Those that the documents show are written beside this file; all of them, if a folder is named, into that.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the checkout, for its tests' helpers

from mcp_dealer.http import page
from mcp_dealer.http.rest.routes import routes as rest_routes
from memmux import Client
from memmux.config.settings import Settings, load
from tests.browser import NARROW, WIDE, chromium, window
from tests.http_app import serve
from tests.page_corpus import fill

FOLDER = Path(__file__).parent
SHOWN = {
    "memory-wide-light": "web-memory",
    "graph-wide-dark": "web-graph",
    "timeline-wide-light": "web-timeline",
    "health-wide-dark": "web-health",
    "memories-narrow-light": "web-narrow",
}
VIEWS = {
    "memories": "/",
    "search": "/?q=which+port+does+the+test+database+use",
    "memory": "/?q=restore+the+staging+database&memory={runbook}",
    "edit": "/?memory={port}&show=edit",
    "history": "/?memory={port}&show=history",
    "graph": "/?memory={port}&show=graph",
    "timeline": "/?view=timeline",
    "cleanup": "/?view=cleanup",
    "transfer": "/?view=transfer",
    "health": "/?view=health",
}


@contextmanager
def _cluster() -> Iterator[Settings]:
    """Serve a throwaway database with the real model."""
    with tempfile.TemporaryDirectory(prefix="mm-") as folder:
        places = {"database": f"{folder}/notes.db", "runtime_dir": f"{folder}/run", "state_dir": f"{folder}/state"}
        settings = load(environment={f"MEMMUX_{name.upper()}": place for name, place in places.items()})
        try:
            yield settings
        finally:
            with Client(settings=settings, start=False) as client:
                client.stop()


def draw(into: Path) -> None:
    """Draw every view into a folder."""
    with _cluster() as settings:
        ids = fill(settings)
        with serve(settings, lambda: [*rest_routes(), *page.routes()]) as served, chromium() as browser:
            for dark in (False, True):
                for width, size in (("wide", WIDE), ("narrow", NARROW)):
                    with window(browser, served.url, size, dark=dark) as opened:
                        for name, address in VIEWS.items():
                            shown = opened.go(address.format(**ids))
                            shown.wait_for_load_state("networkidle") if False else shown.wait_for_timeout(500)
                            shown.screenshot(path=into / f"{name}-{width}-{'dark' if dark else 'light'}.png")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    draw(target)
