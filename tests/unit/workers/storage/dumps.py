"""Memories as a dump has them, and how they are taken out and brought in."""

from __future__ import annotations

import base64
from typing import Any

from memmux.wire.embeddings import Embedding
from tests.unit.workers.desk import Desk

OLD = "01890000-0000-7000-8000-000000000000"


def dumped(desk: Desk, *, vectors: bool = True) -> list[dict[str, Any]]:
    page = desk.ask("memory.dump", {"vectors": vectors})
    assert page["next"] is None
    found: list[dict[str, Any]] = page["memories"]
    return found


def adopt(desk: Desk, *memories: object) -> Any:
    return desk.ask("memory.load", {"memories": memories, "adopt": True})


def line(**fields: Any) -> dict[str, Any]:
    """A memory as a dump has it."""
    known = {"id": OLD, "content": "one", "namespace": "default", "type": None, "tags": [], "metadata": {}}
    return {**known, "created_at": 1.5, "updated_at": 2.5, "deleted_at": None, "supersedes": None, **fields}


def statuses(answer: Any) -> list[tuple[int, str]]:
    return [(problem["place"], problem["status"]) for problem in answer["problems"]]


def vector(content: str, *floats: float, model: str = "tiny") -> dict[str, Any]:
    """The vectors of a memory, as a dump has them, of one window."""
    data = base64.b64encode(Embedding.of_vector(model, floats, len(content)).data).decode()
    return {"model": model, "dimensions": len(floats), "windows": [[0, len(content)]], "data": data}
