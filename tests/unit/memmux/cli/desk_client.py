"""A client of the real workers in this process, in the place of the one that talks to a cluster."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Self

from memmux.client import methods
from memmux.client.method import call_of
from tests.unit.workers.desk import Desk

Typed = Callable[..., tuple[int, str, str]]
"""Runs the command line with these arguments; returns exit code, standard output and standard error."""


class DeskClient:
    """Makes each call of `memmux.client.methods` at a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self, **_: Any) -> DeskClient:
        """Stand for the class of a client, too."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the desk open."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        ask = getattr(methods, name)

        def call(*arguments: Any, **options: Any) -> Any:
            made = call_of(ask, (arguments, options), self._desk.settings.namespace)
            body = self._desk.answer(made.operation, made.body, client="cli").frames[0]
            return made.read(SimpleNamespace(body=body))

        return call
