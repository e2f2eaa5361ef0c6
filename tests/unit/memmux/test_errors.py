from __future__ import annotations

import inspect
import os
import re

import pytest

from memmux import errors
from memmux.errors import ERRORS, MESSAGE_CHARACTERS, MemmuxError, OverloadedError, error_from_json
from memmux.wire import protocol

CLASSES = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, MemmuxError)]


def test_every_class_has_a_code_of_its_own() -> None:
    assert len({found.code for found in CLASSES}) == len(CLASSES)
    assert set(ERRORS.values()) == set(CLASSES)


@pytest.mark.parametrize("found", CLASSES)
def test_docstring_is_the_default_message(found: type[MemmuxError]) -> None:
    assert found.__doc__
    assert found().message == found.__doc__.partition("\n")[0]
    assert str(found()) == found().message
    assert found.__name__.endswith("Error")
    assert re.fullmatch(r"[a-z_]+", found.code)


@pytest.mark.parametrize("found", CLASSES)
def test_error_comes_back_from_json_as_it_was(found: type[MemmuxError]) -> None:
    error = error_from_json(found("because", retry_after_ms=5).to_json())
    assert (type(error), error.message, error.retry_after_ms) == (found, "because", 5)


def test_error_without_a_pause_has_none_in_json() -> None:
    assert OverloadedError("full").to_json() == {"code": "overloaded", "message": "full", "retryable": True}


@pytest.mark.parametrize("character", ["x", "ä", "\U0001f600", "\x00", '"'])
def test_message_of_any_length_travels_in_a_header_that_can_be_read(character: str) -> None:
    frames = protocol.encode_error(OverloadedError(character * 20_000), "r" * 128)
    message = str(protocol.decode(frames).header.detail["message"])
    assert message == character * (len(message) - 1) + "…"
    assert len(message) == MESSAGE_CHARACTERS


def test_message_with_a_file_name_that_is_no_text_travels() -> None:
    name = os.fsdecode(b"m\xe9moire.db")
    for number in (1, 2000):
        message = str(OverloadedError(f"{name} is full" * number).to_json()["message"])
        sent = protocol.encode_error(OverloadedError(f"{name} is full" * number), "r")
        assert protocol.decode(sent).header.detail["message"] == message
        assert message.startswith("m\\udce9moire.db is full")


@pytest.mark.parametrize("fields", [{}, {"code": "from_the_future"}, {"code": 5, "message": 6, "retry_after_ms": "x"}])
def test_error_that_is_not_known_is_a_plain_one(fields: dict[str, object]) -> None:
    error = error_from_json(fields)
    assert type(error) is MemmuxError
    assert error.message
    assert error.retry_after_ms is None


def test_tree_at_the_top_of_the_module_names_every_class() -> None:
    tree = set(re.findall(r"\w+Error", errors.__doc__ or ""))
    assert tree == {found.__name__ for found in CLASSES}
