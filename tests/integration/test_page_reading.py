"""What the page shows of memories, their versions and the cluster, in Chromium over a real cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.browser import NARROW, Window, missing, window
from tests.served_page import served_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

    from tests.http_app import Served

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
PLAN: Final = "The plan of the release says that production is deployed on Tuesdays at nine, as agreed in"
VERSIONS: Final = tuple(f"{PLAN} v{number}" for number in (1, 2, 3))
LOW: Final = (1280, 800)


@pytest.fixture(scope="module")
def client(shared_env: dict[str, str]) -> Iterator[Client]:
    with Client(settings=load(environment=shared_env), name="a client") as connected:
        yield connected


@pytest.fixture(scope="module")
def versions(client: Client) -> list[str]:
    """The ids of three versions, each of which took the place of the one before."""
    ids = [client.store(VERSIONS[0]).id]
    for text in VERSIONS[1:]:
        ids.append(client.update(ids[-1], content=text, versioned=True).id)
    return ids


@pytest.fixture(scope="module")
def served(shared_env: dict[str, str], versions: list[str]) -> Iterator[Served]:
    assert versions
    with served_for(load(environment=shared_env), keyed=False) as running:
        yield running


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Window]:
    with window(browser, served.url) as one:
        yield one


def failed(client: Client) -> int:
    """How many requests for memories failed; a look for changes, which the page's stream asks for itself, is none."""
    return sum(
        sum(one.get("errors", {}).values())
        for name, one in client.status().requests.items()
        if name.startswith("memory.") and name != "memory.changes"
    )


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None
    return dict(found)


def test_a_memory_of_another_namespace_is_read_changed_and_deleted_without_a_failed_request(
    opened: Window, client: Client
) -> None:
    stored = client.store("Kept in a namespace of its own", namespace="elsewhere", tags=["one"])
    before = failed(client)
    page = opened.go(f"/?memory={stored.id}")
    page.wait_for_selector(".author:has-text('by')")
    page.click(".tabs a:has-text('Graph')")
    page.wait_for_selector(".graph, .body .empty")
    page.click(".tabs a:has-text('Text')")
    page.fill(".retag", "two")
    page.keyboard.press("Enter")
    opened.quiet(".tags .chip:has-text('two')")
    page.click(".memory button:has-text('Delete')")
    page.wait_for_selector(".toast:has-text('Deleted')")
    assert failed(client) == before


def deleting(opened: Window, memory_id: str, most: int | None = None) -> list[Route]:
    """Delete a memory by its button; return what the page asks of it from then on, which is not answered.

    most: of these; what follows is answered.
    """
    page = opened.go(f"/?memory={memory_id}")
    page.wait_for_selector(".connection.live")
    opened.quiet(".memory .content")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/api/memories/{memory_id}*", hold, times=most)
    page.click(".memory button:has-text('Delete')")
    while not held:
        page.wait_for_selector(".memory .content")
    return held


def test_a_memory_whose_deletion_is_answered_late_is_not_read_meanwhile(opened: Window, client: Client) -> None:
    stored = client.store("It goes, and the answer is late")
    page, held = opened.page, deleting(opened, stored.id)
    answer = held[0].fetch()
    client.store("Said after it is gone")
    page.wait_for_selector(".row:has-text('Said after it is gone')")  # so the page has heard of both
    assert [route.request.method for route in held] == ["DELETE"]
    held[0].fulfill(response=answer)
    page.wait_for_selector(".toast:has-text('Deleted')")


def test_a_memory_whose_deletion_fails_is_read_as_somebody_changed_it_meanwhile(opened: Window, client: Client) -> None:
    opened.forgiven = ("503",)
    stored = client.store("It was to go")
    page, held = opened.page, deleting(opened, stored.id, most=1)
    client.update(stored.id, content="It stays, and says so")
    page.wait_for_selector(".row:has-text('It stays, and says so')")
    held[0].fulfill(status=503, content_type="application/problem+json", body='{"title": "not now"}')
    page.wait_for_selector(".memory .content:has-text('It stays, and says so')")


