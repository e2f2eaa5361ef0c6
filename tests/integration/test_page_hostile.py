"""The page with memories that want to be more than text: none of them runs, and nothing is asked of elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.browser import missing, script, window
from tests.served_page import served_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.http_app import Served

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
RUN: Final = "window.ran=1;fetch('http://elsewhere.example/')"
HOSTILE: Final = {
    "script": f"<script>{RUN}</script>",
    "handler": f'<img src=x onerror="{RUN}"> <b onmouseover="{RUN}">bold</b>',
    "svg": f'<svg onload="{RUN}"><script>{RUN}</script></svg>',
    "frame": f'<iframe srcdoc="<script>{RUN}</script>"></iframe><object data="javascript:{RUN}"></object>',
    "style": "<style>body{display:none;background:url(http://elsewhere.example/x)}</style>",
    "links": f"[a](javascript:{RUN}) [b](  JaVaScRiPt:{RUN}) [c](data:text/html,<script>{RUN}</script>) [d](vbscript:x)"
    " [e](java\tscript:x) [f](//elsewhere.example) "
    "[g](/?memory=x) <javascript:alert(1)> [h][r]\n\n[r]: javascript:alert(1)",
    "picture": "![seen](http://elsewhere.example/pixel.png) "
    "![x](javascript:alert(1)) ![y](data:image/svg+xml,<svg/onload=alert(1)>)",
    "entities": "&lt;script&gt; &#60;script&#62; &#x6A;avascript:alert(1) [x](&#x6A;avascript:alert(1))",
    "code": f'```html"><script>{RUN}</script>\n</code></pre><script>{RUN}</script>\n```',
    "table": f"| <script>{RUN}</script> | [x](javascript:{RUN}) |\n|---|---|\n| <img src=x onerror={RUN}> | b |",
    "template": "{{constructor.constructor('window.ran=1')()}} ${window.ran=1}",
    "bidi": "safe \u202egnp.exe\u202c \u2066isolated\u2069 \u200b\u200d end",
    "rtl": "שלום <b>עולם</b> مرحبا بالعالم",
    "emoji": "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 \ufffd \u0007",
    "deep": ">" * 3000 + " deep " + "- " * 3000 + "[" * 3000,
    "busy": "*a " * 20_000,  # which the reader of Markdown would be busy with for minutes
    "schemes": " ".join(
        f"[{number}]({scheme}{RUN})"
        for number, scheme in enumerate(
            (
                "\\u006aavascript:",
                "java&Tab;script:",
                "java&NewLine;script:",
                "javascript&colon;",
                "%6Aavascript:",
                "\x01javascript:",
                "javascript:",
                "blob:",
                "filesystem:",
                "data:,",
                "view-source:",
                "jar:",
                "\u2028javascript:",
                "http:javascript:",
                "https://u@elsewhere.example/#",
                "feed:javascript:",
                "ws:",
                "file:///",
            )
        )
    ),
    "mathml": f"<math><mtext><img src=x onerror={RUN}></mtext><maction xlink:href=javascript:{RUN}></maction></math>",
    "inert": f"<template><script>{RUN}</script></template><noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    "css": "<link rel=stylesheet href=//elsewhere.example/a.css> <p style='position:fixed;inset:0'>over</p> "
    "@import url(http://elsewhere.example); </style><style>*{display:none}",
    "override": "\u202e" * 500 + "gnp.exe " + "\u2066" * 500 + "\u202d" + "\u0300" * 2000,
    "line": "a" * 60_000,
    "large": "long **words** <script>window.ran=1</script> " * 22_000,
}
VIEWS: Final = ("", "&show=history", "&show=graph", "&show=edit")


@pytest.fixture(scope="module")
def ids(shared_env: dict[str, str]) -> dict[str, str]:
    """Each is a text, tags, a type, metadata, a thread, a namespace, and the name of the client that stored it."""
    found = {}
    for name, text in HOSTILE.items():
        short = text[:100]
        with Client(
            settings=load(environment=shared_env), name=short[:60] if short.isprintable() and short.isascii() else name
        ) as client:
            tag = short.replace(",", " ")
            stored = client.store(
                text, tags=[tag], type=short, metadata={short: text[:2000], "url": f"javascript:{RUN}"}, thread=short
            )
            client.update(
                stored.id, content=f"{text[:-1]} changed" if len(text) < 10_000 else text[:-2], metadata={"more": short}
            )
            found[name] = stored.id
    return found


@pytest.fixture(scope="module")
def served(shared_env: dict[str, str], ids: dict[str, str]) -> Iterator[Served]:
    assert ids
    with served_for(load(environment=shared_env), keyed=False) as running:
        yield running


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_memory_is_text_in_every_view(
    browser: Browser, served: Served, ids: dict[str, str], name: str
) -> None:
    with window(browser, served.url) as one:
        for view in VIEWS:
            page = one.go(f"/?memory={ids[name]}{view}")
            page.wait_for_selector(".memory .body > *")
            assert page.evaluate("window.ran") is None
            assert page.evaluate(script("alien")) == []
        assert page.evaluate("document.querySelector('.editor textarea').value.length") > 0


def test_lists_time_lines_and_health_show_hostile_names_as_text(
    browser: Browser, served: Served, ids: dict[str, str]
) -> None:
    assert ids
    with window(browser, served.url) as one:
        for address in (
            "/",
            "/?q=script",
            "/?view=timeline&by=tag",
            "/?view=timeline&by=client",
            "/?view=cleanup",
            "/?view=health",
        ):
            page = one.go(address)
            page.wait_for_selector(".connection.live")
            page.wait_for_selector("a.row, .chart-key li, .card th, .group, .empty")
            assert page.evaluate("window.ran") is None
            assert page.evaluate(script("alien")) == []


def test_a_hostile_address_is_text(browser: Browser, served: Served) -> None:
    with window(browser, served.url, forgiven=("404", "400", "422")) as one:
        for name in ("q", "tag", "type", "when", "namespace", "memory", "view", "show", "asof", "request", "mode"):
            page = one.go(f"/?{name}=%22%3E%3Cimg+src%3Dx+onerror%3Dwindow.ran%3D1%3E")
            page.wait_for_selector(".connection.live")
            assert page.evaluate("window.ran") is None
            assert page.evaluate(script("alien")) == []


def test_the_page_can_be_put_into_no_frame(browser: Browser, served: Served) -> None:
    with window(browser, served.url, forgiven=("frame",)) as one:
        page = one.go()
        page.evaluate("document.body.append(Object.assign(document.createElement('iframe'), {src: '/'}))")
        page.wait_for_selector("iframe")
        one.until(
            "(() => { try { return !frames[0].document; } catch { return true; } })()"
        )  # of another origin: an error
