"""Keys without a cluster: what no key is bound to."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux.cli.main import USAGE, run


def test_no_key_is_bound_to_a_namespace_that_means_all(short_tmp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = short_tmp / "memories.db"
    assert run(["key", "add", "ada", "--role", "read", "--namespace", "*", "--database", str(database)]) == USAGE
    assert capsys.readouterr().err.startswith("memmux: argument_invalid: --namespace is '*', which means all of them")
    assert not list(short_tmp.iterdir())
