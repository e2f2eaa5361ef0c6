"""Parts of lines with a style, as `click.style` takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Styled:
    """A part of a line with its style."""

    text: str
    style: dict[str, Any]
