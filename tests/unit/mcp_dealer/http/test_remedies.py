"""Errors advise what whoever asks over HTTP can do, and commands only where the server is to be mended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import memmux
from mcp_dealer.http.problem import document
from mcp_dealer.http.remedies import HERE, here
from memmux.errors import NotFoundError

ROOT = Path(memmux.__file__).parent.parent
MENDS = {"check", "stop", "restart", "restore", "setup", "key", "web", "tail", "doctor", "settings", "connect"}
"""Commands for whoever has the machine of the server."""
COMMAND = re.compile(r"`memmux ([a-z]+)[^`]*`")


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("deleted by 'ada'; `memmux undo 41` brings it back", 'POST /api/undo with {"seq": 41} brings it back'),
        ("there is no change 7; `memmux history ID` lists", "GET /api/memories/{id}/history lists"),
        ("`memmux history` has its changes", "GET /api/memories/{id}/history has its changes"),
    ],
)
def test_an_advice_is_one_that_can_be_followed_over_http(said: str, instead: str) -> None:
    assert instead in document(NotFoundError(said))["detail"]


def test_no_refusal_advises_a_command_that_whoever_asks_has_not() -> None:
    """The messages of all that REST reaches, as they stand in the code."""
    left = []
    for folder in ("memmux/wire", "memmux/transfer", "memmux/client", "workers/storage", "workers/runtime"):
        for file in (ROOT / folder).rglob("*.py"):
            code = re.sub(r'""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
            said = here(re.sub(r"\{seq\}", "7", code))
            left += [
                f"{file.relative_to(ROOT)}: {found[0]}" for found in COMMAND.finditer(said) if found[1] not in MENDS
            ]
            left += [f"{file.relative_to(ROOT)}: --when" for _ in re.findall(r"--when", said)]
    assert left == []


@pytest.mark.parametrize("advice", HERE)
def test_each_advice_stands_in_the_code(advice: str) -> None:
    texts = (
        file.read_text(encoding="utf-8").replace("{seq}", "7")
        for folder in ("memmux", "workers", "mcp_dealer/arguments")
        for file in (ROOT / folder).rglob("*.py")
    )
    assert any(re.search(advice, text) for text in texts)
