"""The man pages, made of the reference."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from memmux.cli.docs import man
from memmux.cli.main import cli

REFERENCE = Path(__file__).parents[5] / "docs" / "cli.md"
GROFF = shutil.which("groff")
PAGES = man.pages(REFERENCE.read_text())


def test_each_command_has_one_and_there_is_one_for_all() -> None:
    names = {f"memmux-{name}.1" for name in cli.list_commands(None)}  # type: ignore[arg-type]
    assert names | {"memmux.1", "memmux-key-add.1"} <= PAGES.keys()


def test_it_has_the_usage_the_options_and_the_exit_codes() -> None:
    page = PAGES["memmux-search.1"]
    assert ".SH SYNOPSIS\n.B memmux search [OPTIONS] QUERY\n" in page
    assert ".TP\n.B \\-\\-mode MODE\nHow to rank: semantic" in page
    assert ".TP\n.B 130\n" in page
    assert "\\fBmemmux\\-key\\-add\\fR(1)" in PAGES["memmux-key.1"]


@pytest.mark.slow
@pytest.mark.skipif(GROFF is None, reason="groff is not installed")
def test_groff_has_no_warnings() -> None:
    assert GROFF is not None
    for name, text in PAGES.items():
        ended = subprocess.run(
            [GROFF, "-man", "-Tutf8", "-ww", "-z"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.stderr == "", name
