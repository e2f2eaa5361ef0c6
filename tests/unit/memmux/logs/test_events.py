"""The catalogue of events is complete: what the code logs is compared with it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from memmux.cli.docs import events as events_page
from memmux.logs import events, log

ROOT = Path(__file__).parents[4]
FOLDERS = ("memmux", "router", "workers", "mcp_dealer")
LEVELS = {"debug", "info", "warning", "error", "exception"}
WRITTEN = re.compile(rf"\.(?:log|{'|'.join(sorted(LEVELS))})\(")
LOGGERS = {"logger", "self._log", "log.get()", "get()"}


@dataclass(frozen=True)
class Logged:
    """A call that logs; levels: empty where only the running program knows. spread: whether it has fields by `**`."""

    place: str
    event: str
    levels: frozenset[str]
    fields: frozenset[str]


def _calls(tree: ast.AST, place: str) -> Iterator[Logged]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        method = node.func.attr
        if method != "log" and method not in LEVELS:
            continue
        owner = ast.unparse(node.func.value)
        if method in LEVELS and owner in LOGGERS:
            level: ast.expr = ast.Constant("error" if method == "exception" else method)
            event = node.args[0]
        elif method == "log" and owner.endswith("out") and len(node.args) == 2:
            level, event = node.args
        else:
            continue
        if isinstance(event, ast.Constant):
            fields = frozenset(keyword.arg for keyword in node.keywords if keyword.arg) - {
                "exc_info",
                "at_s",
                "happened",
            }
            levels = frozenset({str(level.value)}) if isinstance(level, ast.Constant) else frozenset[str]()
            yield Logged(f"{place}:{node.lineno}", str(event.value), levels, fields)


@cache
def _logged() -> list[Logged]:
    return [
        found
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if WRITTEN.search(source := path.read_text())  # most modules log nothing
        for found in _calls(ast.parse(source), str(path.relative_to(ROOT)))
    ]


# What is logged under a name that a variable holds.
ELSEWHERE = {"process_crashed", "thread_crashed"}


def test_calls_that_log_are_found() -> None:
    source = """
log.get().info("a_happened", x=1)
self._out.log("warning", "b_happened", **fields, y=2)
self._out.log(level, "c_happened")
logger.exception("d_happened")
math.log(2, 3)
"""
    found = [(one.event, set(one.levels), set(one.fields)) for one in _calls(ast.parse(source), "here")]
    assert found == [
        ("a_happened", {"info"}, {"x"}),
        ("b_happened", {"warning"}, {"y"}),
        ("c_happened", set(), set()),
        ("d_happened", {"error"}, set()),
    ]


def test_every_call_that_logs_is_in_the_catalogue() -> None:
    assert len(_logged()) > 100
    for call in _logged():
        where, row = f"{call.event} of {call.place}", events.BY_NAME.get(call.event)
        assert row is not None, f"add a row for {where} to memmux/logs/events.py"
        assert call.levels <= set(row.levels.split()), f"{where}: its levels in memmux/logs/events.py are {row.levels}"
        assert call.fields <= set(row.fields.split()), f"{where}: its fields in memmux/logs/events.py are {row.fields}"


def test_every_event_of_the_catalogue_is_logged_somewhere() -> None:
    assert {event.name for event in events.EVENTS} == {call.event for call in _logged()} | ELSEWHERE


@pytest.mark.parametrize("event", events.EVENTS, ids=lambda event: event.name)
def test_event_says_what_it_means_and_a_warning_what_to_do(event: events.Event) -> None:
    assert set(event.levels.split()) <= {"debug", "info", "warning", "error"}
    assert event.text.endswith(".")
    if {"warning", "error"} & set(event.levels.split()):
        assert event.remedy.endswith(".")


def test_no_event_is_there_twice() -> None:
    assert len(events.BY_NAME) == len(events.EVENTS)


def test_fields_that_hold_content_are_known_to_the_catalogue_as_such() -> None:
    assert "arguments" in log.CONTENT_FIELDS


def test_page_is_made_from_the_code() -> None:
    assert (ROOT / "docs" / "events.md").read_text() == events_page.page(), (
        "run python -m memmux.cli.docs.events > docs/events.md"
    )
