"""The page in Chromium: what is written by it can be undone, also after a reload, and what is typed is not lost."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

from mcp_dealer.http.rest import work
from memmux import Client
from memmux.config.loader import load
from tests.bounds import BOUND_S, pause
from tests.browser import STAYS_MS, Window, missing, window
from tests.integration.helpers import every_kind, status_until
from tests.served_page import served_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

    from tests.http_app import Served

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def served(shared_env: dict[str, str]) -> Iterator[Served]:
    with Client(settings=load(environment=shared_env), name="first") as client:
        status_until(client, every_kind)  # so that duplicates have their vectors when they are looked for
    with served_for(load(environment=shared_env)) as running:
        yield running


@pytest.fixture
def client(shared_env: dict[str, str]) -> Iterator[Client]:
    with Client(settings=load(environment=shared_env), name="another client") as connected:
        yield connected


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Window]:
    with window(browser, served.url) as one:
        yield one


TEXTS: Final = (
    "Quinces are picked in October and kept in straw",
    "The invoice of the printer is paid by the tenth",
    "Our lighthouse has a lamp of forty thousand candles",
)


HOUR_S: Final = 3600
PEBBLES: Final = 1_000  # more than one request takes


def store_twice(client: Client, mark: str) -> list[str]:
    """Store each text twice, but for case and space; return the ids of those that came second."""
    second = []
    for text in TEXTS:
        client.store(f"{text}: {mark}")
        second.append(client.store(f"{text.lower()}:  {mark}").id)
    return second


def there(client: Client, ids: list[str]) -> set[str]:
    """Return which of these memories are there."""
    return {one.id for one in client.list(limit=100)} & set(ids)


def test_all_duplicates_go_after_a_question_and_come_back_together_after_a_reload(
    opened: Window, client: Client
) -> None:
    second = store_twice(client, "vermilion")
    page = opened.go("/?view=cleanup")
    page.click("button:has-text('Delete all') >> nth=0")
    page.wait_for_selector("dialog:has-text('Delete all duplicates?')")
    assert there(client, second) == set(second)
    page.click("dialog button:has-text('Delete 3 memories')")
    page.wait_for_selector(".toast:has-text('Deleted 3 memories')")
    assert not there(client, second)
    page.reload()
    page.wait_for_selector(".card")
    page.keyboard.press("u")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert there(client, second) == set(second)
    for one in second:
        client.delete(one)


def test_what_was_deleted_without_an_answer_comes_back_by_the_change_log(opened: Window, client: Client) -> None:
    second = store_twice(client, "turquoise")
    opened.forgiven = ("Failed to load resource",)
    page = opened.go("/?view=cleanup")
    page.click("button:has-text('Delete all') >> nth=0")

    def lose_the_answer(route: Route) -> None:
        if '"dry_run":true' in (route.request.post_data or ""):
            route.continue_()
            return
        route.fetch()
        route.abort()

    page.route("**/api/duplicates", lose_the_answer)
    page.click("dialog button.danger")
    page.wait_for_selector(".toast.bad")
    assert not there(client, second)
    page.reload()
    page.wait_for_selector(".card")
    page.keyboard.press("u")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert there(client, second) == set(second)


def test_undo_by_the_key_takes_its_toast_away_and_each_toast_says_what_it_is_of(opened: Window, client: Client) -> None:
    stored = client.store("A memory with a tag more")
    page = opened.go(f"/?memory={stored.id}")
    page.fill(".retag", "first")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast:has-text('Tagged first')")
    assert "A memory with a tag more" in page.inner_text(".toast")
    page.wait_for_selector(".tags .chip:has-text('first')")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("u")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert page.locator(".toast button:has-text('Undo')").count() == 0
    assert client.get(stored.id).tags == ()


@pytest.mark.parametrize("held", [{"pointer"}, {"focus"}, {"pointer", "focus"}], ids=["pointer", "focus", "both"])
def test_a_toast_goes_after_its_time_unless_it_is_looked_at(browser: Browser, served: Served, held: set[str]) -> None:
    with window(browser, served.url, patient=False) as one:
        clock = one.page.clock
        clock.install(time=0)
        page = one.go()
        clock.pause_at(HOUR_S)
        toast = page.locator(".toast:has-text('There is nothing to undo here')")

        def goes() -> None:
            clock.run_for(STAYS_MS - 1)
            assert toast.count() == 1
            clock.run_for(1)
            assert toast.count() == 0

        page.keyboard.press("u")
        toast.wait_for()
        goes()
        page.keyboard.press("u")
        toast.wait_for()
        clock.run_for(STAYS_MS - 1)
        if "pointer" in held:
            toast.hover()
        if "focus" in held:
            toast.locator("button").focus()
        clock.run_for(2 * STAYS_MS)
        assert toast.count() == 1
        if "pointer" in held:
            page.mouse.move(0, 0)
        if "focus" in held:
            clock.run_for(2 * STAYS_MS)
            assert toast.count() == 1
            toast.locator("button").blur()
        goes()


def unread(route: Route) -> None:
    """Let no memory be read."""
    if route.request.method == "GET":
        route.abort()
    else:
        route.continue_()


def test_a_save_is_one_where_the_memory_can_not_be_read_again(opened: Window, client: Client) -> None:
    stored = client.store("It is saved and then not read")
    opened.forgiven = ("Failed to load resource",)
    page = opened.go(f"/?memory={stored.id}&show=edit")
    page.fill(".editor textarea", "It was saved")
    page.route(f"**/api/memories/{stored.id}?*", unread)
    page.click(".editor button[type=submit]")
    page.wait_for_selector(".toast:has-text('Saved')")
    page.wait_for_selector(".editor", state="detached")
    assert client.get(stored.id).content == "It was saved"


def test_what_could_not_be_read_for_a_change_is_read_once_it_can(opened: Window, client: Client) -> None:
    stored = client.store("It comes back to be changed")
    opened.forgiven = ("Failed to load resource",)
    page = opened.page
    page.route(f"**/api/memories/{stored.id}?*", unread)
    opened.go(f"/?memory={stored.id}&show=edit")
    page.wait_for_selector(".detail h2:has-text('be read')")
    page.wait_for_selector(".connection.live")
    page.unroute(f"**/api/memories/{stored.id}?*")
    client.update(stored.id, tags=["back"])
    page.wait_for_selector(".editor textarea")


def test_all_of_a_long_history_is_shown_and_who_began_it(opened: Window, client: Client) -> None:
    stored = client.store("It is changed often")
    for change in range(120):
        client.update(stored.id, metadata={"change": change})
    page = opened.go(f"/?memory={stored.id}&show=history")
    opened.until("document.querySelectorAll('.history > *').length > 120")
    page = opened.go(f"/?memory={stored.id}")
    page.wait_for_selector(".author:has-text('another client')")


def test_an_ingest_is_undone_as_a_whole(opened: Window, client: Client) -> None:
    page = opened.go("/?view=transfer")
    text = "\n\n".join(f"# Part {number}\n\nA barometer stands on shelf {number}. " * 20 for number in range(6))
    files = [{"name": "shelves.md", "mimeType": "text/markdown", "buffer": text.encode()}]
    page.set_input_files("input[aria-label='Ingest: file']", files)
    page.click("button[type=submit]:has-text('Ingest')")
    page.wait_for_selector(".toast:has-text('Ingested 1 file as') button:has-text('Undo')")
    assert client.search("barometer", mode="keyword", limit=50)
    page.click(".toast button:has-text('Undo')")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert not list(client.search("barometer", mode="keyword", limit=50))
    page.click("button[type=submit]:has-text('Ingest')")
    page.wait_for_selector(".report:has-text('Ingested 1 file')")
    page.click("button[type=submit]:has-text('Ingest')")
    page.wait_for_selector(".report:has-text('1 file unchanged')")


def test_what_is_typed_outlives_a_reload_and_shows_that_it_is_not_saved(opened: Window, client: Client) -> None:
    stored = client.store("It was begun and never finished")
    page = opened.go(f"/?memory={stored.id}&show=edit")
    page.fill(".editor textarea >> nth=0", "It was begun, and finished after a reload")
    page.reload()
    page.wait_for_selector(".editor textarea")
    assert page.input_value(".editor textarea >> nth=0").endswith("after a reload")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    page.wait_for_selector("button:has-text('Go on editing')")
    page.goto(f"{opened.origin}/")
    page.wait_for_selector(".row:has-text('never finished') :text('not saved yet')")
    page = opened.go(f"/?memory={stored.id}&show=edit")
    page.click(".editor button[type=submit]")
    page.wait_for_selector(".memory .content:has-text('after a reload')")
    assert page.locator(":text('Go on editing'), :text('not saved yet')").count() == 0
    opened.until("document.querySelector('.memory').contains(document.activeElement)")


def test_tags_are_split_at_commas_and_none_is_cut(opened: Window, client: Client) -> None:
    stored = client.store("To have two tags at once")
    page = opened.go(f"/?memory={stored.id}")
    page.fill(".retag", "one, two")
    page.keyboard.press("Enter")
    page.wait_for_selector(".tags .chip:has-text('two')")
    assert client.get(stored.id).tags == ("one", "two")
    page.fill(".retag", "x" * 140)
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast.bad:has-text('140 characters; a tag may have 128')")
    assert client.get(stored.id).tags == ("one", "two")
    page = opened.go(f"/?memory={stored.id}&show=edit")
    page.fill(".editor .pair input >> nth=0", "y" * 140)
    page.click(".editor button[type=submit]")
    page.wait_for_selector(".wrong:has-text('140 characters')")
    page.click(".editor button:has-text('Cancel')")


def test_a_problem_of_an_import_names_the_memory_by_its_text(opened: Window, served: Served, client: Client) -> None:
    client.store("The wheel of the mill turns to the left")
    lines = served.get("/api/export").body.splitlines(keepends=True)
    (known,) = (json.loads(line) for line in lines if b"mill" in line)
    changed = {
        "content": "Nothing that was there",
        **{name: known[name] for name in ("id", "namespace", "created_at", "updated_at")},
    }
    body = lines[0] + json.dumps(changed).encode() + b"\n"
    page = opened.go("/?view=transfer")
    file = {"name": "all.jsonl", "mimeType": "application/x-ndjson", "buffer": body}
    page.set_input_files("input[aria-label='Import: file']", file)
    page.click("button[type=submit]:has-text('Import')")
    page.wait_for_selector(".report summary:text-is('1 problem')")
    assert "“The wheel of the mill" in page.inner_text(".report li")


def test_the_question_before_all_go_can_be_answered_with_no(opened: Window, client: Client) -> None:
    second = store_twice(client, "ultramarine")
    page = opened.go("/?view=cleanup")
    page.click("button:has-text('Delete all') >> nth=0")
    page.click("dialog button:has-text('Cancel')")
    page.wait_for_selector("dialog", state="detached")
    assert there(client, second) == set(second)


def test_what_somebody_changed_since_the_question_stays(opened: Window, client: Client) -> None:
    second = store_twice(client, "cerulean")
    page = opened.go("/?view=cleanup")
    page.click("button:has-text('Delete all') >> nth=0")
    page.wait_for_selector("dialog:has-text('Delete all duplicates?')")
    client.update(second[0], tags=["wanted"])
    page.click("dialog button.danger")
    page.wait_for_selector(".toast:has-text('1 memory changed since stays')")
    assert second[0] in there(client, second)
    assert second[1] not in there(client, second)


def test_an_import_that_is_stopped_says_what_it_did_and_is_undone(
    opened: Window, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, looks = work.Running.over, itertools.count()

    def over_when_told(running: work.Running) -> bool:
        """Return whether to do no more; after two requests not before it is told so."""
        if next(looks) > 1:
            running.told.wait(BOUND_S)
        return over(running)

    monkeypatch.setattr(work.Running, "over", over_when_told)
    at = {"created_at": "2026-01-01T00:00:00+00:00", "updated_at": "2026-01-01T00:00:00+00:00"}
    lines = ['{"format": "memmux", "version": 1}'] + [
        json.dumps({"id": str(uuid.UUID(int=number, version=4)), "content": f"Pebble {number}", **at})
        for number in range(1, PEBBLES + 1)
    ]
    page = opened.go("/?view=transfer")
    page.fill("form:has(input[aria-label='Import: file']) input[placeholder='as they were']", "pebbles")
    file = {"name": "all.jsonl", "mimeType": "application/x-ndjson", "buffer": "\n".join(lines).encode()}
    page.set_input_files("input[aria-label='Import: file']", file)
    page.click("button[type=submit]:has-text('Import')")
    page.wait_for_selector(".report:has-text('memories')")
    while not client.list(limit=1, namespace="pebbles").total:
        pause()
    page.click("button:text-is('Stop'):visible")
    page.wait_for_selector(".toast:has-text('Stopped; imported until then')")
    assert 0 < client.list(limit=1, namespace="pebbles").total < PEBBLES
    page.keyboard.press("u")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert client.list(limit=1, namespace="pebbles").total == 0


def test_what_was_not_touched_is_kept_as_it_was(opened: Window, client: Client) -> None:
    metadata = {"big": 9007199254740993, "other": 1}
    stored = client.store("one line\r\nand another", tags=["red, white", "blue"], metadata=metadata)
    page = opened.go(f"/?memory={stored.id}&show=edit")
    page.locator(".editor").get_by_label("Type", exact=True).fill("note")
    page.click("button:text-is('Save')")
    page.wait_for_selector(".toast:has-text('Saved')")
    kept = client.get(stored.id)
    assert (kept.content, kept.tags, kept.type) == ("one line\r\nand another", ("red, white", "blue"), "note")
    page = opened.go(f"/?memory={stored.id}&show=edit")
    page.fill("textarea.code", page.input_value("textarea.code").replace('"other": 1', '"other": 2'))
    page.click("button:text-is('Save')")
    page.wait_for_selector(".toast:has-text('Saved')")
    assert client.get(stored.id).metadata == {"big": 9007199254740993, "other": 2}


def test_who_goes_elsewhere_while_it_is_saved_stays_there(opened: Window, client: Client) -> None:
    first, second = (client.store(f"The {which} of two that are walked between").id for which in ("first", "second"))
    page = opened.go(f"/?memory={second}")
    page = opened.go(f"/?memory={first}&show=edit")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "PUT":
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/memories/*", hold)
    page.fill(".editor textarea >> nth=0", "The first, said otherwise")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    opened.until("document.querySelector('.editor').inert")
    page.evaluate(f"history.pushState(null, '', '/?memory={second}'); dispatchEvent(new PopStateEvent('popstate'))")
    page.wait_for_selector(".memory .body:has-text('The second of two')")
    assert len(held) == 1
    held[0].continue_()
    page.wait_for_selector(".toast:has-text('Saved')")
    page.wait_for_selector(".memory .body:has-text('The second of two')")
    assert f"memory={second}" in page.url
    assert client.get(first).content == "The first, said otherwise"


def test_of_two_who_tag_at_once_neither_loses_the_tag(opened: Window, client: Client) -> None:
    stored = client.store("Tagged by two", tags=["before"]).id
    opened.forgiven = ("Failed to load resource",)
    page = opened.go(f"/?memory={stored}")

    def be_quicker(route: Route) -> None:
        if route.request.method == "PUT" and "theirs" not in client.get(stored).tags:
            client.update(stored, tags=["before", "theirs"])
        route.continue_()

    page.route("**/api/memories/*", be_quicker)
    page.fill(".retag", "mine")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast:has-text('Tagged mine')")
    assert client.get(stored).tags == ("before", "theirs", "mine")
