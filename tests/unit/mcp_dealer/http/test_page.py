"""The files of the page, and how they are served."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from starlette.applications import Starlette

from mcp_dealer.http.page import HEADERS, files, lean, routes

APPLICATION = Starlette(routes=routes())
OWN = {
    name: body.decode()
    for name, body in files().items()
    if name.endswith((".js", ".html", ".css")) and "vendor" not in name
}
BOUND_BYTES = 250_000
MARKUP = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|DOMParser|setHTML"
    r"|createContextualFragment"
)


def ask(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": raw,
    }
    asyncio.run(APPLICATION({**scope, "scheme": "http", "server": ("x", 1), "root_path": ""}, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, body


def linked() -> list[str]:
    return re.findall(r'(?:src|href)="(/static/[^"]+)"', ask("/")[2].decode())


def test_the_page_names_its_files_by_the_digest_of_all_of_them_and_each_is_there() -> None:
    assert len(linked()) > 4
    for path in linked():
        status, headers, body = ask(path)
        assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert body


def test_each_answer_has_the_headers_that_keep_the_page_to_itself() -> None:
    for path in ("/", *linked()):
        _, headers, _ = ask(path)
        assert {name: headers[name.lower()] for name in HEADERS} == dict(HEADERS)
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    for path in ("/", linked()[0]):
        _, headers, _ = ask(path)
        status, again, body = ask(path, if_none_match=f'"other", W/{headers["etag"]}')
        assert (status, again["etag"], body) == (304, headers["etag"], b"")


def test_the_page_itself_is_asked_for_each_time_so_that_an_upgrade_shows() -> None:
    assert ask("/")[1]["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "../page.py",
        "..%2fpage.py",
        "vendor/../../page.py",
        "/etc/passwd",
        "index.html",
        "",
        "main.js/",
        ".",
        "\0",
        "MAIN.JS",
    ],
)
def test_no_path_leads_to_anything_but_the_files_of_the_page(name: str) -> None:
    folder = linked()[0].split("/")[2]
    assert ask(f"/static/{folder}/{name}")[0] == 404


def test_files_of_another_version_are_not_there() -> None:
    assert ask(f"/static/{'0' * 16}/main.js")[0] == 404


def test_only_reading_is_answered() -> None:
    assert ask("/", "POST")[0] == 405
    assert ask("/", "HEAD")[0] == 200


def test_nothing_that_reads_a_text_as_markup_or_code_is_in_the_files() -> None:
    for name, body in files().items():
        assert not re.search(MARKUP, body.decode()), name


def test_no_script_and_no_style_is_inline_and_nothing_is_of_elsewhere() -> None:
    index = OWN["index.html"]
    assert not re.search(r"\bstyle\s*=|<style|\son\w+\s*=|javascript:", index)
    assert all(script.startswith("<script src=") for script in re.findall(r"<script[^>]*>", index))
    for name, text in OWN.items():
        there = set(re.findall(r"https?://[^\s'\"`)]+", text))
        assert there <= {"http://www.w3.org/2000/svg"}, name
        assert "@import" not in text
        assert not re.search(r"url\((?!#)", text), name


def test_every_module_that_is_imported_is_a_file_and_every_module_is_imported() -> None:
    imported = {
        target.removeprefix("./")
        for name, text in OWN.items()
        if name.endswith(".js")
        for target in re.findall(r"from '([^']+)'", text)
    }
    modules = {name for name in files() if name.endswith(".js")} - {"main.js", "theme.js", "vendor/uplot.js"}
    assert imported == modules


def test_all_files_together_are_small() -> None:
    assert sum(map(len, files().values())) <= BOUND_BYTES


def test_a_browser_gets_no_comments_and_no_indents_of_our_scripts() -> None:
    script = b"// Why.\n\nexport const f = () => {\n  // Why.\n  return '//';\n};\n"
    assert lean("f.js", script) == b"export const f = () => {\nreturn '//';\n};"
    assert lean("vendor/f.js", script) == script
    assert lean("f.svg", script) == script


def test_no_script_has_a_text_of_several_lines_which_would_lose_its_indents() -> None:
    texts = re.compile(r"/(?:[^/\\\n]|\\.)+/[gimsuy]*|`(?:[^`\\]|\\.)*`")
    for name, body in OWN.items():
        if name.endswith(".js"):
            assert not [text for text in texts.findall(body) if "\n" in text], name


def test_what_is_of_others_has_its_licence_beside_it() -> None:
    vendored = {name for name in files() if name.startswith("vendor/")}
    for name in vendored:
        assert f"{name.rsplit('.', 1)[0]}.LICENSE" in vendored
