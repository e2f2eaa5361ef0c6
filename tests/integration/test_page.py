"""The page in Chromium, over a real cluster: each view, the keys, the addresses, and what must never happen."""

from __future__ import annotations

import json
import re
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from memmux import Client
from memmux.cli.browser import led_to
from memmux.config.loader import load
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from tests import many_memories, page_corpus
from tests.browser import NARROW, Window, missing, script, window
from tests.integration.machines import memmux
from tests.ports import free_port
from tests.served_page import served_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.http_app import Served

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
MANY: Final = 50_000


@pytest.fixture(scope="module")
def ids(shared_env: dict[str, str]) -> dict[str, str]:
    return page_corpus.fill(load(environment=shared_env))


@pytest.fixture(scope="module")
def served(shared_env: dict[str, str], ids: dict[str, str]) -> Iterator[Served]:
    assert ids
    added = memmux(shared_env, "key", "add", "reader", "--role", "read", "--http")
    assert added.returncode == 0, added.stderr
    reader = {"reader": Grant(name="reader", role=Role.READ)}
    with served_for(load(environment=shared_env), reader) as running:
        yield running


@pytest.fixture
def client(shared_env: dict[str, str]) -> Iterator[Client]:
    with Client(settings=load(environment=shared_env), name="another client") as connected:
        yield connected


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Window]:
    with window(browser, served.url) as one:
        yield one


def test_the_list_shows_memories_and_search_says_why_each_is_found(opened: Window) -> None:
    page = opened.go()
    page.wait_for_selector("a.row")
    assert re.fullmatch(r"\d+ memories", page.inner_text(".count"))
    page.fill("input[type=search]", "bastion")
    page.wait_for_selector(".row:has-text('bastion') .reason")
    assert "q=bastion" in page.url
    assert re.search(r"\d %", page.inner_text("li:first-child .match"))


def test_filters_narrow_the_list_and_stand_in_the_address(opened: Window) -> None:
    page = opened.go("/?tag=staging")
    page.wait_for_selector("a.row")
    assert page.inner_text(".count") == "4 memories"
    page.fill("input[aria-label=Type]", "fact")
    page.keyboard.press("Enter")
    page.wait_for_selector(".count:text-is('2 memories')")
    assert "type=fact" in page.url
    page.reload()
    page.wait_for_selector(".count:text-is('2 memories')")
    page.click("[aria-label='Remove the filter type fact']")
    page.wait_for_selector(".count:text-is('4 memories')")


def test_a_time_in_words_narrows_the_list(opened: Window) -> None:
    page = opened.go("/?tag=build&when=last+3+days")
    page.wait_for_selector("a.row")
    assert 0 < int(page.inner_text(".count").split()[0]) < 20


def test_a_memory_has_its_text_rendered_and_its_facts(opened: Window, ids: dict[str, str]) -> None:
    page = opened.go(f"/?memory={ids['runbook']}")
    page.wait_for_selector(".markdown table")
    assert page.inner_text(".markdown h3") == "Restoring staging"
    assert page.get_attribute(".markdown a[href^=https]", "rel") == "noopener noreferrer nofollow"
    page.wait_for_selector(".author:has-text('by')")
    assert "docs/staging.md" in page.inner_text(".facts")


def test_keys_alone_find_open_edit_and_undo(opened: Window, client: Client) -> None:
    stored = client.store("Keys: the word to change is heliotrope")
    page = opened.go()
    page.wait_for_selector("a.row")
    page.keyboard.press("/")
    page.keyboard.type("heliotrope")
    page.wait_for_selector(".row:has-text('heliotrope') .reason")
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_selector(".memory .content:has-text('heliotrope')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".detail .empty")
    page.keyboard.press("Enter")
    page.wait_for_selector(".memory .content:has-text('heliotrope')")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("e")
    page.wait_for_selector(".editor textarea")
    page.keyboard.press("Control+End")
    page.keyboard.type(" and mauve")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".memory .content:has-text('and mauve')")
    assert client.get(stored.id).content.endswith("and mauve")
    page.keyboard.press("u")
    opened.until("!document.querySelector('.memory .content')?.textContent.includes('mauve')")
    assert not client.get(stored.id).content.endswith("mauve")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")


