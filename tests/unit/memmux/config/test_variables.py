from __future__ import annotations

from memmux.config.variables import unread


def test_names_that_begin_as_settings_and_are_none_come_with_what_was_meant() -> None:
    assert unread(
        ["MEMMUX_DATABSE", "memmux_readers", "MEMMUX_QQQQQQQQQQQQQQQQQQQ", "MEMMUX_DATABASE", "MEMMUX_CONFIG", "PATH"]
    ) == {
        "MEMMUX_DATABSE": "MEMMUX_DATABASE was meant?",
        "MEMMUX_QQQQQQQQQQQQQQQQQQQ": "unset it",
        "memmux_readers": "MEMMUX_READERS was meant?",
    }