def test_versions_are_named_by_what_they_say(opened: Window, versions: list[str]) -> None:
    page = opened.go(f"/?memory={versions[1]}")
    page.wait_for_selector(".banner a:has-text('v3')")
    page.wait_for_selector(".facts a:has-text('v1')")


def test_the_graph_has_versions_with_labels_that_differ(opened: Window, versions: list[str]) -> None:
    page = opened.go(f"/?memory={versions[1]}&show=graph")
    page.wait_for_selector(".graph")
    assert page.locator(".edge.replaces[marker-end]").count() == 2
    assert page.locator(".edge.near").count() == 0
    labels = page.locator(".node-words").all_text_contents()
    assert len(set(labels)) == len(labels) == 3
    assert [words for words in ("v1", "v2", "v3") if not any(words in label for label in labels)] == []
    assert page.inner_text(".legend") == "replaces"
    assert "replaces this one" in page.inner_text(".edges")
    page.focus("a.node:has-text('v3')")
    assert page.inner_text(".graph-full") == VERSIONS[2]


def test_a_near_relative_is_called_so_with_how_near_it_is(opened: Window, client: Client) -> None:
    one = client.store("a heron stands in the shallow water of the lake")
    client.store("a heron stands in the shallow water of the lakes")
    page = opened.go(f"/?memory={one.id}&show=graph")
    page.wait_for_selector(".edge.near", state="attached")
    assert page.inner_text(".legend") == "a near relative, and how near"
    assert "%" in page.locator(".edge-words").all_text_contents()[0]


def test_a_chain_of_replacements_is_one_group_in_which_the_newest_stays(opened: Window) -> None:
    page = opened.go("/?view=cleanup")
    group = page.locator(".group", has_text="The plan of the release").filter(has_text="v1")
    group.first.wait_for()
    assert group.count() == 1
    assert group.locator(".which").all_inner_texts()[0].startswith("stays")
    assert [row.split()[0] for row in group.locator(".which").all_inner_texts()] == ["stays", "goes", "goes"]
    assert "v3" in group.locator(".which").first.inner_text()


def test_a_deleted_memory_says_when_and_is_restored_by_a_button(opened: Window, client: Client) -> None:
    stored = client.store("## To be restored\n\nwith a button")
    client.delete(stored.id)
    opened.forgiven = ("404",)
    page = opened.go(f"/?deleted=1&memory={stored.id}")
    now = r"(just now|\d+ minutes? ago)"  # the page may be late
    page.locator(".head", has_text=re.compile(rf"Deleted {now} by a client")).wait_for()
    page.locator(".row", has_text="To be restored").locator("time", has_text=re.compile(f"deleted {now}")).wait_for()
    assert page.locator(".history button").count() == 0
    assert box(page, ".memory h4")["x"] == box(page, ".head p")["x"]
    page.click("button:has-text('Restore')")
    page.wait_for_selector(".toast:has-text('Restored')")
    assert client.get(stored.id).content.startswith("## To be restored")


def test_a_memory_as_it_was_has_nothing_around_it_that_came_later(opened: Window, client: Client) -> None:
    one = client.store("an otter swims up the river before the rain")
    client.store("an otter swims up the river before the rains")
    client.update(one.id, tags=["later"])
    page = opened.go(f"/?memory={one.id}&asof={one.seq}")
    page.wait_for_selector(".author:has-text('by')")
    assert "before the rains" not in page.inner_text(".memory")
    assert "last changed" not in page.inner_text(".author")
    assert page.locator(".tabs a:has-text('Graph')").count() == 0
    page.click(".tabs a:has-text('History')")
    page.wait_for_selector(".history")
    assert page.locator(".history > li").count() == 1


