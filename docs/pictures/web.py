"""The pictures of the page: `python docs/pictures/web.py [FOLDER]`.

It draws each view in light and dark, at two widths, over a throwaway database with the real model. All pictures go into
FOLDER, if one is named; those that the documents show are written beside this file.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).parents[2]))  # the checkout, for its tests' helpers

from mcp_dealer.http import page
from mcp_dealer.http.rest.events import Streams
from mcp_dealer.http.rest.routes import routes as rest
from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
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
SIZES = {"wide": WIDE, "narrow": NARROW}
# Each with its address, and what is there once it is drawn.
VIEWS = {
    "memories": ("/", "a.row"),
    "search": ("/?q=which+port+does+the+test+database+use", ".row .match"),
    "memory": ("/?q=restore+the+staging+database&memory={runbook}", ".around h2"),
    "edit": ("/?memory={port}&show=edit", ".editor"),
    "history": ("/?memory={port}&show=history", ".history"),
    "graph": ("/?memory={port}&show=graph", ".graph"),
    "timeline": ("/?view=timeline", ".uplot"),
    "cleanup": ("/?view=cleanup", ".group"),
    "transfer": ("/?view=transfer", ".card"),
    "health": ("/?view=health", ".log-line"),
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
        streams = Streams()
        with (
            serve(settings, lambda: [*rest(streams), *page.routes()], leave=streams.end) as served,
            chromium() as browser,
        ):
            for (width, size), dark in product(SIZES.items(), (False, True)):
                with window(browser, served.url, size, dark=dark) as opened:
                    for name, (address, ready) in VIEWS.items():
                        shown = opened.go(address.format(**ids))
                        shown.wait_for_selector(f"{ready} >> nth=0")
                        shown.wait_for_selector(".connection.live")
                        shown.screenshot(path=into / f"{name}-{width}-{'dark' if dark else 'light'}.png")


def main() -> None:
    """Draw all, and take over what the documents show."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as spare:
        into = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(spare)
        into.mkdir(parents=True, exist_ok=True)
        draw(into)
        for drawn, name in SHOWN.items():
            shutil.copyfile(into / f"{drawn}.png", FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
