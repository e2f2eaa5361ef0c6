"""The page in Chromium: errors are sentences where they belong, and no filter is left out in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.browser import Window, missing, window
from tests.served_page import served_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.http_app import Served

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
RAW = re.compile(r"`|Failed to fetch|Bad Request|Unprocessable|Unauthorized|Conflict:|as_of|min_similarity|undefined")


@pytest.fixture(scope="module")
def served(shared_env: dict[str, str]) -> Iterator[Served]:
    settings = load(environment=shared_env)
    with Client(settings=settings, name="filler") as filler:
        filler.store("Staging is rebuilt on Mondays", tags=["staging"])
        filler.store("Production is rebuilt never", tags=["production"])
    with served_for(settings) as running:
        yield running


@pytest.fixture
def client(shared_env: dict[str, str]) -> Iterator[Client]:
    with Client(settings=load(environment=shared_env), name="another client") as connected:
        yield connected


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Window]:
    with window(browser, served.url, forgiven=("Failed to load resource",)) as one:
        yield one


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/?when=blurgh", "“blurgh”|'blurgh'"),
        ("/?asof=blurgh", "The change to go back to must be a whole number"),
        ("/?q=staging&mode=blurgh", "The way to search"),
        (f"/?type={'x' * 200}", "The type may have 128 characters at most"),
    ],
)
def test_a_filter_that_is_refused_is_said_where_the_list_is(opened: Window, address: str, words: str) -> None:
    page = opened.go(address)
    page.wait_for_selector(".notes .wrong")
    said = page.inner_text(".notes .wrong")
    assert re.search(words, said), said
    assert not RAW.search(said), said
    assert page.inner_text(".count") == ""


def test_what_can_only_be_listed_says_so_in_place_of_a_search(opened: Window, client: Client) -> None:
    gone = client.store("Staging was called stage once")
    client.delete(gone.id)
    page = opened.go("/?deleted=1&q=staging")
    page.wait_for_selector("a.row:has-text('called stage once')")
    assert page.locator("a.row:has-text('rebuilt')").count() == 0
    assert "is not applied" in page.inner_text(".notes")
    assert page.is_disabled("input[type=search]")
    assert "not searched" in (page.get_attribute("input[type=search]", "placeholder") or "")
    page = opened.go("/?asof=1&q=production")
    page.wait_for_selector(".count:text-is('1 memory')")
    assert "is not applied" in page.inner_text(".notes")
    page.click("button:has-text('Search what is there now')")
    page.wait_for_selector("a.row:has-text('Production')")
    assert page.is_enabled("input[type=search]")


def test_a_query_moves_no_row_of_the_filters(opened: Window) -> None:
    page = opened.go()
    page.wait_for_selector("a.row")
    before = page.evaluate("document.querySelector('.list').getBoundingClientRect().top")
    wide = page.evaluate("document.querySelector('input[type=search]').offsetWidth")
    page.fill("input[type=search]", "staging")
    page.wait_for_selector(".row .reason")
    assert page.evaluate("document.querySelector('input[type=search]').offsetWidth") == wide
    assert page.evaluate("document.querySelector('.chips').offsetHeight") > 0
    assert page.evaluate("document.querySelector('.filters').getBoundingClientRect().bottom") <= before


def test_each_way_to_search_says_what_it_did_not_find_and_exact_has_no_score(opened: Window) -> None:
    page = opened.go("/?q=zzyzx+quux&mode=keyword")
    page.wait_for_selector(".empty:has-text('No memory has these words')")
    page = opened.go("/?q=Staging+is+rebuilt&mode=exact")
    page.wait_for_selector("a.row:has-text('Staging')")
    assert set(page.locator(".reason").all_inner_texts()) == {"exactly this text"}


def test_without_an_answer_the_list_stays_and_one_sentence_says_what_to_do(opened: Window, client: Client) -> None:
    stored = client.store("Edited while nobody answers")
    page = opened.go(f"/?memory={stored.id}&show=edit")
    page.wait_for_selector("a.row")
    page.fill(".editor textarea >> nth=0", "Edited while nobody answered")
    page.route("**/api/**", lambda route: route.abort())
    page.click(".editor button[type=submit]")
    page.wait_for_selector(".editor .wrong:has-text('memmux web')")
    assert not RAW.search(page.inner_text(".editor .wrong"))
    for _ in range(2):
        page.evaluate("dispatchEvent(new CustomEvent('memories-changed', { detail: [] }))")
        page.wait_for_selector(".notes .wrong:has-text('memmux web')")
    assert page.locator("a.row").count() > 1
    assert page.locator(".toast").count() <= 1
    page.unroute("**/api/**")
    page.click(".notes button:has-text('Try again')")
    page.wait_for_selector(".notes .wrong", state="detached")
    page.click(".editor button[type=submit]")
    page.wait_for_selector(".memory .content:has-text('nobody answered')")


def test_who_is_signed_out_is_told_so_by_the_page_alone(opened: Window) -> None:
    page = opened.go()
    page.wait_for_selector(".connection.live")
    problem = {"status": 401, "content_type": "application/problem+json", "body": '{"detail": "send a valid token"}'}
    page.route("**/api/**", lambda route: route.fulfill(**problem))
    page.context.set_offline(True)
    page.context.set_offline(False)
    page.fill("input[type=search]", "anything")
    page.wait_for_selector("pre.command:has-text('memmux web')")
    assert page.inner_text(".connection") == "signed out"
    assert page.locator(".toast").count() == 0


def test_an_undo_that_comes_too_late_says_why(opened: Window, client: Client) -> None:
    stored = client.store("Changed twice", tags=["once"])
    page = opened.go(f"/?memory={stored.id}")
    page.fill(".retag", "mine")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast button:has-text('Undo')")
    client.update(stored.id, tags=["theirs"])
    page.click(".toast button:has-text('Undo')")
    page.wait_for_selector(".toast.bad:has-text('changed again since')")
    assert not RAW.search(page.inner_text(".toast.bad"))


def test_the_views_keep_what_was_searched_for_and_the_focus_stays_in_the_page(opened: Window, client: Client) -> None:
    stored = client.store("To be deleted from the list by a key")
    page = opened.go("/?q=staging&tag=staging")
    page.wait_for_selector("a.row")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("5")
    page.wait_for_selector("h1:has-text('Health')")
    page.keyboard.press("1")
    page.wait_for_selector(".row .reason")
    assert page.input_value("input[type=search]") == "staging"
    page = opened.go(f"/?memory={stored.id}")
    page.wait_for_selector("a.row")
    opened.quiet(".memory .content")
    page.keyboard.press("#")
    page.wait_for_selector(".toast:has-text('Deleted')")
    opened.until("document.activeElement?.matches('a.row')")
