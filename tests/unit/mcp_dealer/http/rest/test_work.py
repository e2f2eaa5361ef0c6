"""Long work: its lines, and how it ends with its process."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import orjson
import pytest

from mcp_dealer.http.rest import work
from memmux.client.asynchronous import AsyncClient
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import DrainingError
from tests.bounds import BOUND_S


@pytest.mark.anyio
async def test_work_that_its_process_leaves_says_so_last_and_is_given_up(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_leaving", False)
    ended = threading.Event()

    def endless(_: Client, report: work.Report, running: work.Running) -> dict[str, Any]:
        report(1, 10)
        while not running.over():
            pass
        return {}

    told = work.lines(client, endless, ended.set)
    assert set(orjson.loads(await anext(told))) == {"upload"}
    assert orjson.loads(await anext(told)) == {"done": 1, "total": 10}
    work.leave()
    last = orjson.loads(await anext(told))["error"]
    assert (last["code"], last["retry"]) == ("draining", True)
    with pytest.raises(StopAsyncIteration):
        await anext(told)
    assert ended.wait(BOUND_S)
    with pytest.raises(DrainingError):
        work.check_staying()


@pytest.mark.anyio
async def test_work_of_which_nobody_asks_for_a_line_ends(client: AsyncClient) -> None:
    ended = threading.Event()
    told = work.lines(client, lambda _client, _report, _running: {}, ended.set, "mine")
    assert await asyncio.to_thread(ended.wait, BOUND_S)
    await told.aclose()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    monkeypatch.setattr(work, "QUIET_S", BOUND_S)

    class Alone:
        settings = None

    return cast("AsyncClient", Alone())


def test_work_that_says_nothing_is_told_to_go_on_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "QUIET_S", 0.01)
    enough = threading.Event()

    def quiet(_client: Client, _report: work.Report, _running: work.Running) -> dict[str, Any]:
        enough.wait()
        return {"count": 1}

    async def lines() -> list[Any]:
        found = []
        async for line in work.lines(AsyncClient(settings=settings), quiet, lambda: None):
            found.append(orjson.loads(line))
            if len(found) == 4:
                enough.set()
        return found

    found = asyncio.run(lines())
    assert found[1:4] == [{"done": 0, "total": None}] * 3
    assert found[-1] == {"report": {"count": 1}}


@pytest.mark.anyio
async def test_who_began_work_and_nobody_else_has_it_stopped_and_gets_its_report(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_leaving", False)

    def until_stopped(_: Client, report: work.Report, running: work.Running) -> dict[str, Any]:
        report(5, 0, 3)
        running.told.wait(BOUND_S)
        return {"stopped": running.stopped()}

    told = work.lines(client, until_stopped, lambda: None, "mine")
    name = orjson.loads(await anext(told))["upload"]
    assert orjson.loads(await anext(told)) == {"done": 5, "total": None, "memories": 3}
    assert not work.stop(name, "another's")
    assert not work.stop("unknown", "mine")
    assert work.stop(name, "mine")
    *_, last = [orjson.loads(line) async for line in told]
    assert last == {"report": {"stopped": True}}
    assert not work.stop(name, "mine")