def test_back_and_forward_and_reload_restore_each_state(opened: Window, ids: dict[str, str]) -> None:
    page = opened.go()
    page.wait_for_selector("a.row")
    page.click(".views a:has-text('Health')")
    page.wait_for_selector("h1:has-text('Health')")
    page.click(".views a:has-text('Memories')")
    page.wait_for_selector("a.row")
    page.click(".row:has-text('Restoring staging')")
    page.wait_for_selector(".markdown table")
    page.click(".tabs a:has-text('History')")
    page.wait_for_selector(".history")
    page.reload()
    page.wait_for_selector(".history")
    page.go_back()
    page.wait_for_selector(".markdown table")
    page.go_back()
    page.wait_for_selector(".detail .empty")
    page.go_back()
    page.wait_for_selector("h1:has-text('Health')")
    page.go_forward()
    page.wait_for_selector("a.row")
    assert ids["runbook"] not in page.url


def test_back_takes_the_query_out_of_its_field(opened: Window) -> None:
    page = opened.go()
    page.wait_for_selector("a.row")
    page.fill("input[type=search]", "staging")
    opened.until("location.search.includes('q=staging')")
    page.go_back()
    opened.until("!location.search")
    opened.until("document.querySelector('input[type=search]').value === ''")


def test_what_is_deleted_comes_back_by_the_toast(opened: Window, client: Client) -> None:
    stored = client.store("To be deleted, and to come back")
    page = opened.go(f"/?memory={stored.id}")
    opened.quiet(".memory .content")
    page.click(".memory button:has-text('Delete')")
    page.wait_for_selector(".toast button:has-text('Undo')")
    assert stored.id not in {one.id for one in client.list(limit=50)}
    page.click(".toast button:has-text('Undo')")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert client.get(stored.id).content.startswith("To be deleted")


def test_tags_are_added_and_taken_away(opened: Window, client: Client) -> None:
    stored = client.store("To be tagged", tags=["one"])
    page = opened.go(f"/?memory={stored.id}")
    page.fill(".retag", "two")
    page.keyboard.press("Enter")
    page.wait_for_selector(".tags .chip:has-text('two')")
    page.click("[aria-label='Remove the tag one']")
    page.wait_for_selector(".tags .chip:has-text('one')", state="detached")
    assert client.get(stored.id).tags == ("two",)


def test_a_conflict_shows_both_texts_and_loses_neither(opened: Window, client: Client) -> None:
    stored = client.store("The sky is blue today")
    opened.forgiven = ("412",)
    page = opened.go(f"/?memory={stored.id}&show=edit")
    page.fill(".editor textarea >> nth=0", "The sky is green today")
    client.update(stored.id, content="The sky is grey today")
    page.click(".editor button[type=submit]")
    page.wait_for_selector(".conflict h2")
    sides = page.inner_text(".sides")
    assert "grey" in sides
    assert "green" in sides
    assert client.get(stored.id).content == "The sky is grey today"
    page.click(".conflict button:has-text('Both')")
    page.click(".editor button[type=submit]")
    page.wait_for_selector(".memory .content:has-text('green')")
    kept = client.get(stored.id).content
    assert "grey" in kept
    assert "green" in kept


def test_history_shows_differences_and_undoes_one(opened: Window, ids: dict[str, str]) -> None:
    page = opened.go(f"/?memory={ids['port']}&show=history")
    page.wait_for_selector(".history ins")
    assert "through the bastion" in page.inner_text(".history ins >> nth=1")
    assert "cursor" in page.inner_text(".history")


def test_a_change_of_somebody_else_shows_by_itself(opened: Window, client: Client) -> None:
    stored = client.store("It was written before")
    page = opened.go(f"/?memory={stored.id}")
    page.wait_for_selector(".connection.live")
    page.wait_for_selector(".content:has-text('before')")
    client.update(stored.id, content="It was written afterwards")
    page.wait_for_selector(".content:has-text('afterwards')")
    client.store("Brand new, and in the list by itself")
    page.wait_for_selector(".row:has-text('Brand new')")


def test_the_graph_has_relatives_and_the_same_as_a_list(opened: Window, client: Client) -> None:
    one = client.store("the quick brown fox jumps over the lazy dog")
    client.store("the quick brown fox jumps over the lazy dogs")
    page = opened.go(f"/?memory={one.id}&show=graph")
    page.wait_for_selector(".graph a.node")
    assert "lazy dogs" in page.inner_text(".edges")
    page.focus(".graph a.node")
    page.keyboard.press("Enter")
    opened.until(f"!location.search.includes('{one.id}')")


