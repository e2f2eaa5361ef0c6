from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux.hosts import json_edit

ENTRY = {"command": "/bin/memmux", "args": ["mcp"], "env": {"MEMMUX_TOOLS": "full"}}
TRIVIA = (*["", " ", "\n", "\t"] * 2, "\r\n", '// a, "b": {\n', "/* } */", "/* \n * two lines\n */", "//\u00a0\u2003\n")
KEYS = st.text(st.sampled_from('ab"\\/{}é\u2028'), max_size=3)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS


def _written(value: object, trivia: Iterator[str]) -> str:
    """Return a text that says `value`, with white space, comments and trailing commas where the iterator has them."""
    if isinstance(value, dict):
        items = (json.dumps(key) + next(trivia) + ":" + _written(each, trivia) for key, each in value.items())
        return "{" + _listed(items, trivia) + "}"
    if isinstance(value, list):
        return "[" + _listed((_written(each, trivia) for each in value), trivia) + "]"
    return next(trivia) + json.dumps(value, ensure_ascii=False)


def _listed(items: Iterator[str], trivia: Iterator[str]) -> str:
    written = [next(trivia) + item + next(trivia) for item in items]
    return ",".join(written) + ("," if written and next(trivia) else "") + next(trivia)


VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
OTHERS = st.dictionaries(KEYS.filter(lambda key: key != "a"), VALUES, max_size=3)
SERVERS = st.dictionaries(st.sampled_from(["x", "y", "né"]), VALUES, max_size=3)


@st.composite
def files(draw: st.DrawFn) -> tuple[dict[str, object], str]:
    """Return what a client's file says, and the file."""
    value: dict[str, object] = draw(OTHERS)
    if draw(st.booleans()):
        value["a"] = draw(SERVERS)
    trivia = itertools.cycle(draw(st.lists(st.sampled_from(TRIVIA), min_size=1, max_size=20)))
    return value, next(trivia) + _written(value, trivia) + next(trivia)


@given(files())
def test_reading_understands_comments_and_trailing_commas_anywhere(file: tuple[dict[str, object], str]) -> None:
    value, text = file
    assert json_edit.read(text) == value


@given(files())
def test_a_new_member_says_what_it_should_and_changes_nothing_else(file: tuple[dict[str, object], str]) -> None:
    value, text = file
    changed = json_edit.put(text, ("a", "memory"), ENTRY)
    servers = value.get("a", {})
    assert isinstance(servers, dict)
    assert json_edit.read(changed) == {**value, "a": {**servers, "memory": ENTRY}}
    # Byte for byte: what is inserted is a member and a comma, and without them it is the old text.
    left = iter(changed)
    assert all(character in left for character in text)
    if servers:
        assert json_edit.drop(changed, ("a", "memory")) == text


@given(files(), VALUES)
def test_a_new_value_leaves_every_byte_around_the_old_one(file: tuple[dict[str, object], str], value: object) -> None:
    said, text = file
    for key in said:
        changed = json_edit.put(text, (key,), value)
        assert json_edit.read(changed) == {**said, key: value}
        again = json_edit.put(changed, (key,), "mark")
        start = again.rindex('"mark"')
        assert text.startswith(again[:start])
        assert text.endswith(again[start + len('"mark"') :])


@given(files())
def test_a_member_that_goes_takes_nothing_else_along(file: tuple[dict[str, object], str]) -> None:
    value, text = file
    for key in value:
        left = json_edit.drop(text, (key,))
        assert json_edit.read(left) == {other: each for other, each in value.items() if other != key}
        rest = iter(text)
        assert all(character in rest for character in left)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.sampled_from([None, 1, 2, "\t"]))
def test_plain_json_is_read_as_the_standard_library_does(value: dict[str, object], indent: int | str | None) -> None:
    text = json.dumps(value, indent=indent)
    assert json_edit.read(text) == json.loads(text)
    assert json.loads(json_edit.put(text, ("new",), ENTRY)) == {**value, "new": ENTRY}


