"""The table of results in docs/reliability.md, made from what several runs of chaos printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

_COLUMNS = {
    "seed": "seed",
    "calls": "calls",
    "kills": "kills",
    "stalls": "stalls",
    "acknowledged": "acknowledged writes",
    "lost": "lost",
    "duplicated": "applied twice",
    "unanswered": "unanswered",
    "left_running": "left running",
    "max_recovery_worker_s": "worst recovery, worker",
    "max_recovery_router_s": "worst recovery, router",
}


def table(lines: Iterable[str]) -> Iterator[str]:
    """Give the lines of a Markdown table; `lines` are JSON documents of `python -m bench chaos --json`, one each."""
    yield f"| {' | '.join(_COLUMNS.values())} |"
    yield f"|{'---:|' * len(_COLUMNS)}"
    for line in lines:
        if line.strip():
            result: dict[str, Any] = orjson.loads(line)
            yield f"| {' | '.join(_cell(name, result[name]) for name in _COLUMNS)} |"


def _cell(name: str, value: float) -> str:
    return f"{value:.2f} s" if name.endswith("_s") else f"{value:,}".replace(",", " ")
