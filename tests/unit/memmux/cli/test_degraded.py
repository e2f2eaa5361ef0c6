from __future__ import annotations

import re
from pathlib import Path

import pytest

from memmux.cli import degraded, output

OPERATIONS = Path(__file__).parents[4] / "docs" / "operations.md"


def test_every_code_of_the_documents_is_a_sentence_for_people_and_no_other_is() -> None:
    section = OPERATIONS.read_text().partition("## Degraded states")[2].partition("\n## ")[0]
    headings = re.findall(r"^### (.*)$", section, re.MULTILINE)
    codes = {code for heading in headings for code in re.findall(r"`([a-z_]+)`", heading)}
    assert degraded.SENTENCES.keys() == codes


def test_a_slot_that_fails_is_named() -> None:
    assert degraded.sentence("read-0_failing").startswith("read-0_failing: the worker read-0 keeps failing")


def test_each_code_is_warned_of_in_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    output.warn(("model_missing", "of_a_newer_version"))
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("memmux: degraded: model_missing: ")
    assert "`memmux setup`" in first
    assert second == "memmux: degraded: of_a_newer_version"


def test_a_model_that_is_missing_is_not_said_to_be_loading() -> None:
    assert degraded.model(None, ("indexing", "model_missing")) == "none (model_missing)"
    assert degraded.model(None, ("indexing",)) == "loading"
    assert degraded.model("m", ()) == "m"
