"""What a user sees of the Python interface: names, signatures, docstrings, exports, and the page made of them."""

from __future__ import annotations

import ast
import builtins
import collections.abc
import datetime as dt
import inspect
import pathlib
import re
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import memmux
from memmux import AsyncClient, Client, limits
from memmux.cli.docs.python import page, public_methods
from memmux.client import methods
from memmux.client.method import parameters
from memmux.errors import ERRORS
from memmux.wire.answers import Answer
from memmux.wire.operations import OPERATIONS
from tests.bounds import BOUND_S

PAGE = Path(__file__).parents[4] / "docs" / "python.md"
METHODS = [(client, method) for client in (Client, AsyncClient) for method in public_methods(client)]
NAMES = [f"{client.__name__}.{method.__name__}" for client, method in METHODS]
CLASSES = [cls for name in memmux.__all__ if is_dataclass(cls := getattr(memmux, name)) and name != "Settings"]
KNOWN = {
    *dir(builtins),
    *dir(typing),
    *dir(collections.abc),
    *dir(dt),
    *dir(pathlib),
    *memmux.__all__,
}

each_method = pytest.mark.parametrize(("client", "method"), METHODS, ids=NAMES)


def _named(annotation: object) -> Iterator[str]:
    """Return every name in an annotation."""
    for node in ast.walk(ast.parse(str(annotation), mode="eval")):
        if isinstance(node, ast.Name):
            yield node.id


@each_method
def test_a_method_has_the_name_under_which_it_is_found(client: type[Any], method: Callable[..., Any]) -> None:
    assert getattr(client, method.__name__) is method
    assert method.__qualname__ == f"{client.__name__}.{method.__name__}"
    assert method.__module__ == client.__module__


@each_method
def test_each_parameter_of_a_method_has_a_line_in_its_docstring(client: type[Any], method: Callable[..., Any]) -> None:
    del client
    names = list(inspect.signature(method).parameters)[1:]
    described = parameters(inspect.getdoc(method) or "", names)
    assert list(described) == names
    assert all(len(line) > len(name) + 8 for name, line in described.items())


@each_method
def test_a_docstring_says_what_is_returned_and_raised(client: type[Any], method: Callable[..., Any]) -> None:
    del client
    doc, answer = inspect.getdoc(method) or "", inspect.signature(method).return_annotation
    assert max(map(len, doc.splitlines())) <= 120
    if method.__name__ not in ("close", "aclose"):
        assert "may raise what `Client` lists." in doc
    if answer != "None":
        assert re.search(rf"^Returns an? `{answer}`", doc, re.MULTILINE)
    known = {cls.__name__ for cls in ERRORS.values()}
    assert set(re.findall(r"\b\w+Error\b", doc)) <= known


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_each_argument_of_a_client_has_a_line_in_its_docstring(client: type[Any]) -> None:
    names = list(inspect.signature(client).parameters)
    assert list(parameters(inspect.getdoc(client) or "", names)) == names


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_field_of_an_answer_or_argument_has_a_line_in_its_docstring(cls: type[Any]) -> None:
    names = [one.name for one in fields(cls) if not one.name.startswith("_")]
    assert sorted(parameters(inspect.getdoc(cls) or "", names)) == sorted(names)


@pytest.mark.parametrize("signed", [Client, AsyncClient, *(method for _, method in METHODS)])
def test_a_signature_shows_no_address_and_no_quotation_marks(signed: Callable[..., Any]) -> None:
    signature = inspect.signature(signed)
    assert " at 0x" not in str(signature)
    if inspect.unwrap(signed) is not signed:
        assert ": '" not in str(signature)


@each_method
def test_every_type_in_a_signature_is_exported(client: type[Any], method: Callable[..., Any]) -> None:
    signature = inspect.signature(method)
    annotations = [one.annotation for one in list(signature.parameters.values())[1:]]
    assert {name for one in (*annotations, signature.return_annotation) for name in _named(one)} <= KNOWN
    hints = typing.get_type_hints(method)
    assert hints.keys() - {"return"} == signature.parameters.keys() - {"self"}
    del client


