"""Chromium for tests and pictures of the page: one browser, and windows that let nothing unexpected pass."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bounds import BOUND_S, pause

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_ON_MACOS: Final = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
CHROMIUM: Final = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, (*_NAMES, _ON_MACOS))), None)
WIDE: Final = (1280, 860)
NARROW: Final = (360, 740)
_SCRIPTS: Final = Path(__file__).parent / "data" / "page"
_TOASTS: Final = Path(__file__).parents[1] / "mcp_dealer" / "http" / "static" / "toast.js"
STAYS_MS: Final = int(re.findall(r"STAYS_MS = (\d+)", _TOASTS.read_text(encoding="utf-8"))[0])


def script(name: str) -> str:
    """A script that looks at the page."""
    return (_SCRIPTS / f"{name}.js").read_text(encoding="utf-8")


def missing() -> str | None:
    """Why the page can't be tested here; None where it can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: make setup"
    return None if CHROMIUM else "there is no Chromium: apt-get install chromium, or name one with CHROMIUM"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a Chromium for as long as it lasts."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        _kept.clear()
        browser.close()


@dataclass
class Window:
    """A window on the page, and whatever happened in it that must not.

    faults: errors of scripts and of the console, violations of the policy, and requests to elsewhere.
    """

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)
    forgiven: tuple[str, ...] = ()

    def go(self, address: str = "/") -> Page:
        """Open an address of the page, and return when it is drawn."""
        self.page.goto(f"{self.origin}{address}", wait_until="load")
        self.page.wait_for_selector("#content > *")
        return self.page

    def until(self, script: str) -> None:
        """Wait until what a script says holds; Chromium's own wait needs eval, which the page forbids."""
        end = time.monotonic() + BOUND_S
        while not self.page.evaluate(script):
            assert time.monotonic() < end, f"it never held: {script}"
            pause()

    def quiet(self, selector: str) -> None:
        """Wait until this is there, and no request is under way but streams: what is deleted then nobody asks for."""
        self.page.wait_for_selector(selector)
        self.until("!window.asking")

    def check(self) -> None:
        """Fail if anything happened that must not."""
        self.faults += self.page.evaluate("window.violations")
        left = [fault for fault in self.faults if not any(part in fault for part in self.forgiven)]
        assert not left, left


@contextmanager
def window(
    browser: Browser,
    origin: str,
    size: tuple[int, int] = WIDE,
    *,
    dark: bool = False,
    forgiven: tuple[str, ...] = (),
    patient: bool = True,
    **more: Any,
) -> Iterator[Window]:
    """Open a window with an empty storage; at the end, fail if anything happened in it that must not.

    patient: whether what goes by itself stays, and requests are counted.
    Those that are alike share the process that draws them, which costs more to start than what a test does in it.
    """
    own = bool(more) or not patient
    kept = None if own else _kept.get((size, dark))
    context = _context(browser, size, dark=dark, patient=patient, **more) if kept is None else kept.context
    page = context.new_page()
    if kept is not None:
        kept.close()  # now that there is another one, the process stays
    page.set_default_timeout(BOUND_S * 1000)
    opened = Window(page, origin, forgiven=forgiven)

    def guard(route: Route, request: Request) -> None:
        if request.url.startswith((f"{origin}/", "blob:", "data:")):
            route.continue_()
        else:
            opened.faults.append(f"a request to {request.url}")
            route.abort()

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            opened.faults.append(f"{message.type}: {message.text}")

    page.route("**/*", guard)
    page.on("console", heard)
    page.on("pageerror", lambda error: opened.faults.append(f"pageerror: {error}"))
    page.on("dialog", lambda dialog: (opened.faults.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    page.on("popup", lambda popup: opened.faults.append(f"a window: {popup.url}"))
    try:
        yield opened
        opened.check()
    except BaseException:
        context.close()
        _kept.pop((size, dark), None)
        raise
    if own:
        context.close()
        return
    for other in (other for other in context.pages if other != page):
        other.close()
    session = context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
    session.send("Network.clearBrowserCache")
    session.detach()
    context.clear_cookies()
    page.goto("about:blank")
    _kept[size, dark] = page


def _context(browser: Browser, size: tuple[int, int], *, dark: bool, patient: bool, **more: Any) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        timezone_id="UTC",
        **more,
    )
    context.add_init_script(script("violations"))
    if patient:
        context.add_init_script(f"{{ const STAYS_MS = {STAYS_MS};\n{script('patient')} }}")
    return context


_kept: dict[tuple[tuple[int, int], bool], Page] = {}
"""The last window of each kind that has been left, empty."""