def test_the_time_line_draws_the_stores_of_each_client(opened: Window) -> None:
    page = opened.go("/?view=timeline&by=client")
    page.wait_for_selector(".uplot canvas")
    assert "claude-code" in page.inner_text(".chart-key")
    page.select_option(".controls select >> nth=0", "tag")
    page.wait_for_selector(".chart-key:has-text('build')")
    assert "by=tag" in page.url


def test_the_slider_leads_to_the_memories_of_then(opened: Window) -> None:
    page = opened.go("/?view=timeline")
    page.wait_for_selector(".when:has-text('change')")
    page.locator("input[type=range]").fill("5")
    page.click("a:has-text('Show the memories of then')")
    page.wait_for_selector(".count:text-is('5 memories')")


def test_health_is_live_and_says_the_remedy_of_each_trouble(opened: Window) -> None:
    page = opened.go("/?view=health")
    page.wait_for_selector(".trouble code:has-text('hash_embedder')")
    assert "MEMMUX_EMBEDDER" in page.inner_text(".troubles")
    page.wait_for_selector("th:has-text('memory.list')")
    page.wait_for_selector(".log-line")


def test_the_log_is_narrowed_to_a_request(opened: Window, ids: dict[str, str]) -> None:
    page = opened.go(f"/?memory={ids['port']}&show=history")
    page.click("a:has-text('its log') >> nth=0")
    page.wait_for_selector("h1:has-text('Health')")
    page.wait_for_selector(".log-line, .log .muted")
    assert "request=" in page.url


def test_duplicates_are_shown_deleted_and_brought_back(opened: Window, client: Client) -> None:
    client.store("What says the same twice, word for word")
    again = client.store("what says the same  twice, word for word")
    page = opened.go("/?view=cleanup")
    group = page.locator(".group:has-text('What says the same twice')")
    group.locator("summary").first.click()
    group.locator("button", has_text="Delete").click()
    page.wait_for_selector(".toast button:has-text('Undo')")
    page.click(".toast button:has-text('Undo')")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert client.get(again.id).content


def test_a_document_is_ingested_with_its_progress_and_undone(opened: Window, client: Client) -> None:
    page = opened.go("/?view=transfer")
    page.set_input_files(
        "input[aria-label='Ingest: file']",
        {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"# Ingested\n\nA zeppelin over the lake"},
    )
    page.click("button[type=submit]:has-text('Ingest')")
    page.wait_for_selector(".report:has-text('Ingested 1 file as')")
    assert "zeppelin" in client.search("zeppelin", mode="keyword")[0].memory.content


def test_an_export_is_imported(opened: Window) -> None:
    page = opened.go("/?view=transfer")
    with page.expect_download() as download:
        page.click(".card a.button")
    path = download.value.path()
    page.set_input_files("input[aria-label='Import: file']", path)
    page.click("button[type=submit]:has-text('Import')")
    page.wait_for_selector(".report .fine")


def test_who_may_only_read_sees_no_button_that_writes(browser: Browser, served: Served, ids: dict[str, str]) -> None:
    headers = {"X-Test-Caller": "reader"}
    with window(browser, served.url, extra_http_headers=headers) as one:
        page = one.go(f"/?memory={ids['port']}")
        page.wait_for_selector(".content")
        assert (
            page.locator(
                ".memory button:text-is('Edit'), .memory button:text-is('Delete'), .retag, .chip button"
            ).count()
            == 0
        )
        page.keyboard.press("e")
        page.keyboard.press("#")
        assert "show=edit" not in page.url
        page.click(".tabs a:has-text('History')")
        page.wait_for_selector(".history")
        assert page.locator("button:has-text('Undo')").count() == 0
        page.click(".views a:has-text('Import')")
        page.wait_for_selector(".banner")
        assert page.locator("input[type=file]").count() == 0


def test_who_is_not_signed_in_is_told_the_command(browser: Browser, served: Served) -> None:
    with window(browser, served.url, forgiven=("401",)) as one:
        one.page.route(
            "**/api/**", lambda route: route.fulfill(status=401, content_type="application/problem+json", body="{}")
        )
        page = one.go()
        assert page.inner_text("pre.command") == "memmux web"


