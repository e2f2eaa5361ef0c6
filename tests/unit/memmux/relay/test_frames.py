"""Frames: whatever is sent comes out again, in whatever portions it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux.relay import frames
from memmux.relay.frames import Frame, FrameError, FrameReader

ANY = st.builds(
    Frame,
    st.sampled_from([b"H", b"L", b"R", b"E", b"A", b"S", b"P", b"O", b"G", b"X"]),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=300),
    st.integers(0, 2**64 - 1),
)


@given(st.lists(ANY, max_size=8), st.lists(st.integers(1, 64), min_size=1))
def test_frames_come_out_as_they_went_in_however_they_are_cut(sent: list[Frame], cuts: list[int]) -> None:
    stream, reader, received = b"".join(frame.pack() for frame in sent), FrameReader(), []
    while stream:
        size = cuts.pop(0) if cuts else len(stream)
        received += [frame.pack() for frame in reader.feed(stream[:size])]
        stream = stream[size:]
    assert received == [frame.pack() for frame in sent]


def test_a_frame_that_is_too_long_is_refused_before_it_is_read() -> None:
    head = b"A" + (frames.PAYLOAD_BYTES + 1).to_bytes(4, "big") + bytes(16)
    with pytest.raises(FrameError, match="the most is"):
        list(FrameReader().feed(head))


def test_fields_keep_their_order_and_what_is_no_utf_8() -> None:
    given_fields = [("version", "1"), ("arg", "--a=b"), ("arg", ""), ("cwd", "/home/\udcff")]
    assert frames.unpack_fields(frames.pack_fields(given_fields)) == given_fields
    assert frames.unpack_fields(b"") == []


def test_numbers_come_out_as_they_went_in() -> None:
    assert frames.unpack_numbers(frames.pack_numbers([1, 22, 3])) == [1, 22, 3]
    assert frames.unpack_numbers(b"") == []
