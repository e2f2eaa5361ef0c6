from __future__ import annotations

from pathlib import Path

import pytest

from memmux.cli import memories


@pytest.mark.parametrize(
    ("given", "text"), [("\ufeffa\n", "a"), ("a\ufeffb", "a\ufeffb"), ("\ufeff\ufeffa", "\ufeffa")]
)
def test_a_byte_order_mark_is_no_part_of_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, text: str
) -> None:
    (tmp_path / "text").write_bytes(given.encode())
    with (tmp_path / "text").open(encoding="utf-8") as opened:
        monkeypatch.setattr("sys.stdin", opened)
        assert memories._text("-") == text
