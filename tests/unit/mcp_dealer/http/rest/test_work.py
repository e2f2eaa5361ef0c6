from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import orjson
import pytest

from mcp_dealer.http.rest import work
from memmux.client.asynchronous import AsyncClient
from memmux.client.blocking import Client
from memmux.errors import DrainingError
from tests.bounds import BOUND_S

pytestmark = pytest.mark.anyio


async def test_work_that_its_process_leaves_says_so_last_and_is_given_up(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_leaving", False)
    ended = threading.Event()

    def endless(_: Client, report: work.Report, given_up: Callable[[], bool]) -> dict[str, Any]:
        report(1, 10)
        while not given_up():
            pass
        return {}

    told = work.lines(client, endless, ended.set)
    assert orjson.loads(await anext(told)) == {"done": 1, "total": 10}
    work.leave()
    last = orjson.loads(await anext(told))["error"]
    assert (last["code"], last["retry"]) == ("draining", True)
    with pytest.raises(StopAsyncIteration):
        await anext(told)
    assert ended.wait(BOUND_S)
    with pytest.raises(DrainingError):
        work.check_free()


@pytest.fixture
def client() -> AsyncClient:
    class Alone:
        settings = None

    return cast("AsyncClient", Alone())
