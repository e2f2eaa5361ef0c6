"""Options that commands share: what a value of --namespace means, and that `serve --help` has all of HTTP."""

from __future__ import annotations

from dataclasses import fields

import pytest

from memmux.cli.main import USAGE, run
from memmux.cli.web_address import OF_HTTP
from memmux.config.settings import Settings
from memmux.wire.namespaces import EVERYWHERE
from tests.unit.memmux.cli.desk_client import Typed


@pytest.mark.parametrize(
    "command",
    [
        ("list",),
        ("search", "kettle"),
        ("tags",),
        ("log",),
        ("timeline",),
        ("duplicates",),
        ("forget", "--tag", "kitchen", "--dry-run"),
    ],
    ids=lambda command: command[0],
)
def test_the_name_that_means_all_namespaces_is_all_of_them(typed: Typed, command: tuple[str, ...]) -> None:
    typed("store", "The kettle is from 1931.", "--tag", "kitchen", "--namespace", "work")
    typed("store", "The kettle is from 1931!", "--tag", "kitchen", "--namespace", "home")
    wanted = typed(*command, "--all-namespaces")
    assert wanted[0] == 0
    assert typed(*command, "--namespace", EVERYWHERE) == wanted
    assert typed(*command, "--namespace", "nowhere") != wanted


@pytest.mark.parametrize(
    "command",
    [("store", "x"), ("get", "x"), ("update", "x", "--type", "y"), ("delete", "x"), ("history", "x"), ("purge", "x")],
    ids=lambda command: command[0],
)
def test_where_one_is_needed_it_is_refused_with_what_to_do(typed: Typed, command: tuple[str, ...]) -> None:
    code, _, err = typed(*command, "--namespace", EVERYWHERE)
    assert code == USAGE
    assert "`memmux namespaces` lists them" in err


def test_an_undo_looks_everywhere_by_that_name(typed: Typed) -> None:
    _, stored, _ = typed("store", "The kettle is from 1931.", "--namespace", "work", "--json")
    code, out, err = typed("undo", stored.split('"id"')[1].split('"')[1], "--namespace", EVERYWHERE, "--yes")
    assert code == 0, (out, err)


@pytest.mark.parametrize("command", ["serve", "web"])
def test_the_help_of_what_serves_http_has_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert {each.name for each in fields(Settings)} >= set(OF_HTTP)
    assert run([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert [name for name in OF_HTTP if f"--{name.replace('_', '-')}" not in said] == []
