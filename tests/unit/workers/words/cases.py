"""The cases of `tests/data/words.txt`: a text as Python writes it, an arrow, and its words."""

from __future__ import annotations

import ast
from pathlib import Path

_LINES = (Path(__file__).parents[3] / "data" / "words.txt").read_text(encoding="utf-8").splitlines()
CASES = [
    (str(ast.literal_eval(text.strip())), found.split()) for text, _, found in (line.rpartition("→") for line in _LINES)
]
