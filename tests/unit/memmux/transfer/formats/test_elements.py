"""The elements of a JSON array, as a stream."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux.errors import ArgumentInvalidError
from memmux.transfer.formats import elements
from memmux.transfer.formats.base import Skips

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def read(data: bytes) -> tuple[list[Any], dict[str, int]]:
    skips = Skips()
    return list(elements.elements(io.BytesIO(data), skips)), dict(skips.counts)


@pytest.mark.slow
@given(given_=st.lists(JSON), ascii_=st.booleans(), size=st.integers(1, 9))
def test_they_are_those_of_the_array_wherever_a_read_ends(given_: list[Any], ascii_: bool, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elements, "READ_BYTES", size)
        assert read(json.dumps(given_, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")) == (given_, {})


def test_a_list_that_is_cut_off_gives_what_is_whole_and_says_so() -> None:
    whole = b'[{"a": "1"}, {"b": "\\"]"}]'
    for end in range(1, len(whole)):
        found, skipped = read(whole[:end])
        assert found == [{"a": "1"}, {"b": '"]'}][: len(found)]
        assert skipped == {elements.CUT_OFF: 1}


def test_what_is_too_long_or_no_json_or_too_deep_is_left_out_and_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elements, "ELEMENT_BYTES", 300_000)
    deep = b"[" * 100_000 + b"]" * 100_000
    found, skipped = read(b'[1, "' + b"x" * 400_000 + b'", ' + deep + b', {"a" 1}, "\\ud800", 2]')
    assert found == [1, "\ud800", 2]
    assert skipped == {elements._LONG: 1, elements._BROKEN: 2}


def test_what_is_no_list_is_refused() -> None:
    for data in (b"", b" ", b"{}", b"x", b"\xef\xbb\xbf{"):
        with pytest.raises(ArgumentInvalidError):
            read(data)
    assert read(b"\xef\xbb\xbf [] ") == ([], {})
