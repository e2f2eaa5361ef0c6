"""Long work: its lines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from mcp_dealer.http.rest import work
from memmux.client.asynchronous import AsyncClient
from memmux.client.blocking import Client
from memmux.config.settings import Settings


def test_work_that_says_nothing_is_told_to_go_on_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "QUIET_S", 0.01)
    enough = threading.Event()

    def quiet(_client: Client, _report: work.Report, _given_up: Callable[[], bool]) -> dict[str, Any]:
        enough.wait()
        return {"count": 1}

    async def lines() -> list[Any]:
        found = []
        async for line in work.lines(AsyncClient(settings=settings), quiet, lambda: None):
            found.append(orjson.loads(line))
            if len(found) == 3:
                enough.set()
        return found

    found = asyncio.run(lines())
    assert found[:3] == [{"done": 0, "total": None}] * 3
    assert found[-1] == {"report": {"count": 1}}