@pytest.mark.parametrize("cls", [Client, AsyncClient, *CLASSES], ids=lambda cls: cls.__name__)
def test_every_type_of_a_field_or_constructor_is_exported(cls: type[Any]) -> None:
    annotations = [one.annotation for one in inspect.signature(cls).parameters.values()]
    annotations += [one.type for one in fields(cls)] if is_dataclass(cls) else []
    assert {name for annotation in annotations for name in _named(annotation)} <= KNOWN


def test_both_clients_take_the_same_arguments_and_have_the_same_methods() -> None:
    assert str(inspect.signature(Client)) == str(inspect.signature(AsyncClient))
    blocking = {method.__name__: method for method in public_methods(Client)}
    awaited = {method.__name__: method for method in public_methods(AsyncClient)}
    assert blocking.keys() - {"close"} == awaited.keys() - {"aclose"}
    for name in blocking.keys() & awaited.keys():
        assert inspect.signature(blocking[name]) == inspect.signature(awaited[name])
        assert inspect.getdoc(blocking[name]) == inspect.getdoc(awaited[name])
        assert inspect.iscoroutinefunction(awaited[name])


def test_every_operation_that_a_client_may_ask_for_has_a_method() -> None:
    source = "".join(inspect.getsource(inspect.getmodule(getattr(methods, name))) for name in methods.__all__)
    asked = set(re.findall(r'"((?:memory|admin|cluster)\.\w+)"', source))
    assert asked == {name for name, operation in OPERATIONS.items() if not operation.internal}


def test_every_method_answers_with_what_says_that_it_is_degraded() -> None:
    for method in public_methods(Client):
        answer = typing.get_type_hints(method)["return"]
        if answer is not type(None):
            assert hasattr(answer, "degraded"), method.__name__
            assert issubclass(answer, Answer) or answer is memmux.Status


@pytest.mark.parametrize(
    ("method", "limit"),
    [
        ("search", limits.SEARCH_LIMIT),
        ("list", limits.LIST_LIMIT),
        ("namespaces", limits.NAMES),
        ("tags", limits.NAMES),
        ("history", limits.HISTORY),
        ("graph", limits.GRAPH_HOPS),
        ("path", limits.GRAPH_HOPS),
        ("graph", limits.GRAPH_NODES),
        ("store", limits.ALIASES),
        ("store", limits.TAG_CHARACTERS),
        ("store_batch", limits.BATCH_MEMORIES),
        ("used", limits.BATCH_MEMORIES),
        ("dump", limits.DUMP_MEMORIES),
        ("load", limits.DUMP_MEMORIES),
        ("status", limits.DEADLINE_MS // 1000),
    ],
)
def test_a_docstring_has_the_limit_as_it_is(method: str, limit: int) -> None:
    assert re.search(rf"\b{limit}\b", inspect.getdoc(getattr(Client, method)) or "")


def test_help_reads_as_a_page() -> None:
    code = "import pydoc, memmux; print(pydoc.plain(pydoc.render_doc(memmux.Client.list)))"
    shown = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True, timeout=BOUND_S
    )
    lines = shown.stdout.splitlines()
    assert lines[2].startswith("list(self, *, limit: int = 20,")
    assert lines[2].endswith(") -> Page")
    assert lines[5] == "    limit: how many at most, 1 to 1000."


def test_the_page_about_python_is_current() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m memmux.cli.docs.python > docs/python.md"


def test_the_page_about_python_is_complete() -> None:
    text = page()
    headings = re.findall(r"^#+ (\w+)$", text, re.MULTILINE)
    for _, method in METHODS:
        assert method.__name__ in headings
    mentioned = {*headings, *re.findall(r"^- `(\w+)`", text, re.MULTILINE)}
    assert set(memmux.__all__) <= mentioned
    for _, method in METHODS:
        for name in list(inspect.signature(method).parameters)[1:]:
            assert f"| `{name}` |" in text