def test_a_member_looks_like_those_around_it() -> None:
    text = '{\n\t// my servers\n\t"mcpServers": {\n\t\t"docs": {"command": "npx"}, // keep\n\t\t// "off": {}\n\t},\n}\n'
    assert json_edit.put(text, ("mcpServers", "memory"), ENTRY) == (
        "{\n"
        "\t// my servers\n"
        '\t"mcpServers": {\n'
        '\t\t"docs": {"command": "npx"}, // keep\n'
        '\t\t// "off": {}\n'
        '\t\t"memory": {\n'
        '\t\t\t"command": "/bin/memmux",\n'
        '\t\t\t"args": ["mcp"],\n'
        '\t\t\t"env": {\n'
        '\t\t\t\t"MEMMUX_TOOLS": "full"\n'
        "\t\t\t}\n"
        "\t\t},\n"
        "\t},\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("// nothing yet", '// nothing yet\n{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("{}", '{\n  "a": {\n    "b": 1\n  }\n}'),
        ('{"x": 1}\n', '{"x": 1, "a": {"b": 1}}\n'),
        ('{\r\n    "x": 1\r\n}', '{\r\n    "x": 1,\r\n    "a": {\r\n        "b": 1\r\n    }\r\n}'),
        ('\ufeff{"x": 1 /* one */}', '\ufeff{"x": 1, /* one */ "a": {"b": 1}}'),
        ('{"x": 1 // one\n}', '{"x": 1, // one\n"a": {\n  "b": 1\n}\n}'),
    ],
)
def test_missing_objects_are_made(text: str, changed: str) -> None:
    assert json_edit.put(text, ("a", "b"), 1) == changed


def test_of_keys_that_stand_twice_the_last_is_changed_and_both_are_dropped() -> None:
    text = '{"a": {"b": 1}, "a": {"b": 2, "b": 3}}'
    assert json_edit.put(text, ("a", "b"), 4) == '{"a": {"b": 1}, "a": {"b": 2, "b": 4}}'
    assert json_edit.drop(text, ("a", "b")) == '{"a": {"b": 1}, "a": {}}'


def test_what_follows_on_the_line_does_not_slip_into_a_comment() -> None:
    text = '{"a": 1, // one\n "b": 2, "c": 3}'
    assert json_edit.read(json_edit.drop(text, ("b",))) == {"a": 1, "c": 3}


def test_dropping_what_is_not_there_changes_nothing() -> None:
    assert json_edit.drop('{"a": [1]}', ("a", "b")) == '{"a": [1]}'
    assert json_edit.drop("", ("a",)) == ""


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{", "line 1, column 2"),
        ('{"a": 1', "a comma or }"),
        ('{"a" 1}', "a colon"),
        ("{'a': 1}", "a key in double quotes"),
        ('{"a": 1,, "b": 2}', "a key in double quotes"),
        ('{\n  "a": tru\n}', "line 2, column 8: a value"),
        ('{"a": 01}', "line 1, column 7: a value"),
        ('{"a": NaN}', "a value"),
        ('{"a": "\\x"}', "a value"),
        ('{"a": "line\nfeed"}', "a value"),
        ('{"a": 1} {"b": 2}', "the end of the file"),
        ('{"a": 1 /* open }', "a comma or }"),
        ('{"a": [1 2]}', "a comma or ]"),
        ('{"a": ' * 300 + "1" + "}" * 300, "200 at the most"),
        ("[" * 100_000, "200 at the most"),
    ],
)
def test_what_is_no_json_is_refused_and_it_is_said_where(text: str, where: str) -> None:
    for change in (
        json_edit.read,
        lambda text: json_edit.put(text, ("a",), 1),
        lambda text: json_edit.drop(text, ("a",)),
    ):
        with pytest.raises(ValueError, match=re.escape(where)):
            change(text)


@pytest.mark.parametrize("text", ['{"a": null}', '{"a": []}', "[]", "5"])
def test_what_stands_in_the_way_is_not_overwritten(text: str) -> None:
    with pytest.raises(ValueError, match="is no object"):
        json_edit.put(text, ("a", "b"), 1)