def test_a_lost_connection_is_shown_and_heals_by_itself(browser: Browser, served: Served) -> None:
    with window(browser, served.url, forgiven=("Failed to load resource",)) as one:
        one.page.route("**/api/events*", lambda route: route.abort())
        page = one.go()
        page.wait_for_selector(".connection.lost")
        page.unroute("**/api/events*")
        page.wait_for_selector(".connection.live")


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/?q=staging",
        "/?memory={runbook}",
        "/?memory={port}&show=edit",
        "/?memory={port}&show=history",
        "/?memory={port}&show=graph",
        "/?view=timeline",
        "/?view=cleanup",
        "/?view=transfer",
        "/?view=health",
    ],
)
def test_every_view_fits_a_phone_and_can_be_read_by_machines(
    browser: Browser, served: Served, ids: dict[str, str], address: str
) -> None:
    with window(browser, served.url, NARROW) as one:
        page = one.go(address.format(**ids))
        page.wait_for_load_state("domcontentloaded")
        page.wait_for_selector(".connection.live")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(script("unnamed")) == []
        for dark in ("light", "dark"):
            page.emulate_media(color_scheme=dark)
            assert page.evaluate(script("pale")) == []


def test_the_choice_of_light_and_dark_stays(opened: Window) -> None:
    page = opened.go()
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 19, 21)"


def test_shapes_of_addresses_that_nobody_made_do_no_harm(opened: Window) -> None:
    for address in (
        "/?view=__proto__",
        "/?view=nowhere&tag=&tag=%00",
        "/?memory=../../etc",
        "/?memory=%3Cscript%3E&show=history",
    ):
        opened.forgiven = ("404", "422", "400")
        page = opened.go(address)
        page.wait_for_selector(".browse")
    assert json.dumps(opened.faults).count("pageerror") == 0


@pytest.mark.slow
def test_fifty_thousand_memories_are_a_list_of_some_rows(browser: Browser, settings_env: dict[str, str]) -> None:
    settings = load(environment=settings_env)
    many_memories.make(settings.database, MANY)
    with served_for(settings) as running, window(browser, running.url) as one:
        page = one.go()
        page.wait_for_selector(f".count:text-is('{MANY:,} memories')")
        page.evaluate("document.querySelector('.list').scrollTop = 1e9")
        page.wait_for_selector("a.row:has-text('Memory 0 of many')")
        assert page.locator(".item").count() < 60
        page.keyboard.press("k")
        page.keyboard.press("Enter")
        page.wait_for_selector(".memory .content")
        page.fill("input[type=search]", "Memory 31234")
        page.wait_for_selector("a.row:has-text('Memory 31234 of many')")
        assert page.locator(".item").count() < 60


def test_memmux_web_opens_the_page_once_and_signs_in_for_good(
    browser: Browser, settings_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {**settings_env, "MEMMUX_HTTP": f"127.0.0.1:{free_port()}"}
    with Client(settings=load(environment=env)) as first:
        stored = first.store("Seen through the gate")
        told = memmux(env, "web", "--no-open")
        found = re.search(r"(http://[^/\s]+)(/\S+)", told.stdout)
        assert found, told
        with window(browser, found[1], forgiven=("401",)) as one:
            page = one.page
            page.route("file://**", lambda route, _: route.continue_())
            monkeypatch.setattr(webbrowser, "open", page.goto)
            with led_to(found[0], tmp_path):
                page.wait_for_selector("a.row:has-text('Seen through the gate')")
            page.wait_for_selector(".connection.live")
            page = one.go(f"/?memory={stored.id}&show=edit")
            page.fill(".editor textarea >> nth=0", "Changed through the gate")
            page.click(".editor button[type=submit]")
            page.wait_for_selector(".memory .content:has-text('Changed through')")
            page = one.go("/?view=health")
            page.wait_for_selector("th:text-is('gateway')")
            page.goto(f"{found[1]}{found[2]}")  # was used, by this browser
            page.wait_for_selector("a.row:has-text('Changed through the gate')")
            page.context.clear_cookies()
            page = one.go()
            page.wait_for_selector("pre.command:has-text('memmux web')")
            one.forgiven = ("401", "403")
            page.goto(f"{found[1]}{found[2]}")
            page.wait_for_selector("h1:has-text('does not open memmux')")
            assert "memmux web" in page.inner_text("pre.command")
            assert "sans-serif" in page.evaluate("getComputedStyle(document.body).fontFamily")
            assert page.evaluate("document.querySelector('.brand img').naturalWidth") > 0