@pytest.mark.parametrize("size", [LOW, NARROW])
def test_the_log_of_a_request_is_in_sight_and_says_nothing_twice(
    browser: Browser, served: Served, client: Client, versions: list[str], size: tuple[int, int]
) -> None:
    asked = client.history(versions[0])[0].request
    with window(browser, served.url, size) as one:
        page = one.go(f"/?view=health&request={asked}")
        page.wait_for_selector(".log-line")
        one.until("document.querySelector('.log').getBoundingClientRect().top < innerHeight - 100")
        assert page.evaluate(
            "(() => { const f = document.querySelector('.card-head input'); return f.scrollWidth <= f.clientWidth })()"
        )
        assert box(page, ".card-head input")["x"] + box(page, ".card-head input")["width"] <= size[0]
        said = page.inner_text(".log")
        assert not [word for word in ("database=", "pid=", "version=", "kind=") if word in said]


def test_health_says_what_its_figures_are(opened: Window) -> None:
    page = opened.go("/?view=health")
    page.wait_for_selector("th:has-text('memory.store')")
    heads = page.locator("thead th").all_inner_texts()
    assert {"per second", "half within", "95 % within", "in queue"} <= set(heads)
    assert page.locator(".figures > div").count() % 3 == 0


def test_a_time_line_by_tag_says_what_it_counts_and_leaves_rare_tags_to_the_table(
    opened: Window, client: Client
) -> None:
    for number in range(8):
        client.store(f"Number {number} of those with tags", tags=["common", f"rare {number}"])
    page = opened.go("/?view=timeline&by=tag")
    page.wait_for_selector(".chart-key li:has-text('other tags'):has-text('not drawn')")
    page.wait_for_selector("text=A memory counts once for each of its tags.")
    page.select_option(".controls select >> nth=0", "client")
    page.wait_for_selector("text=A memory counts once for each of its tags.", state="hidden")


def test_columns_and_tasks_of_markdown_look_as_they_are_meant(opened: Window, client: Client) -> None:
    stored = client.store("- [x] done\n- [ ] open\n\n| a | b |\n|---|---:|\n| a longer one | 5 |")
    page = opened.go(f"/?memory={stored.id}")
    page.wait_for_selector(".markdown table")
    style = "(one) => getComputedStyle(document.querySelector(one[0]))[one[1]]"
    assert page.evaluate(style, [".markdown td:last-child", "textAlign"]) == "right"
    assert page.evaluate(style, [".markdown li", "listStyleType"]) == "none"


def test_the_editor_is_as_high_as_its_text_and_save_is_in_sight(
    browser: Browser, served: Served, client: Client
) -> None:
    short, long = client.store("One line."), client.store("\n".join(f"line {number}" for number in range(200)))
    with window(browser, served.url, LOW) as one:
        for stored, most in ((short, 120), (long, 480)):
            page = one.go(f"/?memory={stored.id}&show=edit")
            page.wait_for_selector(".editor textarea")
            assert box(page, ".editor textarea")["height"] <= most
            save = box(page, ".editor button[type=submit]")
            assert save["y"] + save["height"] <= LOW[1]


def test_a_phone_has_room_for_memories_and_for_fingers(browser: Browser, served: Served, client: Client) -> None:
    stored = client.store("To be read on a phone", tags=["phone"])
    with window(browser, served.url, NARROW) as one:
        page = one.go("/")
        page.wait_for_selector("a.row")
        assert box(page, ".list")["y"] <= 240
        assert page.evaluate("document.querySelector('.views').scrollWidth <= innerWidth")
        page = one.go(f"/?memory={stored.id}")
        page.wait_for_selector(".chip button")
        assert min(box(page, ".chip button")["width"], box(page, ".chip button")["height"]) >= 24


def test_nothing_found_is_said_in_the_words_of_the_mode(opened: Window) -> None:
    page = opened.go("/?q=no+memory+has+this+in+it&mode=exact")
    page.wait_for_selector(".list .empty:has-text('No memory holds exactly this text')")
    page = opened.go("/?q=plan+of+the+release&mode=exact")
    page.wait_for_selector(".row .reason:text-is('exactly this text')")
